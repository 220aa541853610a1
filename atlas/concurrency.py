"""Calls an async function for many items, a few at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable


async def map_concurrently[Item, Result](
    function: Callable[[Item], Awaitable[Result]], items: Iterable[Item], limit: int
) -> list[Result]:
    """The results in the order of the items, with at most ``limit`` concurrent calls."""
    semaphore = asyncio.Semaphore(limit)

    async def call(item: Item) -> Result:
        async with semaphore:
            return await function(item)

    return await asyncio.gather(*map(call, items))
