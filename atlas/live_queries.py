"""Live queries for callers who wait: those for the same thing share one query, and each caller has a limit."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

MAX_CONCURRENT = 10
"""Concurrent live queries of one process, from all callers; a scan's probes have a limit of their own."""
MAX_WAIT_SECONDS = 1
"""How long a query waits while that many are running."""
MAX_CALLERS = 1000
"""Number of stored callers above which callers without recent queries are removed."""
MINUTE = 60.0


@dataclass(eq=False)  # not frozen: re-raising an exception sets its traceback
class TooManyQueries(Exception):
    """The limit is reached; the caller may try again after ``wait_seconds``."""

    wait_seconds: float


class LiveQueries:
    """One query per key at a time, whose result every caller who waits receives and later callers may reuse."""

    def __init__(self, reuse_seconds: float, max_concurrent: int = MAX_CONCURRENT) -> None:
        self._reuse_seconds = reuse_seconds
        self._slots = asyncio.Semaphore(max_concurrent)
        self._running: dict[Hashable, asyncio.Task[Any]] = {}
        self._results: dict[Hashable, tuple[float, Any]] = {}
        """By key, the oldest first: until when each may be reused, and the result."""

    async def share[Result](
        self,
        key: Hashable,
        query: Callable[[], Awaitable[Result]],
        is_current: Callable[[Result], bool] = lambda _: True,
    ) -> Result:
        """Return the result of a recent query with this key, or of the running query, or of a new query.

        A failure is shared with those who wait for it, and never reused. Raises ``TooManyQueries``, and what the query
        raises.
        """
        recent = self._recent(key)
        if recent and is_current(recent[1]):
            result: Result = recent[1]
            return result
        task: asyncio.Task[Result] | None = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(self._run(key, query))
            task.add_done_callback(_mark_retrieved)
        # A caller who gives up does not cancel the query for the others.
        return await asyncio.shield(task)

    async def _run[Result](self, key: Hashable, query: Callable[[], Awaitable[Result]]) -> Result:
        try:
            async with self._slot():
                result = await query()
            self._store(key, result)
            return result
        finally:
            del self._running[key]

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(MAX_WAIT_SECONDS):
                await self._slots.acquire()
        except TimeoutError:
            raise TooManyQueries(MAX_WAIT_SECONDS) from None
        try:
            yield
        finally:
            self._slots.release()

    def _recent(self, key: Hashable) -> tuple[float, Any] | None:
        found = self._results.get(key)
        return found if found and found[0] > _now() else None

    def _store(self, key: Hashable, result: object) -> None:
        now = _now()
        expired = []
        for known, (until, _) in self._results.items():
            if until > now:
                break
            expired.append(known)
        for known in [*expired, key]:
            self._results.pop(known, None)
        if self._reuse_seconds > 0:
            self._results[key] = (now + self._reuse_seconds, result)


class RateLimit:
    """Admits at most ``per_minute`` live queries per caller in any minute."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._times: dict[str, deque[float]] = {}

    def admit(self, caller: str) -> None:
        """Count a query of this caller. Raises ``TooManyQueries``."""
        now = _now()
        times = self._times.setdefault(caller, deque())
        while times and times[0] <= now - MINUTE:
            times.popleft()
        if len(times) >= self._per_minute:
            raise TooManyQueries(math.ceil(times[0] + MINUTE - now))
        times.append(now)
        if len(self._times) > MAX_CALLERS:
            self._times = {name: known for name, known in self._times.items() if known[-1] > now - MINUTE}

    def request_admitter(self, caller: str) -> Callable[[], None]:
        """A function that admits one request of this caller. Calling it again for the same request counts nothing more.

        It raises ``TooManyQueries``.
        """
        admitted = False

        def admit() -> None:
            nonlocal admitted
            if not admitted:
                self.admit(caller)
            admitted = True

        return admit


def _now() -> float:
    return asyncio.get_running_loop().time()


def _mark_retrieved(task: asyncio.Task[Any]) -> None:
    """Every caller may have given up by now; without this, asyncio would log the failure."""
    if not task.cancelled():
        task.exception()
