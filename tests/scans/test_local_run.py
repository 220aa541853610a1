"""A scan without Durable Functions: the same waits, lanes and limits, and a scan that was interrupted continues."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import accumulate, pairwise
from typing import Any
from uuid import UUID

import pytest

from atlas.domain.mailboxes import Mailbox
from atlas.domain.pages import NoPage
from atlas.domain.scans import ScanState
from atlas.microsoft365.failures import Refused, Throttled, Unreachable
from atlas.microsoft365.graph import Account, LicensedUsersPage
from atlas.scans.lanes import MAX_OUTAGE_SECONDS
from atlas.scans.local_run import (
    BOOKINGS_THROTTLES,
    BOOKINGS_UNRESPONSIVE,
    RESUMABLE_FOR,
    USE_CASES,
    LocalScans,
    RunStatus,
)
from atlas.scans.plan import PLAN
from atlas.scans.progress import Step
from atlas.scans.selection import Selection
from atlas.tables.checkpoints import SCAN_CHECKPOINTS, Checkpoints
from orchestrators.scan_tenant import ACTIVITIES
from tests.scans.conftest import MemoryTenant, user, user_id

THROTTLED = Throttled("Bookings responded with 429", 30)
DOWN = Unreachable("Bookings did not respond")


class Directory:
    """Microsoft Graph with pages of users, each with a mailbox."""

    def __init__(self, *pages: int) -> None:
        starts = accumulate(pages, initial=0)
        self.pages = [[user(number) for number in range(*ends)] for ends in pairwise(starts)]
        self.failures: list[Exception] = []

    async def get_licensed_page(self, link: str | None) -> LicensedUsersPage:
        if self.failures:
            raise self.failures.pop(0)
        number = int(link or 0)
        following = str(number + 1) if number + 1 < len(self.pages) else None
        return LicensedUsersPage(tuple(self.pages[number]), following, sum(map(len, self.pages)))

    async def get_mailboxes(self, ids: list[str]) -> dict[str, Mailbox]:
        return {one: Mailbox(UUID(one)) for one in ids}

    async def get_mailbox(self, one: str) -> Mailbox:
        return Mailbox(UUID(one))

    async def get_accounts(self, names: list[str]) -> dict[str, Account | None]:
        known = {one.upn: one for page in self.pages for one in page}
        return {name: Account(known[name], True) if name in known else None for name in names}


class Pages:
    """Bookings: raises what a test scripts, and then finds no page. It counts the requests in flight."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = dict(enumerate(failures, 1))
        self.requested: list[UUID] = []
        self.in_flight = self.most_in_flight = 0

    async def get_page(self, guid: UUID) -> NoPage:
        self.requested.append(guid)
        number = len(self.requested)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(0)
        self.in_flight -= 1
        if failure := self.failures.pop(number, None):
            raise failure
        return NoPage(404)

    def fail_request(self, number: int, failure: Exception) -> None:
        self.failures[number] = failure


class Run:
    """A tenant and its local scans; waiting moves the clock."""

    def __init__(self, tenant: MemoryTenant, *pages: int, failures: tuple[Exception, ...] = ()) -> None:
        self.tenant = tenant
        self.directory, self.pages = Directory(*pages), Pages(*failures)
        self.slept: list[float] = []
        self.shown: list[RunStatus] = []
        self.interrupt_at_wait = 0

    def scans(self, selection: Selection | None = None, **more: Any) -> LocalScans:
        clients: Any = {"directory": self.directory, "pages": self.pages, "shared_pages": False, **more}
        resources = replace(self.tenant.resources, **clients)
        return LocalScans(resources, Checkpoints(self.tenant.store, resources.tenant_id), selection)  # type: ignore[arg-type]

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == self.interrupt_at_wait:
            raise asyncio.CancelledError
        self.tenant.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    async def run(self, scans: LocalScans | None = None) -> Any:
        scans = scans or self.scans()
        progress = await scans.find_interrupted() or await scans.start("0a1b2c3d")
        return await scans.run(progress, self.shown.append, self.sleep)

    def reasons(self) -> set[str]:
        return {status.waiting.reason for status in self.shown if status.waiting}


def test_every_step_of_the_plan_has_a_use_case_and_an_activity():
    assert USE_CASES.keys() == PLAN.keys() == ACTIVITIES.keys()


async def test_a_scan_runs_to_its_end(tenant):
    run = Run(tenant, 7, 5)

    scan = await run.run()

    assert scan.state is ScanState.COMPLETED
    assert (scan.trigger, scan.users_listed, scan.users_probed) == ("cli", 12, 12)
    assert scan.by_status == {"notSetUp": 12}
    assert len(run.pages.requested) == 12
    assert (await tenant.resources.scans.get_lock(), tenant.store.rows(SCAN_CHECKPOINTS)) == (None, {})
    assert run.slept == []
    assert run.shown[-1].step is Step.CLOSE_SCAN
    assert run.shown[-1].counts.probed == 12


@pytest.mark.parametrize("concurrency", [1, 3, 40])
async def test_no_more_probes_are_in_flight_than_allowed(tenant, concurrency):
    run = Run(tenant, 30, 30)

    await run.run(run.scans(probe_concurrency=concurrency))

    assert run.pages.most_in_flight == concurrency


async def test_a_throttled_scan_waits_as_long_as_bookings_asks(tenant):
    run = Run(tenant, 1, failures=(THROTTLED,))

    scan = await run.run()

    assert scan.state is ScanState.COMPLETED
    assert scan.throttled_waits == 1
    assert run.slept[0] == 30
    assert run.reasons() == {BOOKINGS_THROTTLES}


async def test_an_outage_opens_the_breaker_and_ends_with_it(tenant):
    run = Run(tenant, 20, failures=(DOWN,) * 12)

    scan = await run.run(run.scans(probe_concurrency=1))

    assert scan.by_status == {"notSetUp": 20}
    assert BOOKINGS_UNRESPONSIVE in run.reasons()
    assert run.slept[:4] == [5, 10, 20, 40]
    assert len(run.pages.requested) == 32, "only trial probes are sent while Bookings does not respond"


async def test_an_outage_of_hours_ends_the_scan_incomplete(tenant):
    run = Run(tenant, 4, failures=(DOWN,) * 1000)

    scan = await run.run()

    assert scan.state is ScanState.INCOMPLETE
    assert scan.by_status == {"unknown": 4}
    assert "users were recorded as unknown without a request" in scan.warnings[0]
    assert sum(run.slept) >= MAX_OUTAGE_SECONDS


async def test_a_directory_that_does_not_respond_is_waited_for(tenant):
    run = Run(tenant, 2)
    run.directory.failures = [Unreachable("Microsoft Graph did not respond")] * 2

    scan = await run.run()

    assert scan.state is ScanState.COMPLETED
    assert run.slept == [10, 20]
    assert run.reasons() == {"Microsoft Graph did not respond"}


async def test_a_refused_listing_fails_the_scan(tenant):
    run = Run(tenant, 2)
    run.directory.failures = [Refused("grant User.Read.All")]

    scan = await run.run()

    assert scan.state is ScanState.FAILED
    assert "User.Read.All" in scan.error
    assert await tenant.resources.scans.get_lock() is None


async def test_a_probe_that_breaks_is_repeated(tenant, monkeypatch, caplog):
    run = Run(tenant, 3, failures=(ZeroDivisionError("a bug"),))

    scan = await run.run()

    assert scan.by_status == {"notSetUp": 3}
    assert "a bug" in caplog.text


async def test_an_interrupted_scan_continues_with_the_rest(tenant):
    run = Run(tenant, 6, 6)
    run.pages.fail_request(9, THROTTLED)
    run.interrupt_at_wait = 1
    with pytest.raises(asyncio.CancelledError):
        await run.run(run.scans(probe_concurrency=1))
    lock = await tenant.resources.scans.get_lock()
    first = len(run.pages.requested)
    run.interrupt_at_wait = 0

    scan = await run.run(run.scans(probe_concurrency=1))

    assert first == 9
    assert scan.scan_id == lock.scan_id
    assert scan.state is ScanState.COMPLETED
    assert scan.by_status == {"notSetUp": 12}
    assert len(run.pages.requested) == 13, "each user is requested once, and the throttled user twice"


@pytest.fixture
async def interrupted_run(tenant):
    """A scan that was interrupted while it waited for Graph."""
    run = Run(tenant, 3)
    run.directory.failures = [Unreachable("Microsoft Graph did not respond")]
    run.interrupt_at_wait = 1
    with pytest.raises(asyncio.CancelledError):
        await run.run()
    run.interrupt_at_wait = 0
    return run


async def test_a_resumed_scan_does_not_wait_again(interrupted_run):
    progress = await interrupted_run.scans().find_interrupted()

    assert (progress.step, progress.wait_seconds) == (Step.LIST_USERS, 0)


async def test_a_resumed_scan_uses_the_present_settings(interrupted_run):
    assert (await interrupted_run.scans(probe_concurrency=9).find_interrupted()).concurrency == 9


async def test_a_scan_of_yesterday_is_not_resumed(interrupted_run):
    interrupted_run.tenant.now += RESUMABLE_FOR + timedelta(minutes=1)

    assert await interrupted_run.scans().find_interrupted() is None


async def test_a_scan_of_another_version_is_not_resumed(interrupted_run, tenant):
    ((keys, _),) = tenant.store.rows(SCAN_CHECKPOINTS).items()
    tenant.store.corrupt(SCAN_CHECKPOINTS, *keys, Progress='{"step": "aStepOfTomorrow"}')

    assert await interrupted_run.scans().find_interrupted() is None


async def test_a_scan_of_other_users_is_not_resumed(interrupted_run):
    tenant = interrupted_run.tenant
    old = await tenant.resources.scans.get_lock()
    scans = interrupted_run.scans(Selection((user(1).upn,)))
    found = await scans.find_interrupted()
    tenant.now += timedelta(minutes=1)

    scan = await interrupted_run.run(scans)

    assert found is None
    assert scan.scan_id != old.scan_id
    assert (await tenant.resources.scans.get(old.scan_id)).state is ScanState.CANCELLED
    assert (scan.trigger, scan.by_status) == ("cliUsers", {"notSetUp": 1})
    assert tenant.store.rows(SCAN_CHECKPOINTS) == {}
    assert len([one async for one in tenant.resources.scans.iterate()]) == 2


async def test_only_named_users_are_scanned(tenant):
    run = Run(tenant, 10)
    scans = run.scans(Selection((user(1).upn, user(7).upn, "nobody@contoso.com")))

    scan = await run.run(scans)

    assert set(await tenant.statuses()) == {user_id(1), user_id(7)}
    assert scan.warnings == ("Microsoft Entra has no such user: nobody@contoso.com.",)


async def test_later_scans_report_what_changed(tenant):
    run = Run(tenant, 3)
    await run.run()
    tenant.now += timedelta(hours=1)
    run.directory = Directory(4)

    await run.run()

    changes = [change.kind async for _, change in tenant.resources.changes.iterate()]
    assert changes == [], "a user without a page is not a change"
    assert len(await tenant.statuses()) == 4
