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
async def listed(tenant):
    """One user is in the census of a running scan."""
    await tenant.running(SCAN)
    await tenant.add_to_census(SCAN.scan_id, 1)
    return tenant


async def test_a_response_is_recorded(listed):
    result = await probe_one(listed.resources, request())

    assert result == ProbeResult(status="notSetUp", has_response=True)
    assert (await listed.statuses()) == {user_id(1): Status.NOT_SET_UP}


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
async def test_without_a_response_nothing_is_recorded_yet(listed, failure, result):
    listed.pages.results = [failure]

    assert await probe_one(listed.resources, request()) == result
    assert await listed.statuses() == {}


@pytest.mark.parametrize("failure", [Throttled("429", 30.0), Unreachable("503")])
async def test_the_last_probe_records_the_failure(listed, failure):
    listed.pages.results = [failure]

    result = await probe_one(listed.resources, request(ProbeMode.LAST))

    assert (result.status, result.reason, result.has_response) == ("unknown", failure.reason, False)
    assert await listed.statuses() == {user_id(1): Status.UNKNOWN}


@pytest.mark.parametrize("failure", [Refused("403"), NotUnderstood("HTML")])
async def test_a_response_that_says_nothing_is_a_response(listed, failure):
    """A page that refuses everybody is not an outage."""
    listed.pages.results = [failure]

    assert await probe_one(listed.resources, request()) == ProbeResult(status="unknown", has_response=True)


@pytest.mark.parametrize(
    ("response", "result"),
    [
        (NoPage(404), ProbeResult(has_response=True)),
        (Refused("403"), ProbeResult(has_response=True)),
        (Unreachable("503"), ProbeResult(reason="unreachable")),
        (Throttled("429", 5.0), ProbeResult(reason="throttled", wait_seconds=5.0)),
    ],
)
async def test_a_trial_records_nothing(listed, response, result):
    listed.pages.results = [response]

    assert await probe_one(listed.resources, request(ProbeMode.TRIAL)) == result
    assert await listed.statuses() == {}


async def test_during_an_outage_users_are_recorded_without_requests(listed):
    await listed.add_row(
        1, "an earlier scan", url="https://outlook.office.com/page", last_known_status=Status.PUBLISHED
    )

    result = await probe_one(listed.resources, request(ProbeMode.OUTAGE))

    row = (await listed.resources.rows.get(user_id(1))).row
    assert (result, listed.pages.requested) == (ProbeResult(status="unknown"), [])
    assert (row.status, row.last_known_status, row.url) == ("unknown", "published", "https://outlook.office.com/page")
    assert row.reason.startswith("unreachable: ")


async def test_a_recorded_user_is_not_requested_again(listed):
    await probe_one(listed.resources, request())

    again = await probe_one(listed.resources, request())

    assert again == ProbeResult(status="notSetUp")
    assert len(listed.pages.requested) == 1


async def test_a_stopped_scan_sends_and_records_nothing(listed):
    await listed.resources.scans.mark_stopping(SCAN.scan_id)

    assert await probe_one(listed.resources, request()) == ProbeResult(holds_lock=False)
    assert (listed.pages.requested, await listed.statuses()) == ([], {})


@pytest.mark.parametrize("calls", [1, 3])
async def test_storage_that_fails_is_a_reason_to_probe_again(listed, calls):
    listed.store.unavailable = calls

    assert await probe_one(listed.resources, request()) == ProbeResult(reason="storage")


@pytest.fixture
async def settled(listed):
    """The page of the listed user has been ``notSetUp`` for weeks, and was requested 3 days ago."""
    listed.recheck_days = 7
    at = START - timedelta(days=3)
    evidence = {"mailbox_guid": str(UUID(int=1)), "policy": judge_policy(None, None, at)}
    since = START - timedelta(days=40)
    await listed.add_row(1, "an earlier scan", Status.NOT_SET_UP, checked_at=at, status_since=since, **evidence)
    return listed


async def stored_row(tenant):
    return (await tenant.resources.rows.get(user_id(1))).row


async def test_a_settled_page_is_not_requested(settled):
    result = await probe_one(settled.resources, request())

    row = await stored_row(settled)
    assert (result, settled.pages.requested) == (ProbeResult(status="notSetUp", was_kept=True), [])
    assert (row.scan_id, row.checked_at) == (SCAN.scan_id, START - timedelta(days=3))


async def test_a_page_is_requested_when_its_row_is_old_enough(settled):
    settled.recheck_days = 3

    result = await probe_one(settled.resources, request())

    assert result == ProbeResult(status="notSetUp", has_response=True)
    assert (await stored_row(settled)).checked_at == START


async def test_every_page_is_requested_by_default(settled):
    settled.recheck_days = 0

    await probe_one(settled.resources, request())

    assert len(settled.pages.requested) == 1


async def test_a_change_of_policy_leads_to_a_request(settled):
    blocked = OrganizationSettings(EwsScope(Access.BLOCK, policy="EnforceAllowList"))

    await probe_one(settled.resources, request(organization=blocked))

    assert len(settled.pages.requested) == 1


async def test_a_lookup_during_the_probe_is_not_overwritten(settled):
    """The row that the lookup wrote is kept, with the scan's ID."""
    resources, before = settled.resources, await settled.resources.rows.get(user_id(1))
    await resources.rows.save(replace(before.row, status=Status.PUBLISHED, checked_at=START), None, before.etag)

    await record_kept(resources, before, before.row.user, SCAN.scan_id)

    row = await stored_row(settled)
    assert (row.status, row.checked_at, row.scan_id) == (Status.PUBLISHED, START, SCAN.scan_id)


async def list_users(tenant, users):
    mailboxes = [Mailbox(UUID(int=number), None, "UserMailbox", has_capability=True) for number in range(users)]
    people = [(user(number), mailbox) for number, mailbox in enumerate(mailboxes)]
    await tenant.resources.census.add_users(SCAN.scan_id, 1, people)


async def test_probes_of_a_process_share_reads(listed, monkeypatch):
    """The census and the rows are read for 25 users at a time, and the lock once in a while."""
    monkeypatch.setattr(scan_log, "LOCK_CHECK_SECONDS", 3600.0)
    monkeypatch.setattr(read_ahead, "READ_AHEAD_SECONDS", 3600.0)
    await list_users(listed, 100)
    resources = listed.resources
    listed.store.reads.clear()

    await asyncio.gather(*(probe_one(resources, request(index=index)) for index in range(100)))

    reads = Counter(table for table, _ in listed.store.reads)
    assert len(await listed.statuses()) == 100
    assert reads["BookingsCensus"] == 100 / 25
    assert reads["BookingsScans"] == 1
    assert reads["PersonalBookings"] == 100 / 25


async def test_a_row_that_was_written_since_it_was_read_ahead_is_read_again(listed):
    """A lookup has recorded a page, and the probe finds that it is gone again: the change between them is published."""
    await list_users(listed, 2)
    await probe_one(listed.resources, request(index=0))
    await listed.add_row(1, None, Status.PUBLISHED, checked_at=START - timedelta(seconds=1), url="https://x.com/page")

    await probe_one(listed.resources, request(index=1))

    stored = await listed.resources.rows.get(user_id(1))
    changes = [change.kind async for _, change in listed.resources.changes.iterate()]
    assert (stored.row.status, stored.row.scan_id) == (Status.NOT_SET_UP, SCAN.scan_id)
    assert ChangeKind.WITHDRAWN in changes


async def test_a_repeated_probe_reads_the_row_again(listed):
    await list_users(listed, 2)
    for _ in range(2):
        result = await probe_one(listed.resources, request(index=1))
        assert result.status == "notSetUp"

    assert len(listed.pages.requested) == 1


async def test_users_who_cannot_be_read_ahead_are_read_again(listed):
    await list_users(listed, 2)
    listed.store.unavailable = 2

    assert (await probe_one(listed.resources, request(index=0))).reason == "storage"
    assert (await probe_one(listed.resources, request(index=0))).status == "notSetUp"


async def test_a_scan_that_was_stopped_is_noticed_within_a_second(listed, monkeypatch):
    await list_users(listed, 3)
    resources = listed.resources
    await probe_one(resources, request(index=0))
    await resources.scans.mark_stopping(SCAN.scan_id)

    monkeypatch.setattr(scan_log, "LOCK_CHECK_SECONDS", 0.0)

    assert await probe_one(resources, request(index=1)) == ProbeResult(holds_lock=False)
