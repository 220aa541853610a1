"""The timer retries a failed start, and deletes what has expired whatever happens to the scan."""

import logging

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
