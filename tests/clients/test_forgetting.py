"""``atlas forget`` removes every trace of one person from the tables, and nothing of anybody else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from uuid import UUID

import pytest
from azure.data.tables.aio import TableServiceClient

from atlas.domain.ews_settings import Access, EwsScope
from atlas.domain.mailboxes import Mailbox
from atlas.domain.page_urls import PageAddress
from atlas.domain.pages import NoPage, PageFound, PublicType
from atlas.domain.scans import Scan, ScanState, new_scan_id
from atlas.domain.shared_pages.businesses import StaffMember
from atlas.domain.shared_pages.changes import SharedChangeKind, SharedPageChange
from atlas.domain.shared_pages.join import ListedPage
from atlas.domain.shared_pages.names import LookAlike
from atlas.domain.shared_pages.removal import CREATOR_REMOVED
from atlas.domain.shared_pages.rows import FoundRisk, SharedFinding
from atlas.domain.statuses import Evidence
from atlas.domain.user_rows import Observation
from atlas.domain.users import LicensedUser
from atlas.pages.forgetting import Forgotten, forget
from atlas.pages.recording import record_observation
from atlas.resources import shared_page_tables
from atlas.tables.census import Census
from atlas.tables.change_feed import ChangeFeed
from atlas.tables.outbox import Outbox
from atlas.tables.personal_bookings import KIND
from atlas.tables.rows import RowTable
from atlas.tables.scan_log import ScanLog
from atlas.tables.shared_census import page_key
from atlas.tables.user_index import UserIndex
from tests.domain.shared_pages.pages import ADELE as SHARED_ADELE
from tests.domain.shared_pages.pages import HEALTHY, MAILBOX, STAFF, group
from tests.domain.shared_pages.pages import user as holder_of_page

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
TICK = timedelta(milliseconds=1)
SCAN = Scan(new_scan_id(NOW, "0a1b2c3d"), ScanState.COMPLETED, "http", NOW)
ADELE = LicensedUser("6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0", "AdeleV@contoso.com", "Adele Vance", "Sales")
BOB = LicensedUser("7ea91a8d-e32e-41a1-b7bd-d2d185eed0e0", "bob@contoso.com", "Bob Kelly")
GUIDS = {ADELE.user_id: UUID(int=1), BOB.user_id: UUID(int=2)}
TABLES = (
    *("PersonalBookings", "BookingsUserIndex", "BookingsChanges", "BookingsCensus", "BookingsScans"),
    *("SharedBookings", "SharedBookingsIndex", "SharedBookingsChanges", "SharedBookingsState"),
)


@pytest.fixture
async def resources(store, tenant_id):
    """Adele and Bob, each with a row, changes, index entries and a census of a scan that was interrupted."""
    rows, changes = RowTable(store, tenant_id, KIND), ChangeFeed(store, tenant_id, KIND)
    index, ticks = UserIndex(store, tenant_id), count()
    found = SimpleNamespace(
        rows=rows,
        changes=changes,
        index=index,
        outbox=Outbox(rows, changes, lambda: NOW + next(ticks) * TICK, index.add, index.remove),
        census=Census(store),
        shared=shared_page_tables(store, tenant_id, lambda: NOW),
        scans=ScanLog(store, tenant_id),
    )
    await found.scans.insert(SCAN)
    mailboxes = {}
    for user in (ADELE, BOB):
        mailbox = Mailbox(GUIDS[user.user_id], user.upn)
        for page in (PageFound((PublicType("a1", "30 min", 30, None),)), NoPage(404)):
            stored = await rows.get(user.user_id)
            observation = Observation(user, Evidence(mailbox, page), NOW, "https://outlook.office.com")
            await record_observation(found, stored, observation, SCAN.scan_id, scanned_before=True)
        mailboxes[user.user_id] = mailbox
    await found.census.add_mailboxes(SCAN.scan_id, 1, mailboxes)
    await found.census.add_policies(SCAN.scan_id, 1, {user_id: EwsScope(Access.ALLOW) for user_id in mailboxes})
    await found.census.add_listed_users(SCAN.scan_id, 1, [(ADELE, None), (BOB, None)])
    await found.census.add_users(SCAN.scan_id, 1, [(ADELE, mailboxes[ADELE.user_id]), (BOB, mailboxes[BOB.user_id])])
    return found


async def read_all_columns(azurite, tenant_id):
    """All columns of all rows of this test, as one text."""
    found = []
    async with TableServiceClient.from_connection_string(azurite.connection_string) as service:
        existing = {table.name async for table in service.list_tables()}
        for table in existing & set(TABLES):
            async for entity in service.get_table_client(table).list_entities():
                if entity["PartitionKey"] in (tenant_id, SCAN.scan_id):
                    found.append(str(dict(entity)))
    return "\n".join(found).lower()


@pytest.mark.parametrize(
    "subject",
    [
        UUID(ADELE.user_id),
        ADELE.upn.upper(),
        PageAddress(GUIDS[ADELE.user_id], "contoso.com"),
    ],
    ids=["object ID", "UPN", "address"],
)
async def test_every_trace_of_one_person_is_removed(resources, azurite, tenant_id, subject):
    before = await read_all_columns(azurite, tenant_id)
    forgotten = await forget(resources, subject)
    after = await read_all_columns(azurite, tenant_id)

    assert forgotten == Forgotten(rows=1, index_entries=7, changes=2, census_rows=4)
    for trace in (ADELE.user_id, ADELE.upn, "Adele", str(GUIDS[ADELE.user_id]), GUIDS[ADELE.user_id].hex):
        assert trace.lower() in before
        assert trace.lower() not in after
    assert BOB.upn in after
    assert (await resources.rows.get(BOB.user_id)).row.user == BOB
    assert len([one async for one in resources.changes.iterate()]) == 2


async def test_a_user_without_index_and_with_a_malformed_row_is_forgotten(resources, azurite, tenant_id, store):
    await resources.index.remove_user(ADELE.user_id)
    await store.merge(
        "PersonalBookings", {"PartitionKey": tenant_id, "RowKey": ADELE.user_id, "Status": "aStatusOfTomorrow"}
    )

    forgotten = await forget(resources, ADELE.upn)

    assert (forgotten.rows, forgotten.changes) == (1, 2)
    assert ADELE.upn.lower() not in await read_all_columns(azurite, tenant_id)


async def test_forgetting_again_finds_nothing(resources):
    await forget(resources, UUID(ADELE.user_id))

    assert await forget(resources, UUID(ADELE.user_id)) == Forgotten(0, 0, 0, 0)
    assert await forget(resources, "nobody@contoso.com") == Forgotten(0, 0, 0, 0)


def shared_page():
    """A page that names Adele and Bob in every way that a row can."""
    adele = SHARED_ADELE
    bob = holder_of_page(1, object_id=BOB.user_id, upn=BOB.upn, display_name=BOB.display_name, trustees=(BOB.upn,))
    alias = replace(adele, object_id=None, upn=None, display_name="adelev", trustees=("adelev",))
    in_group = replace(adele, via_group="Front office", trustees=())
    return replace(
        HEALTHY,
        holders=(replace(adele, trustees=(ADELE.upn, "adelev")), bob, alias, group(lists_members=True), in_group),
        staff=(STAFF, StaffMember("Adele Vance", None, "viewer"), StaffMember(BOB.display_name, BOB.upn, "guest")),
        created_by=ADELE.upn,
        creator_problem=None,
        findings=(
            FoundRisk(SharedFinding.LOOK_ALIKE_ADDRESS, f"The page looks like {ADELE.upn}, who has no access to it."),
            FoundRisk(SharedFinding.EXTERNAL_STAFF, f"External guests: {ADELE.upn}, x{ADELE.upn}."),
        ),
    )


async def add_shared_page(resources):
    """The page with its index, three published changes and one that is not published yet."""
    row, shared = shared_page(), resources.shared
    changes = [
        SharedPageChange(
            at=NOW + number * TICK,
            kind=SharedChangeKind.ACCESS_GRANTED,
            key=row.key,
            page_id=row.address,
            display_name=row.display_name,
            public_url=None,
            holder=holder,
        )
        for number, holder in enumerate((ADELE.upn, "adelev", BOB.upn, ADELE.upn))
    ]
    await shared.index.add(row, None)
    await shared.rows.save(row, changes.pop(), None)
    for change in changes:
        await shared.changes.insert(change)
    unfinished = Scan(new_scan_id(NOW, "0a1b2c3e"), ScanState.RUNNING, "http", NOW)
    await resources.scans.insert(unfinished)
    await shared.census.add_pages(unfinished.scan_id, 1, [ListedPage(MAILBOX, None)])
    look_alikes = {page_key(1, 0): (LookAlike(ADELE.user_id, ADELE.upn, has_left=True),)}
    await shared.census.add_comparison(unfinished.scan_id, {}, look_alikes)
    return row, unfinished.scan_id


@pytest.mark.parametrize("subject", [UUID(ADELE.user_id), ADELE.upn.upper()], ids=["object ID", "UPN"])
@pytest.mark.parametrize("has_row", [True, False], ids=["licensed", "only on shared pages"])
async def test_every_trace_on_shared_pages_is_removed(resources, azurite, tenant_id, subject, has_row):
    """Also for people without a row of their own: their names are then found among the holders."""
    row, unfinished = await add_shared_page(resources)
    if not has_row:
        await resources.rows.delete(ADELE.user_id)
        await resources.index.remove_user(ADELE.user_id)
        await resources.changes.delete_of_row(ADELE.user_id)

    forgotten = await forget(resources, subject)

    assert forgotten.shared_pages == 1
    after = await resources.shared.rows.get(row.key)
    assert [holder.display_name for holder in after.row.holders] == [BOB.display_name, "Front office"]
    assert [member.display_name for member in after.row.staff] == [BOB.display_name]
    assert (after.row.created_by, after.row.creator_problem, after.pending_change) == (None, CREATOR_REMOVED, None)
    assert [found.evidence for found in after.row.findings] == [
        "The page looks like (removed), who has no access to it.",
        f"External guests: (removed), x{ADELE.upn}.",
    ]
    assert [change.holder async for _, change in resources.shared.changes.iterate()] == [BOB.upn]
    for name in (ADELE.user_id, ADELE.upn):
        assert await resources.shared.index.get_by_name(name) == ()
    assert await resources.shared.index.get_by_name(BOB.user_id) == (row.key,)
    assert await resources.shared.census.get_pages(unfinished, 1, None, 10) == ()
    text = (await read_all_columns(azurite, tenant_id)).replace(f"x{ADELE.upn}".lower(), "")
    assert not [trace for trace in (ADELE.user_id, ADELE.upn.lower(), "adele") if trace in text]


async def test_other_people_stay_on_shared_pages(resources):
    row, _ = await add_shared_page(resources)

    forgotten = await forget(resources, "nobody@contoso.com")

    assert forgotten == Forgotten(0, 0, 0, 0)
    assert (await resources.shared.rows.get(row.key)).row == row
