"""The body that the activities of a scan share: decode the request, run the use case, encode the result."""

from collections.abc import Awaitable, Callable
from typing import Any

from atlas import telemetry, wiring
from atlas.resources import Resources
from atlas.scans.messages import StepRequest, StepResult
from atlas.scans.steps import run_step


async def run[Request: StepRequest, Result: StepResult](
    use_case: Callable[[Resources, Request], Awaitable[Result]],
    request: Request,
    result: type[Result],
    *,
    needs_lock: bool = True,
) -> dict[str, Any]:
    """The encoded result of one step, as a part of the scan's trace."""
    resources = await wiring.resources()
    with telemetry.span(use_case.__name__, request.scan_id):
        return (await run_step(resources, request, use_case, result, needs_lock=needs_lock)).to_dict()
