"""Starting and stopping scans: one at a time, although Azure terminates late and callers race each other."""

import asyncio
from datetime import timedelta

import pytest

from atlas.domain.scans import ScanState
from atlas.scans import lifecycle
from atlas.scans.closing import close_scan
from atlas.scans.lifecycle import (
    START_TIMEOUT,
    OrchestrationStatus,
    ScanNotRunning,
    ScanStopping,
    end_scan_if_lost,
    refresh_scan,
    start_scan,
    stop_scan,
)
from atlas.scans.messages import Closing, Counts
from atlas.scans.personal_progress import PersonalPages
from atlas.scans.progress import ScanProgress, Step
from atlas.scans.warnings import BOOKINGS_DOWN
from tests.scans.conftest import scan


class FakeEngine:
    """Orchestrations that end some time after they are terminated, over the clock that ``asyncio.sleep`` moves."""

    def __init__(self, terminate_seconds=0.0):
        self.terminate_seconds = terminate_seconds
        self.now = 0.0
        self.statuses = {}
        self.due = {}
        self.started = []
        self.failure = None
        self.while_terminating = lambda: None

    async def sleep(self, seconds):
        self.now += seconds

    async def start_scan(self, request):
        if self.failure:
            raise self.failure
        self.started.append(request)
        self.run(request.scan_id)

    def run(self, instance_id, **custom_status):
        self.statuses[instance_id] = OrchestrationStatus(
            is_active=True, was_terminated=False, custom_status=custom_status or None
        )

    def end(self, instance_id, *, was_terminated=False):
        shown = self.statuses[instance_id].custom_status
        self.statuses[instance_id] = OrchestrationStatus(
            is_active=False, was_terminated=was_terminated, custom_status=shown
        )

    async def get(self, instance_id):
        for one, due in list(self.due.items()):
            if self.now >= due:
                self.end(one, was_terminated=True)
                del self.due[one]
        return self.statuses.get(instance_id)

    async def terminate(self, instance_id, reason):
        assert self.statuses[instance_id].is_active
        self.due.setdefault(instance_id, self.now + self.terminate_seconds)
        self.while_terminating()

    def is_active(self, instance_id):
        return self.statuses[instance_id].is_active


@pytest.fixture
def engine(monkeypatch):
    fake = FakeEngine()
    monkeypatch.setattr(lifecycle.asyncio, "sleep", fake.sleep)
    return fake


async def start(tenant, engine, suffix="0" * 8):
    return await start_scan(tenant.resources, engine, "http", suffix)


async def test_a_scan_is_started_with_the_lock(tenant, engine):
    started = await start(tenant, engine)

    lock = await tenant.resources.scans.get_lock()
    assert [request.scan_id for request in engine.started] == [started.scan_id]
    assert (lock.scan_id, lock.is_started, lock.is_stopping) == (started.scan_id, True, False)


async def test_a_second_start_returns_the_running_scan(tenant, engine):
    first = await start(tenant, engine)

    second = await start(tenant, engine, "1" * 8)

    assert second.scan_id == first.scan_id
    assert len(engine.started) == 1


async def test_concurrent_starts_run_one_scan(tenant, engine):
    scans = await asyncio.gather(*(start(tenant, engine, f"{n:08x}") for n in range(5)))

    assert len({one.scan_id for one in scans}) == 1
    assert len(engine.started) == 1


async def test_a_start_that_fails_releases_the_lock(tenant, engine):
    engine.failure = RuntimeError("Durable is away")
    with pytest.raises(RuntimeError):
        await start(tenant, engine)

    (failed,) = [one async for one in tenant.resources.scans.iterate()]
    assert failed.state is ScanState.FAILED
    assert await tenant.resources.scans.get_lock() is None


async def test_a_scan_that_was_never_started_is_replaced(tenant, engine):
    lost = await tenant.start_scan(scan())
    early = await start(tenant, engine)
    tenant.now += START_TIMEOUT + timedelta(seconds=1)

    new = await start(tenant, engine)

    assert early.scan_id == lost.scan_id
    assert new.scan_id != lost.scan_id
    assert (await tenant.resources.scans.get(lost.scan_id)).state is ScanState.FAILED


@pytest.mark.parametrize("seconds", [0, 3, 9])
async def test_stopping_waits_until_everything_has_ended(tenant, engine, seconds):
    engine.terminate_seconds = seconds
    running = await start(tenant, engine)
    engine.run(running.scan_id, page=2, lanes=2)
    engine.run(f"{running.scan_id}:2:0")
    engine.run(f"{running.scan_id}:2:1")

    stopped = await stop_scan(tenant.resources, engine, running)

    assert stopped.state is ScanState.CANCELLED
    assert not any(map(engine.is_active, engine.statuses))
    assert await tenant.resources.scans.get_lock() is None


async def test_a_late_termination_keeps_the_lock(tenant, engine):
    """Azure may take longer than a caller waits: no other scan starts before everything has ended."""
    engine.terminate_seconds = 25
    running = await start(tenant, engine)

    stopped = await stop_scan(tenant.resources, engine, running)
    lock = await tenant.resources.scans.get_lock()
    with pytest.raises(ScanStopping):
        await start(tenant, engine, "1" * 8)
    engine.now = 100
    other = await start(tenant, engine, "2" * 8)

    assert stopped.state is ScanState.CANCELLED
    assert (lock.scan_id, lock.is_stopping) == (running.scan_id, True)
    assert other.scan_id != running.scan_id
    assert [request.scan_id for request in engine.started] == [running.scan_id, other.scan_id]


async def test_a_start_waits_for_a_scan_that_is_about_to_end(tenant, engine):
    engine.terminate_seconds = 12
    running = await start(tenant, engine)

    await stop_scan(tenant.resources, engine, running)
    other = await start(tenant, engine, "1" * 8)

    assert not engine.is_active(running.scan_id)
    assert other.scan_id != running.scan_id


async def test_lanes_that_a_live_parent_starts_later_are_stopped_too(tenant, engine):
    """Until it has ended, the parent goes on: here it starts the lanes of its next page."""
    engine.terminate_seconds = 3
    running = await start(tenant, engine)
    engine.run(running.scan_id, page=1, lanes=1)
    engine.run(f"{running.scan_id}:1:0")

    def next_page():
        engine.while_terminating = lambda: None
        engine.run(running.scan_id, page=2, lanes=2)
        engine.run(f"{running.scan_id}:2:0")
        engine.run(f"{running.scan_id}:2:1")

    engine.while_terminating = next_page
    await stop_scan(tenant.resources, engine, running)

    assert len(engine.statuses) == 4
    assert not any(map(engine.is_active, engine.statuses))


async def test_probes_of_a_stopped_scan_lose_the_lock_first(tenant, engine):
    running = await start(tenant, engine)
    held = []
    resources = tenant.resources

    async def terminate(instance_id, reason):
        held.append(await resources.scans.holds_lock(running.scan_id))
        engine.end(instance_id)

    engine.terminate = terminate
    await stop_scan(resources, engine, running)

    assert held == [False]


async def test_a_scan_that_closes_meanwhile_is_not_cancelled(tenant, engine):
    running = await start(tenant, engine)
    original = engine.get

    async def closes_first(instance_id):
        status = await original(instance_id)
        await close_scan(tenant.resources, Closing(scan_id=running.scan_id))
        return status

    engine.get = closes_first
    with pytest.raises(ScanNotRunning):
        await stop_scan(tenant.resources, engine, running)

    assert (await tenant.resources.scans.get(running.scan_id)).state is ScanState.COMPLETED
    assert await tenant.resources.scans.get_lock() is None


async def test_a_late_close_does_not_revive_a_cancelled_scan(tenant, engine):
    running = await start(tenant, engine)
    await stop_scan(tenant.resources, engine, running)

    await close_scan(tenant.resources, Closing(scan_id=running.scan_id, counts=Counts(by_status={"published": 3})))

    assert (await tenant.resources.scans.get(running.scan_id)).state is ScanState.CANCELLED


async def test_lanes_of_a_failed_scan_keep_the_lock_until_they_end(tenant, engine):
    """One lane raised, so the parent closed the scan and ended; its other lane waits on a timer."""
    engine.terminate_seconds = 3
    running = await start(tenant, engine)
    engine.run(running.scan_id, page=4, lanes=2)
    engine.run(f"{running.scan_id}:4:0")
    engine.end(f"{running.scan_id}:4:0")
    engine.run(f"{running.scan_id}:4:1")

    await close_scan(tenant.resources, Closing(scan_id=running.scan_id, error="a lane failed", has_open_lanes=True))
    engine.end(running.scan_id)
    held = await tenant.resources.scans.holds_lock(running.scan_id)
    lock = await tenant.resources.scans.get_lock()
    other = await start(tenant, engine, "1" * 8)

    assert (held, lock.scan_id, lock.is_stopping) == (False, running.scan_id, True)
    assert not engine.is_active(f"{running.scan_id}:4:1")
    assert (await tenant.resources.scans.get_lock()).scan_id == other.scan_id


async def test_stopping_a_failing_scan_waits_for_its_other_lanes(tenant, engine):
    """One lane raised, and the parent has not closed the scan yet."""
    engine.terminate_seconds = 3
    running = await start(tenant, engine)
    failed = ScanProgress(
        scan_id=running.scan_id,
        concurrency=2,
        scanned_before=True,
        step=Step.PROBE_USERS,
        personal=PersonalPages(page=4, page_size=50),
    ).with_exception("a lane failed")
    engine.run(running.scan_id, **failed.custom_status())
    engine.run(f"{running.scan_id}:4:0")
    engine.end(f"{running.scan_id}:4:0")
    engine.run(f"{running.scan_id}:4:1")

    await stop_scan(tenant.resources, engine, running)

    assert not any(map(engine.is_active, engine.statuses))
    assert await tenant.resources.scans.get_lock() is None


async def test_an_ended_scan_is_not_stopped_again(tenant, engine):
    running = await start(tenant, engine)
    stopped = await stop_scan(tenant.resources, engine, running)

    with pytest.raises(ScanNotRunning):
        await stop_scan(tenant.resources, engine, stopped)


@pytest.mark.parametrize(("was_terminated", "state"), [(False, ScanState.FAILED), (True, ScanState.CANCELLED)])
async def test_a_scan_that_was_never_closed_is_settled(tenant, engine, was_terminated, state):
    running = await start(tenant, engine)
    engine.end(running.scan_id, was_terminated=was_terminated)

    refreshed = await refresh_scan(tenant.resources, engine, running)

    assert refreshed.state is state
    assert await tenant.resources.scans.get_lock() is None
    assert [event.name for event in tenant.events] == ["ScanFinished"]


async def test_lanes_of_a_lost_scan_keep_the_lock_until_they_end(tenant, engine):
    engine.terminate_seconds = 3
    running = await start(tenant, engine)
    engine.run(running.scan_id, page=1, lanes=1)
    engine.run(f"{running.scan_id}:1:0")
    engine.end(running.scan_id)

    refreshed = await refresh_scan(tenant.resources, engine, running)
    lock = await tenant.resources.scans.get_lock()
    new = await start(tenant, engine, "1" * 8)

    assert refreshed.state is ScanState.FAILED
    assert lock.is_stopping
    assert not engine.is_active(f"{running.scan_id}:1:0")
    assert new.scan_id != running.scan_id


async def test_progress_adds_up_over_lanes_and_shows_waiting(tenant, engine):
    running = await start(tenant, engine)
    engine.run(running.scan_id, page=1, lanes=2, counts={"by_status": {"published": 5}}, listed=20, total=100)
    engine.run(f"{running.scan_id}:1:0", counts={"by_status": {"published": 2, "unknown": 1}}, is_waiting=True)
    engine.run(f"{running.scan_id}:1:1", counts={"throttled_waits": 4}, is_waiting=False)

    shown = await refresh_scan(tenant.resources, engine, running)

    assert (shown.users_listed, shown.users_probed, shown.throttled_waits) == (20, 8, 4)
    assert shown.by_status == {"published": 7, "unknown": 1}
    assert shown.warnings == (BOOKINGS_DOWN,)


async def test_a_reader_of_ends_sees_the_end_of_a_lost_scan(tenant, engine):
    """Nobody requests the scan itself, and no other one is started."""
    log = tenant.resources.scans
    cursor = await log.end_cursor()
    await end_scan_if_lost(tenant.resources, engine)
    running = await tenant.start_scan(scan())
    engine.run(running.scan_id)
    await end_scan_if_lost(tenant.resources, engine)
    while_running = await log.ended_after(cursor, 10)
    engine.end(running.scan_id)
    await end_scan_if_lost(tenant.resources, engine)
    await end_scan_if_lost(tenant.resources, engine)

    assert while_running.scans == ()
    assert [(one.scan_id, one.state) for one in (await log.ended_after(cursor, 10)).scans] == [
        (running.scan_id, ScanState.FAILED)
    ]
