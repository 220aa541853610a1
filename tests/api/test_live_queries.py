"""Live queries are shared, reused and limited."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from atlas import live_queries
from atlas.live_queries import LiveQueries, RateLimit, TooManyQueries


class Service:
    """Counts its queries, and responds when it is released."""

    def __init__(self) -> None:
        self.count = 0
        self.released = asyncio.Event()
        self.failure: Exception | None = None

    async def query(self) -> int:
        self.count += 1
        number = self.count
        await self.released.wait()
        if self.failure:
            raise self.failure
        return number


def responding_service() -> Service:
    service = Service()
    service.released.set()
    return service


async def start(*calls: Awaitable[int]) -> list[asyncio.Future[int]]:
    """Start these calls, and let each run until it has to wait."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_callers_at_the_same_time_share_one_query() -> None:
    service, live = Service(), LiveQueries(reuse_seconds=0)
    calls = await start(*(live.share("adele", service.query) for _ in range(300)))
    service.released.set()

    assert set(await asyncio.gather(*calls)) == {1}
    assert service.count == 1


async def test_different_users_are_queried_separately() -> None:
    service, live = responding_service(), LiveQueries(reuse_seconds=0)

    assert [await live.share(user, service.query) for user in ("adele", "megan")] == [1, 2]


@pytest.mark.parametrize(("reuse_seconds", "results"), [(60, [1, 1]), (0, [1, 2])])
async def test_a_result_is_reused_for_a_while(reuse_seconds: int, results: list[int]) -> None:
    service, live = responding_service(), LiveQueries(reuse_seconds)

    assert [await live.share("adele", service.query) for _ in range(2)] == results


async def test_an_expired_result_is_not_reused(monkeypatch: pytest.MonkeyPatch) -> None:
    service, live, now = responding_service(), LiveQueries(reuse_seconds=60), [1000.0]
    monkeypatch.setattr(live_queries, "_now", lambda: now[0])
    first = await live.share("adele", service.query)
    now[0] += 60

    assert (first, await live.share("adele", service.query)) == (1, 2)


async def test_a_result_that_is_not_current_is_not_reused() -> None:
    """A scan may have observed the user since."""
    service, live = responding_service(), LiveQueries(reuse_seconds=60)
    await live.share("adele", service.query)

    assert await live.share("adele", service.query, is_current=lambda _: False) == 2


async def test_a_failure_is_shared_and_never_reused() -> None:
    service, live = Service(), LiveQueries(reuse_seconds=60)
    service.failure = ValueError("refused")
    calls = await start(*(live.share("adele", service.query) for _ in range(2)))
    service.released.set()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    service.failure = None

    assert [str(outcome) for outcome in outcomes] == ["refused", "refused"]
    assert await live.share("adele", service.query) == 2


async def test_a_caller_who_gives_up_does_not_cancel_it_for_others() -> None:
    service, live = Service(), LiveQueries(reuse_seconds=0)
    impatient, patient = await start(live.share("adele", service.query), live.share("adele", service.query))
    impatient.cancel()
    await asyncio.sleep(0)
    service.released.set()

    assert await patient == 1


async def test_one_limit_applies_to_all_live_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_queries, "MAX_WAIT_SECONDS", 0.01)
    service, live = Service(), LiveQueries(reuse_seconds=0, max_concurrent=2)
    running = await start(live.share("adele", service.query), live.share("megan", service.query))

    with pytest.raises(TooManyQueries):
        await live.share("alex", service.query)
    service.released.set()
    assert await asyncio.gather(*running) == [1, 2]
    assert await live.share("alex", service.query) == 3


async def test_each_caller_has_a_limit_per_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    limit, now = RateLimit(per_minute=2), [1000.0]
    monkeypatch.setattr(live_queries, "_now", lambda: now[0])
    limit.admit("maker")
    now[0] += 20
    limit.admit("maker")
    limit.admit("another")

    with pytest.raises(TooManyQueries) as problem:
        limit.admit("maker")
    assert problem.value.wait_seconds == 40
    now[0] += 40
    limit.admit("maker")


async def test_a_request_counts_once() -> None:
    limit = RateLimit(per_minute=1)
    admit: Callable[[], None] = limit.request_admitter("maker")
    admit()
    admit()

    with pytest.raises(TooManyQueries):
        limit.request_admitter("maker")()


async def test_idle_callers_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    limit, now = RateLimit(per_minute=1), [1000.0]
    monkeypatch.setattr(live_queries, "_now", lambda: now[0])
    for number in range(live_queries.MAX_CALLERS):
        limit.admit(f"caller {number}")
    now[0] += 61
    limit.admit("a new one")

    assert len(limit._times) == 1
