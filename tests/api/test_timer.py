"""The timer retries a failed start, and deletes what has expired whatever happens to the scan."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from api import timer
from api.orchestrations import PurgeNotSupported
from api.timer import WAITS, delete_expired, start_with_retries
from atlas.domain.scans import ScanState
from atlas.scans.lifecycle import OrchestrationStatus
from atlas.settings import InvalidSettings
from tests.scans.conftest import MemoryTenant, scan


class FakeOrchestrations:
    """Durable Functions that fails for the first calls."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.started: list[str] = []
        self.purge_failure: Exception | None = None

    async def start_scan(self, request):
        self.failures -= 1
        if self.failures >= 0:
            raise RuntimeError("Durable is away")
        self.started.append(request.scan_id)

    async def get(self, instance_id):
        if instance_id not in self.started:
            return None
        return OrchestrationStatus(is_active=True, was_terminated=False, custom_status=None)

    async def terminate(self, instance_id, reason):
        raise AssertionError("nothing to terminate")

    async def delete_before(self, moment):
        if self.purge_failure:
            raise self.purge_failure


@pytest.fixture
def tenant() -> MemoryTenant:
    return MemoryTenant()


async def start(tenant, orchestrations, open_failures=()):
    waits, failures = [], list(open_failures)

    async def open_resources():
        if failures:
            raise failures.pop(0)
        return tenant.resources

    async def sleep(seconds):
        waits.append(seconds)

    try:
        await start_with_retries(open_resources, orchestrations, sleep)
    except (RuntimeError, InvalidSettings) as error:
        return waits, error
    return waits, None


async def test_a_start_that_works_does_not_wait(tenant):
    orchestrations = FakeOrchestrations()

    assert await start(tenant, orchestrations) == ([], None)
    assert len(orchestrations.started) == 1


async def test_a_failed_start_is_retried_with_growing_waits(tenant):
    orchestrations = FakeOrchestrations(failures=3)

    waits, error = await start(tenant, orchestrations)

    assert (waits, error) == (list(WAITS[:3]), None)
    states = [one.state async for one in tenant.resources.scans.iterate()]
    assert states.count(ScanState.FAILED) == 3
    assert len(orchestrations.started) == 1


async def test_storage_that_is_away_is_retried_too(tenant):
    tenant.store.unavailable = 1

    waits, error = await start(tenant, FakeOrchestrations())

    assert (waits, error) == ([WAITS[0]], None)


async def running_scan(tenant):
    """A scan that runs, and the orchestrations that say so."""
    orchestrations = FakeOrchestrations()
    await start(tenant, orchestrations)
    return orchestrations


async def only_scan(tenant):
    (only,) = [one async for one in tenant.resources.scans.iterate()]
    return only


async def test_a_scan_that_is_due_while_one_runs_is_reported(tenant, caplog):
    orchestrations = await running_scan(tenant)
    tenant.now += timedelta(days=1)

    assert await start(tenant, orchestrations) == ([], None)

    (warning,) = (await only_scan(tenant)).warnings
    (event,) = tenant.events
    assert warning.startswith("A scan was due while this one was running, and did not start: 2026-11-24 03:00 UTC.")
    assert (event.name, event.facts["runningSeconds"]) == ("ScanNotStarted", 24 * 3600)
    assert "did not start" in caplog.text


async def test_a_due_time_is_reported_once(tenant):
    """The timer may run twice for the same time."""
    orchestrations = await running_scan(tenant)
    for _ in range(2):
        await start(tenant, orchestrations)

    assert len((await only_scan(tenant)).warnings) == 1


async def test_only_the_newest_due_times_are_kept(tenant):
    orchestrations = await running_scan(tenant)
    for _ in range(8):
        tenant.now += timedelta(hours=1)
        await start(tenant, orchestrations)

    warnings = (await only_scan(tenant)).warnings
    assert (len(warnings), "11:00" in warnings[-1]) == (5, True)


async def test_a_due_scan_starts_if_the_running_one_ends_meanwhile(tenant):
    """It was running when the timer read it, and had ended when the warning was to be written."""
    orchestrations = await running_scan(tenant)
    running = await only_scan(tenant)
    read = orchestrations.get

    async def get_and_end(instance_id):
        status = await read(instance_id)
        orchestrations.get = read
        ended = replace(running, state=ScanState.COMPLETED, finished_at=tenant.now)
        await tenant.resources.scans.update(running.scan_id, lambda _: ended)
        await tenant.resources.scans.release_lock(running.scan_id)
        return status

    orchestrations.get = get_and_end
    assert await start(tenant, orchestrations) == ([], None)

    assert len(orchestrations.started) == 2
    assert (await tenant.resources.scans.get(running.scan_id)).warnings == ()


async def test_the_last_failure_is_raised(tenant):
    waits, error = await start(tenant, FakeOrchestrations(failures=1000))

    assert waits == list(WAITS)
    assert "away" in str(error)


async def test_invalid_settings_are_not_retried(tenant):
    waits, error = await start(tenant, FakeOrchestrations(), [InvalidSettings(["TENANT_ID is missing"])])

    assert waits == []
    assert isinstance(error, InvalidSettings)


def test_all_waits_fit_into_the_function_timeout():
    assert 15 * 60 <= sum(WAITS) < 25 * 60


async def opened(tenant):
    return tenant.resources


async def test_a_purge_that_is_not_supported_is_logged_once(tenant, caplog):
    """On the Durable Task Scheduler this happens every night."""
    timer._warn_once.cache_clear()
    orchestrations = FakeOrchestrations()
    orchestrations.purge_failure = PurgeNotSupported("set a retention policy")

    for _ in range(3):
        await delete_expired(lambda: opened(tenant), orchestrations)

    assert [line.getMessage() for line in caplog.records] == ["set a retention policy"]


async def test_deleting_that_fails_is_logged_and_not_raised(tenant, caplog):
    tenant.store.unavailable = 1

    await delete_expired(lambda: opened(tenant), FakeOrchestrations())

    (line,) = caplog.records
    assert line.levelno == logging.ERROR


async def test_the_timer_deletes_although_the_scan_cannot_start(tenant, monkeypatch):
    deleted = []

    async def fail(*_):
        raise RuntimeError("Durable is away")

    async def delete(*_):
        deleted.append(scan().scan_id)

    monkeypatch.setattr(timer, "start_with_retries", fail)
    monkeypatch.setattr(timer, "delete_expired", delete)
    monkeypatch.setattr(timer, "DurableOrchestrations", lambda _: None)
    run = timer.start_scheduled_scan.build().get_user_function()
    while hasattr(run, "__wrapped__"):
        run = run.__wrapped__

    with pytest.raises(RuntimeError, match="away"):
        await run(timer=None, client=None)

    assert len(deleted) == 1
