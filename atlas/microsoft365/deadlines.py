"""A limit on how long a caller waits for a response."""

import asyncio
from collections.abc import Awaitable

from atlas.domain.unknown import Unknown
from atlas.microsoft365.failures import TenantFailure, TimedOut


async def within[Result](deadline: float | None, request: Awaitable[Result]) -> Result:
    """The result of a request, if it completes before this time of the event loop's clock; ``None``: no limit.

    Raises ``TimedOut`` otherwise.
    """
    try:
        async with asyncio.timeout_at(deadline):
            return await request
    except TimeoutError:
        raise TimedOut("Microsoft 365 did not respond in time") from None


async def within_or_unknown[Result](
    deadline: float | None, request: Awaitable[Result], *, raises: tuple[type[TenantFailure], ...] = ()
) -> Result | Unknown:
    """As ``within``, but returns a failure as ``Unknown``, except the types in ``raises``, which are raised."""
    try:
        return await within(deadline, request)
    except raises:
        raise
    except TenantFailure as failure:
        return failure.unknown()


def deadline_after(seconds: float) -> float:
    """The time on the event loop's clock this many seconds from now."""
    return asyncio.get_running_loop().time() + seconds
