"""The tables of the product on a real Azurite: columns and types of the contract, the lock, changes, census, index."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from azure.data.tables.aio import TableServiceClient

from atlas.domain.changes import Change, ChangeKind
from atlas.domain.ews_settings import ews_scope
from atlas.domain.findings import Finding
from atlas.domain.policy import judge_policy
from atlas.domain.scans import Scan, ScanState, new_scan_id
from atlas.domain.statuses import Status
from atlas.domain.user_rows import MeetingType, UserRow
from atlas.domain.users import LicensedUser
from atlas.tables.change_feed import ChangeFeed
from atlas.tables.personal_bookings import KIND
from atlas.tables.rows import RowTable
from atlas.tables.scan_log import ScanLog
from atlas.tables.store import RowChanged
from atlas.tables.user_index import UserIndex

NOW = datetime(2026, 11, 23, 3, 4, 5, 678900, tzinfo=UTC)
USER_ID = "6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0"
GUID = "2be92a50-0c6b-4d1e-8a61-3f1f5a0c7e11"
URL = "https://outlook.office.com/bookwithme/user/2be92a500c6b4d1e8a613f1f5a0c7e11@contoso.com"
TYPE = MeetingType("a1", "30 min, ünï📅", 30, True, f"{URL}/meetingtype/a1?anonymous&ep=mlink")
ADELE = LicensedUser(USER_ID, "AdeleV@contoso.com", "Adele Vance", "Sales", "Adele@contoso.com", True, "Member")
WHOLE = UserRow(
    ADELE,
    Status.PUBLISHED,
    NOW,
    reason="a sentence",
    recipient_type="UserMailbox",
    primary_smtp_address="Adele@contoso.com",
    mailbox_guid=GUID,
    url=URL,
    meeting_types=(TYPE,),
    bookable=False,
    policy=judge_policy(ews_scope("EnforceBlockList", None, ["*Bookings"], ews_enabled=True), None),
    findings=(Finding.CAPABILITY_CONTRADICTS_PAGE, Finding.NOTHING_BOOKABLE),
    last_known_status=Status.PUBLISHED,
    last_known_at=NOW,
    changed_at=NOW - timedelta(days=1),
    scan_id="scan-20261123T030000000-0a1b2c3d",
)
LEAST = UserRow(LicensedUser(USER_ID, "AdeleV@contoso.com"), Status.UNKNOWN, NOW)
STRINGS = {
    "UserPrincipalName",
    "DisplayName",
    "Department",
    "UserType",
    "RecipientType",
    "PrimarySmtpAddress",
    "MailboxGuid",
    "Status",
    "Reason",
    "Url",
    "AnonymousUrl",
    "MeetingTypes",
    "PolicyVerdict",
    "PolicyReason",
    "Finding",
    "LastKnownStatus",
    "ScanId",
}
TIMES = {"LastKnownAt", "CheckedAt", "ChangedAt"}
BOOLEANS = {"AccountEnabled", "Bookable"}


def change(**more):
    whole = Change(
        at=NOW,
        kind=ChangeKind.SET_UP,
        user_id=USER_ID,
        upn="AdeleV@contoso.com",
        display_name="Adele",
        department=None,
        primary_smtp_address=None,
        from_status=None,
        to_status=Status.PUBLISHED,
        url=URL,
        previous_url=None,
        scan_id="s",
    )
    return replace(whole, **more)


@pytest.fixture
def read_raw_row(azurite):
    """A row as any other program reads it: without the product, with the types that storage names."""

    async def read(table, partition, key):
        async with TableServiceClient.from_connection_string(azurite.connection_string) as service:
            entity = await service.get_table_client(table).get_entity(partition, key)
        return dict(entity)

    return read


async def test_a_row_has_the_documented_columns_and_types(store, tenant_id, read_raw_row):
    await RowTable(store, tenant_id, KIND).save(WHOLE, None, None)

    row = await read_raw_row("PersonalBookings", tenant_id, USER_ID)

    known = STRINGS | TIMES | BOOLEANS
    assert known <= set(row)
    assert set(row) - known - {"PartitionKey", "RowKey"} == {"Mail", "Policy"}
    assert all(type(row[name]) is str for name in STRINGS)
    assert all(isinstance(row[name], datetime) and row[name].tzinfo for name in TIMES)
    assert all(type(row[name]) is bool for name in BOOLEANS)
    assert row["MailboxGuid"] == GUID
    assert row["Url"] == URL
    assert row["AnonymousUrl"] == f"{URL}?anonymous"
    assert row["Finding"] == "capabilityContradictsPage nothingBookable"
    assert json.loads(row["MeetingTypes"]) == [
        {"id": "a1", "title": TYPE.title, "durationMinutes": 30, "isOnline": True, "url": TYPE.url}
    ]


async def test_unknown_values_have_no_column(store, tenant_id, read_raw_row):
    await RowTable(store, tenant_id, KIND).save(LEAST, None, None)

    row = await read_raw_row("PersonalBookings", tenant_id, USER_ID)

    assert set(row) == {"PartitionKey", "RowKey", "UserPrincipalName", "Status", "CheckedAt"}


@pytest.mark.parametrize("row", [WHOLE, LEAST, replace(WHOLE, meeting_types=())])
@pytest.mark.parametrize("pending", [None, change()])
async def test_a_row_is_read_as_written(store, tenant_id, row, pending):
    rows = RowTable(store, tenant_id, KIND)
    etag = await rows.save(row, pending, None)

    stored = await rows.get(USER_ID)

    assert stored is not None
    assert (stored.row, stored.etag, stored.pending_change) == (row, etag, pending)


async def test_a_replaced_row_keeps_no_old_column(store, tenant_id):
    rows = RowTable(store, tenant_id, KIND)
    etag = await rows.save(WHOLE, change(), None)

    await rows.save(LEAST, None, etag)

    stored = await rows.get(USER_ID)
    assert stored is not None
    assert (stored.row, stored.pending_change) == (LEAST, None)


async def test_marking_a_change_keeps_the_row(store, tenant_id):
    rows = RowTable(store, tenant_id, KIND)
    etag = await rows.save(WHOLE, change(), None)

    after = await rows.mark_pending(USER_ID, None, etag)

    stored = await rows.get(USER_ID)
    assert stored is not None
    assert (stored.row, stored.etag, stored.pending_change) == (WHOLE, after, None)
    with pytest.raises(RowChanged):
        await rows.mark_pending(USER_ID, change(), etag)


async def test_rows_are_ordered_by_object_id(store, tenant_id):
    rows = RowTable(store, tenant_id, KIND)
    ids = sorted(str(UUID(int=n << 100)) for n in range(20))
    for user_id in reversed(ids):
        await rows.save(replace(LEAST, user=replace(ADELE, user_id=user_id)), None, None)

    assert [stored.row.user.user_id async for stored in rows.iterate()] == ids


def scan(number=0, **more):
    at = NOW.replace(microsecond=0) + timedelta(seconds=number)
    return replace(Scan(new_scan_id(at, f"{number:08x}"), ScanState.RUNNING, "http", at), **more)


async def test_scans_are_read_newest_first_without_the_lock(store, tenant_id):
    log = ScanLog(store, tenant_id)
    for number in (2, 0, 3, 1):
        await log.insert(scan(number))
    await log.acquire_lock(scan(4), None)

    assert [one.scan_id async for one in log.iterate()] == [scan(number).scan_id for number in (3, 2, 1, 0)]


async def test_a_scan_is_read_as_written(store, tenant_id):
    log = ScanLog(store, tenant_id)
    whole = scan(
        state=ScanState.INCOMPLETE,
        finished_at=NOW,
        users_listed=3,
        users_probed=2,
        by_status={"published": 2},
        throttled_waits=4,
        warnings=("a", "ü"),
        error="e",
    )
    await log.insert(whole)

    assert await log.get(whole.scan_id) == whole
    assert await log.get("no scan") is None
    assert await log.get(scan(9).scan_id) is None


async def test_the_last_finished_scan_is_the_newest_complete_one(store, tenant_id):
    log = ScanLog(store, tenant_id)
    assert await log.last_finished() is None
    states = [ScanState.COMPLETED, ScanState.INCOMPLETE, ScanState.FAILED, ScanState.CANCELLED, ScanState.RUNNING]
    for number, state in enumerate(states):
        await log.insert(scan(number, state=state))

    last = await log.last_finished()

    assert last is not None
    assert last.state is ScanState.INCOMPLETE


async def test_only_one_concurrent_scan_acquires_the_lock(store, tenant_id):
    log = ScanLog(store, tenant_id)

    taken = await asyncio.gather(*(log.acquire_lock(scan(n, trigger=f"t{n}"), None) for n in range(20)))

    lock = await log.get_lock()
    assert sum(taken) == 1
    assert lock is not None
    winner = scan(taken.index(True))
    assert (lock.scan_id, lock.since) == (winner.scan_id, winner.started_at)
    assert (lock.trigger, lock.is_started) == (f"t{taken.index(True)}", False)


async def test_only_one_concurrent_scan_takes_over_a_lock(store, tenant_id):
    log = ScanLog(store, tenant_id)
    await log.acquire_lock(scan(99), None)
    old = await log.get_lock()

    taken = await asyncio.gather(*(log.acquire_lock(scan(n), old) for n in range(20)))

    lock = await log.get_lock()
    assert sum(taken) == 1
    assert lock is not None
    assert lock.scan_id == scan(taken.index(True)).scan_id


async def test_a_released_lock_is_acquired_not_taken_over(store, tenant_id):
    log = ScanLog(store, tenant_id)
    await log.acquire_lock(scan(0), None)
    old = await log.get_lock()
    await log.release_lock(scan(0).scan_id)

    assert not await log.acquire_lock(scan(1), old)
    assert await log.acquire_lock(scan(1), None)


async def test_only_its_holder_releases_a_lock(store, tenant_id):
    log = ScanLog(store, tenant_id)
    mine, another = scan(0, trigger="timer"), scan(1)
    await log.acquire_lock(mine, None)

    await log.release_lock(another.scan_id)
    await log.mark_started(another.scan_id)
    held = await log.get_lock()
    await log.mark_started(mine.scan_id)
    started = await log.get_lock()
    await log.release_lock(mine.scan_id)
    await log.release_lock(mine.scan_id)

    assert held is not None
    assert not held.is_started
    assert started is not None
    assert (started.is_started, started.trigger, started.since) == (True, "timer", mine.started_at)
    assert await log.get_lock() is None


async def test_a_change_is_written_once(store, tenant_id, read_raw_row):
    changes = ChangeFeed(store, tenant_id, KIND)
    assert not await changes.exists(change())

    await asyncio.gather(*(changes.insert(change()) for _ in range(5)))

    assert await changes.exists(change())
    assert not await changes.exists(change(at=NOW + timedelta(seconds=1)))
    assert len([one async for one in store.iterate("BookingsChanges", tenant_id)]) == 1


async def test_only_old_changes_are_deleted(store, tenant_id):
    changes = ChangeFeed(store, tenant_id, KIND)
    for days in range(5):
        await changes.insert(change(at=NOW - timedelta(days=days)))

    assert await changes.delete_before(NOW - timedelta(days=2), 1) == 1
    assert await changes.delete_before(NOW - timedelta(days=2), 1000) == 1
    assert await changes.delete_before(NOW - timedelta(days=2), 1000) == 0

    assert len([one async for one in store.iterate("BookingsChanges", tenant_id)]) == 3


async def test_the_index_finds_users_in_any_case(store, tenant_id):
    index = UserIndex(store, tenant_id)
    special = replace(WHOLE, user=replace(ADELE, upn="O'Neil+b_partner.example#EXT#@contoso.onmicrosoft.com"))

    await index.add(special, None)

    assert await index.get_by_upn(special.user.upn.upper()) == USER_ID
    assert await index.get_by_mailbox(GUID.upper()) == USER_ID
    assert await index.get_by_upn("other@contoso.com") is None


async def test_a_upn_stays_with_its_new_owner(store, tenant_id):
    index = UserIndex(store, tenant_id)
    renamed = replace(WHOLE, user=replace(ADELE, upn="new@contoso.com"))
    other = replace(WHOLE, user=replace(ADELE, user_id="b" * 8), mailbox_guid=None)
    await index.add(WHOLE, None)
    await index.add(renamed, WHOLE)
    await index.add(other, None)

    await index.remove(WHOLE, renamed)

    assert await index.get_by_upn(ADELE.upn) == "b" * 8
    assert await index.get_by_upn("new@contoso.com") == USER_ID
    assert await index.get_by_mailbox(GUID) == USER_ID
