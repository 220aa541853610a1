"""Runs one step of a scan: only while the scan holds the lock, and with failures returned instead of raised.

A failure that is raised would end the orchestration's ``task_all``, and Durable Functions would store its stack.
"""

import logging
from collections.abc import Awaitable, Callable

from atlas.microsoft365.failures import ListingExpired, NotUnderstood, TenantFailure, Throttled, Unreachable
from atlas.resources import Resources
from atlas.scans.messages import Retry, StepFailure, StepRequest, StepResult
from atlas.tables.store import StorageFailure, StorageUnavailable

log = logging.getLogger(__name__)


async def run_step[Request: StepRequest, Result: StepResult](
    resources: Resources,
    request: Request,
    use_case: Callable[[Resources, Request], Awaitable[Result]],
    result: type[Result],
    *,
    needs_lock: bool = True,
) -> Result:
    """The result of a use case, or a ``result`` that says why there is none."""
    name = use_case.__name__
    try:
        if needs_lock and not await resources.scans.holds_lock(request.scan_id):
            log.info("scan %s no longer holds the lock: %s does nothing", request.scan_id, name)
            return result(holds_lock=False)
        return await use_case(resources, request)
    except (TenantFailure, StorageFailure) as failure:
        log.warning("%s of scan %s: %s", name, request.scan_id, failure)
        return result(failure=step_failure(failure))
    except Exception as error:  # a bug: see the docstring of this module
        log.exception("%s of scan %s failed", name, request.scan_id)
        problem = f"{name} failed ({type(error).__name__}); the log says why"
        return result(failure=StepFailure(problem=problem, retry=Retry.AGAIN))


def step_failure(failure: TenantFailure | StorageFailure) -> StepFailure:
    """What the orchestration does about a failure."""
    match failure:
        case ListingExpired():
            retry = Retry.RESTART
        case Throttled() | Unreachable() | StorageUnavailable():
            retry = Retry.LATER
        case NotUnderstood():
            retry = Retry.AGAIN
        case _:
            retry = Retry.NEVER
    wait_seconds = failure.wait_seconds if isinstance(failure, Throttled) else None
    return StepFailure(problem=str(failure), retry=retry, wait_seconds=wait_seconds)
