"""The stage of shared pages, its steps called one after the other as the orchestration would, without a host."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from atlas.resources import Resources
from atlas.scans import shared_steps
from atlas.scans.messages import ScanRequest, SharedRequest, SharedResult
from atlas.scans.progress import ScanProgress, Step
from atlas.scans.shared_progress import SharedPages
from atlas.scans.steps import run_step

STEPS = {
    Step.BEGIN_CREATOR_SEARCH: shared_steps.begin_creator_search,
    Step.LIST_BUSINESSES: shared_steps.list_businesses,
    Step.LIST_SHARED_MAILBOXES: shared_steps.list_shared_mailboxes,
    Step.COMPARE_SHARED_NAMES: shared_steps.compare_shared_names,
    Step.INSPECT_SHARED_PAGES: shared_steps.inspect_shared_pages,
    Step.MARK_SHARED_PAGES_GONE: shared_steps.mark_shared_pages_gone,
    Step.FIND_CREATORS: shared_steps.find_creators,
}


async def run_stage(resources: Resources, scan_id: str) -> tuple[SharedPages, float]:
    """The state of the stage at its end, and how many seconds it would have waited."""
    start = ScanProgress.from_dict(ScanRequest(scan_id=scan_id, concurrency=4, scanned_before=False).to_dict())
    begun = start.with_shared(await _step(resources, start))
    progress, waited = replace(begun, step=Step.LIST_BUSINESSES), 0.0
    while progress.step in STEPS:
        waited += progress.wait_seconds
        progress = progress.with_shared(await _step(resources, progress))
    return progress.shared, waited


async def _step(resources: Resources, progress: ScanProgress) -> SharedResult:
    request = SharedRequest.from_dict(progress.shared_request().to_dict())
    use_case: Callable[[Resources, SharedRequest], Awaitable[SharedResult]] = STEPS[progress.step]
    result = await run_step(resources, request, use_case, SharedResult, needs_lock=False)
    return SharedResult.from_dict(result.to_dict())
