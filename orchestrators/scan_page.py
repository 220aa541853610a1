"""One lane of a page: probes its users one after the other, and waits while Bookings throttles or does not respond."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df

from atlas.scans.lanes import Lane
from atlas.scans.messages import ProbeResult
from orchestrators.names import PROBE_USER

TURNS_PER_GENERATION = 8
"""Then the orchestration continues as new: every turn replays the complete history before it, at 80 µs an event."""

blueprint = df.Blueprint()


@blueprint.orchestration_trigger(context_name="context")
def scan_page(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict[str, Any] | None]:
    """Probe every user of the lane; returns the counts and what was observed of Bookings."""
    lane = Lane.from_dict(context.get_input())
    for _ in range(TURNS_PER_GENERATION):
        context.set_custom_status(lane.custom_status())
        if not lane.is_open:
            return lane.result().to_dict()
        if lane.wait_seconds:
            yield context.create_timer(context.current_utc_datetime + timedelta(seconds=lane.wait_seconds))
        try:
            result = yield context.call_activity(PROBE_USER, lane.next_request().to_dict())
        except Exception:  # noqa: BLE001 - a lost worker arrives as this; the user is probed again
            result = {}
        lane = lane.with_result(ProbeResult.from_dict(result))
    context.continue_as_new(lane.to_dict())
    return None
