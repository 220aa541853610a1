"""A probe says whether Bookings responded, and records only what it should."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from atlas.domain.changes import ChangeKind
from atlas.domain.ews_settings import Access, EwsScope
from atlas.domain.mailboxes import Mailbox
from atlas.domain.organization import OrganizationSettings
from atlas.domain.pages import NoPage
from atlas.domain.policy import judge_policy
from atlas.domain.statuses import Status
from atlas.microsoft365.failures import NotUnderstood, Refused, Throttled, TimedOut, Unreachable
from atlas.pages.recording import record_kept
from atlas.scans.messages import ProbeMode, ProbeRequest, ProbeResult
from atlas.scans.probing import probe_one
from atlas.tables import read_ahead, scan_log
from tests.scans.conftest import START, scan, user, user_id

SCAN = scan()


def request(mode=ProbeMode.NORMAL, index=0, **more):
    return ProbeRequest(scan_id=SCAN.scan_id, page=1, index=index, scanned_before=True, mode=mode, **more)


@pytest.fixture
async def tenant_with_user(tenant):
    """One user is in the census of a running scan."""
    await tenant.start_scan(SCAN)
    await tenant.add_to_census(SCAN.scan_id, 1)
    return tenant


async def test_a_response_is_recorded(tenant_with_user):
    result = await probe_one(tenant_with_user.resources, request())

    assert result == ProbeResult(status="notSetUp", has_response=True)
    assert (await tenant_with_user.statuses()) == {user_id(1): Status.NOT_SET_UP}


@pytest.mark.parametrize(
    ("failure", "result"),
    [
        (Throttled("429", 30.0), ProbeResult(reason="throttled", wait_seconds=30.0)),
        (Throttled("429", 0.0), ProbeResult(reason="throttled", wait_seconds=0.0)),
        (Throttled("429"), ProbeResult(reason="throttled", wait_seconds=10.0)),
        (Unreachable("503"), ProbeResult(reason="unreachable")),
        (TimedOut("no response"), ProbeResult(reason="unreachable")),
    ],
)
async def test_without_a_response_nothing_is_recorded_yet(tenant_with_user, failure, result):
    tenant_with_user.pages.results = [failure]

    assert await probe_one(tenant_with_user.resources, request()) == result
    assert await tenant_with_user.statuses() == {}


@pytest.mark.parametrize("failure", [Throttled("429", 30.0), Unreachable("503")])
async def test_the_last_probe_records_the_failure(tenant_with_user, failure):
    tenant_with_user.pages.results = [failure]

    result = await probe_one(tenant_with_user.resources, request(ProbeMode.LAST))

    assert (result.status, result.reason, result.has_response) == ("unknown", failure.reason, False)
    assert await tenant_with_user.statuses() == {user_id(1): Status.UNKNOWN}


@pytest.mark.parametrize("failure", [Refused("403"), NotUnderstood("HTML")])
async def test_a_response_without_a_result_counts_as_a_response(tenant_with_user, failure):
    """A page that refuses everybody is not an outage."""
    tenant_with_user.pages.results = [failure]

    assert await probe_one(tenant_with_user.resources, request()) == ProbeResult(status="unknown", has_response=True)


@pytest.mark.parametrize(
    ("response", "result"),
    [
        (NoPage(404), ProbeResult(has_response=True)),
        (Refused("403"), ProbeResult(has_response=True)),
        (Unreachable("503"), ProbeResult(reason="unreachable")),
        (Throttled("429", 5.0), ProbeResult(reason="throttled", wait_seconds=5.0)),
    ],
)
async def test_a_trial_records_nothing(tenant_with_user, response, result):
    tenant_with_user.pages.results = [response]

    assert await probe_one(tenant_with_user.resources, request(ProbeMode.TRIAL)) == result
    assert await tenant_with_user.statuses() == {}


async def test_during_an_outage_users_are_recorded_without_requests(tenant_with_user):
    await tenant_with_user.add_row(
        1, "an earlier scan", url="https://outlook.office.com/page", last_known_status=Status.PUBLISHED
    )

    result = await probe_one(tenant_with_user.resources, request(ProbeMode.OUTAGE))

    row = (await tenant_with_user.resources.rows.get(user_id(1))).row
    assert (result, tenant_with_user.pages.requested) == (ProbeResult(status="unknown"), [])
    assert (row.status, row.last_known_status, row.url) == ("unknown", "published", "https://outlook.office.com/page")
    assert row.reason.startswith("unreachable: ")


async def test_a_recorded_user_is_not_requested_again(tenant_with_user):
    await probe_one(tenant_with_user.resources, request())

    again = await probe_one(tenant_with_user.resources, request())

    assert again == ProbeResult(status="notSetUp")
    assert len(tenant_with_user.pages.requested) == 1


async def test_a_stopped_scan_sends_and_records_nothing(tenant_with_user):
    await tenant_with_user.resources.scans.mark_stopping(SCAN.scan_id)

    assert await probe_one(tenant_with_user.resources, request()) == ProbeResult(holds_lock=False)
    assert (tenant_with_user.pages.requested, await tenant_with_user.statuses()) == ([], {})


@pytest.mark.parametrize("calls", [1, 3])
async def test_storage_that_fails_is_a_reason_to_probe_again(tenant_with_user, calls):
    tenant_with_user.store.unavailable = calls

    assert await probe_one(tenant_with_user.resources, request()) == ProbeResult(reason="storage")


@pytest.fixture
async def tenant_with_old_row(tenant_with_user):
    """The page of the listed user has been ``notSetUp`` for weeks, and was requested 3 days ago."""
    tenant_with_user.recheck_days = 7
    at = START - timedelta(days=3)
    evidence = {"mailbox_guid": str(UUID(int=1)), "policy": judge_policy(None, None, at)}
    since = START - timedelta(days=40)
    await tenant_with_user.add_row(
        1, "an earlier scan", Status.NOT_SET_UP, checked_at=at, status_since=since, **evidence
    )
    return tenant_with_user


async def stored_row(tenant):
    return (await tenant.resources.rows.get(user_id(1))).row


async def test_a_settled_page_is_not_requested(tenant_with_old_row):
    result = await probe_one(tenant_with_old_row.resources, request())

    row = await stored_row(tenant_with_old_row)
    assert (result, tenant_with_old_row.pages.requested) == (ProbeResult(status="notSetUp", was_kept=True), [])
    assert (row.scan_id, row.checked_at) == (SCAN.scan_id, START - timedelta(days=3))


async def test_a_page_is_requested_when_its_row_is_old_enough(tenant_with_old_row):
    tenant_with_old_row.recheck_days = 3

    result = await probe_one(tenant_with_old_row.resources, request())

    assert result == ProbeResult(status="notSetUp", has_response=True)
    assert (await stored_row(tenant_with_old_row)).checked_at == START


async def test_every_page_is_requested_by_default(tenant_with_old_row):
    tenant_with_old_row.recheck_days = 0

    await probe_one(tenant_with_old_row.resources, request())

    assert len(tenant_with_old_row.pages.requested) == 1


async def test_a_change_of_policy_leads_to_a_request(tenant_with_old_row):
    blocked = OrganizationSettings(EwsScope(Access.BLOCK, policy="EnforceAllowList"))

    await probe_one(tenant_with_old_row.resources, request(organization=blocked))

    assert len(tenant_with_old_row.pages.requested) == 1


async def test_a_lookup_during_the_probe_is_not_overwritten(tenant_with_old_row):
    """The row that the lookup wrote is kept, with the scan's ID."""
    resources, before = tenant_with_old_row.resources, await tenant_with_old_row.resources.rows.get(user_id(1))
    await resources.rows.save(replace(before.row, status=Status.PUBLISHED, checked_at=START), None, before.etag)

    await record_kept(resources, before, before.row.user, SCAN.scan_id)

    row = await stored_row(tenant_with_old_row)
    assert (row.status, row.checked_at, row.scan_id) == (Status.PUBLISHED, START, SCAN.scan_id)


async def list_users(tenant, users):
    mailboxes = [Mailbox(UUID(int=number), None, "UserMailbox", has_capability=True) for number in range(users)]
    people = [(user(number), mailbox) for number, mailbox in enumerate(mailboxes)]
    await tenant.resources.census.add_users(SCAN.scan_id, 1, people)


async def test_probes_of_a_process_share_reads(tenant_with_user, monkeypatch):
    """The census and the rows are read for 25 users at a time, and the lock once in a while."""
    monkeypatch.setattr(scan_log, "LOCK_CHECK_SECONDS", 3600.0)
    monkeypatch.setattr(read_ahead, "READ_AHEAD_SECONDS", 3600.0)
    await list_users(tenant_with_user, 100)
    resources = tenant_with_user.resources
    tenant_with_user.store.reads.clear()

    await asyncio.gather(*(probe_one(resources, request(index=index)) for index in range(100)))

    reads = Counter(table for table, _ in tenant_with_user.store.reads)
    assert len(await tenant_with_user.statuses()) == 100
    assert reads["BookingsCensus"] == 100 / 25
    assert reads["BookingsScans"] == 1
    assert reads["PersonalBookings"] == 100 / 25


async def test_a_row_that_was_written_since_it_was_read_ahead_is_read_again(tenant_with_user):
    """A lookup has recorded a page, and the probe finds that it is gone again: the change between them is published."""
    await list_users(tenant_with_user, 2)
    await probe_one(tenant_with_user.resources, request(index=0))
    await tenant_with_user.add_row(
        1, None, Status.PUBLISHED, checked_at=START - timedelta(seconds=1), url="https://x.com/page"
    )

    await probe_one(tenant_with_user.resources, request(index=1))

    stored = await tenant_with_user.resources.rows.get(user_id(1))
    changes = [change.kind async for _, change in tenant_with_user.resources.changes.iterate()]
    assert (stored.row.status, stored.row.scan_id) == (Status.NOT_SET_UP, SCAN.scan_id)
    assert ChangeKind.WITHDRAWN in changes


async def test_a_repeated_probe_reads_the_row_again(tenant_with_user):
    await list_users(tenant_with_user, 2)
    for _ in range(2):
        result = await probe_one(tenant_with_user.resources, request(index=1))
        assert result.status == "notSetUp"

    assert len(tenant_with_user.pages.requested) == 1


async def test_users_who_cannot_be_read_ahead_are_read_again(tenant_with_user):
    await list_users(tenant_with_user, 2)
    tenant_with_user.store.unavailable = 2

    assert (await probe_one(tenant_with_user.resources, request(index=0))).reason == "storage"
    assert (await probe_one(tenant_with_user.resources, request(index=0))).status == "notSetUp"


async def test_a_scan_that_was_stopped_is_noticed_within_a_second(tenant_with_user, monkeypatch):
    await list_users(tenant_with_user, 3)
    resources = tenant_with_user.resources
    await probe_one(resources, request(index=0))
    await resources.scans.mark_stopping(SCAN.scan_id)

    monkeypatch.setattr(scan_log, "LOCK_CHECK_SECONDS", 0.0)

    assert await probe_one(resources, request(index=1)) == ProbeResult(holds_lock=False)
