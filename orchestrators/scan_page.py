"""One lane of a page: asks about its users a few at a time, waits where a service asks it to, and goes on slower."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df

from atlas.scans.messages import ProbeResult
from atlas.scans.progress import Lane
from orchestrators.names import PROBE_USER

TURNS_PER_GENERATION = 50
"""Then the flow continues as new: replaying a history costs time for each of its events, at every turn."""

blueprint = df.Blueprint()


@blueprint.orchestration_trigger(context_name="context")
def scan_page(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict[str, Any] | None]:
    """Probe every user of the lane; answers the counts."""
    lane = Lane.from_dict(context.get_input())
    context.set_custom_status(lane.counts)  # in each generation: continuing as new drops what was shown
    for _ in range(TURNS_PER_GENERATION):
        if not lane.is_open:
            return lane.counts
        probes = lane.next_probes()
        answers = yield context.task_all(
            [context.call_activity(PROBE_USER, lane.request(index, attempt).to_dict()) for index, attempt in probes]
        )
        lane = lane.with_answers(probes, [ProbeResult.from_dict(answer) for answer in answers])
        context.set_custom_status(lane.counts)
        if lane.is_open and lane.wait_seconds:
            yield context.create_timer(context.current_utc_datetime + timedelta(seconds=lane.wait_seconds))
    context.continue_as_new(lane.to_dict())
    return None
