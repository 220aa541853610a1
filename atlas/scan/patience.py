"""How long somebody who waits for an answer is kept waiting."""

import asyncio
from collections.abc import Awaitable

from atlas.microsoft365.failures import TimedOut


async def answered_by[Answer](deadline: float | None, question: Awaitable[Answer]) -> Answer:
    """The answer, if it comes before this time of the event loop's clock; ``None`` waits for ever.

    Raises ``TimedOut`` in the place of an answer that comes later.
    """
    try:
        async with asyncio.timeout_at(deadline):
            return await question
    except TimeoutError:
        raise TimedOut("Microsoft 365 did not answer within the time that a caller waits") from None


def deadline_in(seconds: float) -> float:
    """The time of the event loop's clock in so many seconds."""
    return asyncio.get_running_loop().time() + seconds
