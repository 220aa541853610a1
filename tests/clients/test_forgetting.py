"""``atlas forget`` removes every trace of one person from the tables, and nothing of anybody else."""

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
from atlas.domain.statuses import Evidence
from atlas.domain.user_rows import Observation
from atlas.domain.users import LicensedUser
from atlas.pages.forgetting import Forgotten, forget
from atlas.pages.recording import record_observation
from atlas.tables.census import Census
from atlas.tables.change_feed import ChangeFeed
from atlas.tables.outbox import Outbox
from atlas.tables.personal_bookings import KIND
from atlas.tables.rows import RowTable
from atlas.tables.scan_log import ScanLog
from atlas.tables.user_index import UserIndex

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
TICK = timedelta(milliseconds=1)
SCAN = Scan(new_scan_id(NOW, "0a1b2c3d"), ScanState.COMPLETED, "http", NOW)
ADELE = LicensedUser("6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0", "AdeleV@contoso.com", "Adele Vance", "Sales")
BOB = LicensedUser("7ea91a8d-e32e-41a1-b7bd-d2d185eed0e0", "bob@contoso.com", "Bob Kelly")
GUIDS = {ADELE.user_id: UUID(int=1), BOB.user_id: UUID(int=2)}
TABLES = ("PersonalBookings", "BookingsUserIndex", "BookingsChanges", "BookingsCensus", "BookingsScans")


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
        scans=ScanLog(store, tenant_id),
    )
    await found.scans.insert(SCAN)
    for number, user in enumerate((ADELE, BOB)):
        mailbox = Mailbox(GUIDS[user.user_id], user.upn)
        for page in (PageFound((PublicType("a1", "30 min", 30, None),)), NoPage(404)):
            stored = await rows.get(user.user_id)
            observation = Observation(user, Evidence(mailbox, page), NOW, "https://outlook.office.com")
            await record_observation(found, stored, observation, SCAN.scan_id, scanned_before=True)
        await found.census.add_mailboxes(SCAN.scan_id, {user.user_id: mailbox})
        await found.census.add_policies(SCAN.scan_id, {user.user_id: EwsScope(Access.ALLOW)})
        await found.census.add_users(SCAN.scan_id, 1, [(user, mailbox)] if number == 0 else [])
        await found.census.add_users(SCAN.scan_id, 2, [(user, mailbox)] if number == 1 else [])
    return found


async def everything(azurite, tenant_id):
    """All columns of all rows of this test, as one text."""
    found = []
    async with TableServiceClient.from_connection_string(azurite.connection_string) as service:
        for table in TABLES:
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
    before = await everything(azurite, tenant_id)
    forgotten = await forget(resources, subject)
    after = await everything(azurite, tenant_id)

    assert forgotten == Forgotten(rows=1, index_entries=2, changes=2, census_rows=2)
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
    assert ADELE.upn.lower() not in await everything(azurite, tenant_id)


async def test_forgetting_again_finds_nothing(resources):
    await forget(resources, UUID(ADELE.user_id))

    assert await forget(resources, UUID(ADELE.user_id)) == Forgotten(0, 0, 0, 0)
    assert await forget(resources, "nobody@contoso.com") == Forgotten(0, 0, 0, 0)
