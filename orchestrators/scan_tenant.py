"""The scan of the tenant: runs the steps that ``ScanProgress`` names, and waits between them on durable timers."""

from collections.abc import Generator, Mapping
from datetime import timedelta
from typing import Any

import azure.durable_functions as df

from atlas.scans.lanes import LaneResult
from atlas.scans.messages import JoinResult
from atlas.scans.plan import PLAN
from atlas.scans.progress import ScanProgress, Step, lane_id
from orchestrators.names import (
    BEGIN_CREATOR_SEARCH,
    CLOSE_SCAN,
    COMPARE_SHARED_NAMES,
    DELETE_EXPIRED,
    FIND_CREATORS,
    INSPECT_SHARED_PAGES,
    JOIN_MAILBOXES,
    LIST_BUSINESSES,
    LIST_MAILBOX_POLICIES,
    LIST_MAILBOXES,
    LIST_SHARED_MAILBOXES,
    LIST_USERS,
    MARK_GONE,
    MARK_SHARED_PAGES_GONE,
    READ_ORGANIZATION,
    SCAN_PAGE,
)

STEPS_PER_GENERATION = 10
"""Then the orchestration continues as new: every turn replays the complete history before it."""
MAX_PROBLEM_LENGTH = 500

type Steps[Result] = Generator[Any, Any, Result]

blueprint = df.Blueprint()


ACTIVITIES: Mapping[Step, str] = {
    Step.BEGIN_CREATOR_SEARCH: BEGIN_CREATOR_SEARCH,
    Step.READ_ORGANIZATION: READ_ORGANIZATION,
    Step.LIST_MAILBOXES: LIST_MAILBOXES,
    Step.LIST_MAILBOX_POLICIES: LIST_MAILBOX_POLICIES,
    Step.LIST_USERS: LIST_USERS,
    Step.JOIN_MAILBOXES: JOIN_MAILBOXES,
    # Step.PROBE_USERS: probe_users
    Step.MARK_GONE: MARK_GONE,
    Step.LIST_BUSINESSES: LIST_BUSINESSES,
    Step.LIST_SHARED_MAILBOXES: LIST_SHARED_MAILBOXES,
    Step.COMPARE_SHARED_NAMES: COMPARE_SHARED_NAMES,
    Step.INSPECT_SHARED_PAGES: INSPECT_SHARED_PAGES,
    Step.MARK_SHARED_PAGES_GONE: MARK_SHARED_PAGES_GONE,
    Step.FIND_CREATORS: FIND_CREATORS,
    Step.DELETE_EXPIRED: DELETE_EXPIRED,
    Step.CLOSE_SCAN: CLOSE_SCAN,
}


@blueprint.orchestration_trigger(context_name="context")
def scan_tenant(context: df.DurableOrchestrationContext) -> Steps[dict[str, Any] | None]:
    """Scan the tenant; returns the state in which the scan ended, or nothing if it did not hold the lock."""
    progress = ScanProgress.from_dict(context.get_input())
    for _ in range(STEPS_PER_GENERATION):
        # In every generation: continuing as new drops the status, which shows which lanes are running.
        context.set_custom_status(progress.custom_status())
        if progress.step is Step.END:
            return progress.result()
        if progress.wait_seconds:
            yield context.create_timer(context.current_utc_datetime + timedelta(seconds=progress.wait_seconds))
        if progress.step is Step.PROBE_USERS:
            progress = yield from probe_users(context, progress)
        else:
            progress = yield from call_activity(context, progress)
    context.continue_as_new(progress.to_dict())
    return None


def call_activity(context: df.DurableOrchestrationContext, progress: ScanProgress) -> Steps[ScanProgress]:
    """Run a step that is one activity."""
    call = PLAN[progress.step]
    try:
        result = yield context.call_activity(ACTIVITIES[progress.step], call.request(progress).to_dict())
    except Exception as error:  # noqa: BLE001 - the SDK raises this class when an activity fails
        return progress.with_exception(first_line(error))
    return call.after(progress, call.result.from_dict(result))


def probe_users(context: df.DurableOrchestrationContext, progress: ScanProgress) -> Steps[ScanProgress]:
    """Probe the page of users in lanes, while the next page is joined with its mailboxes."""
    tasks = [
        context.call_sub_orchestrator(SCAN_PAGE, lane.to_dict(), lane_id(progress.scan_id, lane.page, number))
        for number, lane in enumerate(progress.lanes())
    ]
    has_next = progress.personal.has_next
    if has_next:
        tasks.append(context.call_activity(JOIN_MAILBOXES, progress.join_request().to_dict()))
    try:
        results = (yield context.task_all(tasks)) if tasks else []
    except Exception as error:  # noqa: BLE001 - as above
        return progress.with_exception(first_line(error))
    lanes = [LaneResult.from_dict(result) for result in (results[:-1] if has_next else results)]
    return progress.with_probes(lanes, JoinResult.from_dict(results[-1]) if has_next else None)


def first_line(error: Exception) -> str:
    """What an activity raised, without its stack, which the SDK appends.

    The Durable Task Scheduler loses the text (durabletask-python#562); the SDK then writes ``None``.
    """
    text = str(error).strip().partition("\n")[0].strip()[:MAX_PROBLEM_LENGTH]
    return "an activity failed; the log says why" if text in {"", "None"} else text
