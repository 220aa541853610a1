"""Holds docs/tables.md to what the tables write."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from complete_examples import ADOPTION, ANY_GUID, CHANGE, ROW, SCAN, SCAN_ID, USER
from documents import ROOT, only_once, section_of, table_of, text_of, titles_of

from atlas.domain.ews_settings import Access, EwsScope
from atlas.domain.mailboxes import Mailbox
from atlas.domain.shared_pages.businesses import ListedBusiness
from atlas.domain.shared_pages.changes import SharedChangeKind, SharedPageChange
from atlas.domain.shared_pages.join import ListedPage
from atlas.domain.shared_pages.rows import FoundRisk, SharedFinding, Source
from atlas.domain.unknown import Reason, Unknown
from atlas.exports.csv_file import COLUMNS, SHARED_PAGE_COLUMNS
from atlas.tables import shared_bookings
from atlas.tables.census import Census
from atlas.tables.change_feed import ChangeFeed
from atlas.tables.personal_bookings import KIND
from atlas.tables.rows import RowTable
from atlas.tables.scan_log import LAST_END_KEY, ScanLog
from atlas.tables.shared_census import SharedCensus
from atlas.tables.shared_index import SharedPageIndex
from atlas.tables.shared_state import CreationSearch, SharedState
from atlas.tables.user_index import UserIndex
from tests.domain.shared_pages.pages import HEALTHY, MAILBOX, NOW

RISK = FoundRisk(SharedFinding.NOBODY_LEFT, "Nobody has full access to the page.")
EDM_TYPES = {str: "String", bool: "Boolean", int: "Int32", datetime: "DateTime"}


class RecordingStore:
    """Notes the columns that are written, by table; it has only the methods that writing needs."""

    def __init__(self) -> None:
        self.columns: dict[str, dict[str, str]] = {}

    async def insert(self, table: str, entity: Mapping[str, Any]) -> str:
        columns = {_documented_name(name): EDM_TYPES[type(value)] for name, value in entity.items()}
        assert {columns.pop("PartitionKey"), columns.pop("RowKey")} == {"String"}
        self.columns.setdefault(table, {}).update(columns)
        return "etag"

    async def upsert(self, table: str, entity: Mapping[str, Any]) -> None:
        await self.insert(table, entity)

    async def replace(self, table: str, entity: Mapping[str, Any], _etag: str | None) -> str:
        return await self.insert(table, entity)

    async def replace_together(self, table: str, rows: Iterable[tuple[Mapping[str, Any], str | None]]) -> None:
        await self.upsert_all(table, [entity for entity, _ in rows])

    async def get(self, _table: str, _partition: str, row: str) -> None:
        """Only the row that counts the ends of scans is read before it is written."""
        assert row == LAST_END_KEY

    async def upsert_all(self, table: str, entities: Iterable[Mapping[str, Any]]) -> None:
        for entity in entities:
            await self.insert(table, entity)

    async def merge_all(self, table: str, entities: Iterable[Mapping[str, Any]]) -> None:
        await self.upsert_all(table, entities)


def _documented_name(column: str) -> str:
    """The name of a column in the documentation, which has one entry for all buckets."""
    return re.sub(r"^Bucket\d{3}$", "Bucket000", column)


async def written_columns() -> dict[str, dict[str, str]]:
    """Every column that the tables write when everything is known, with its type."""
    store: Any = RecordingStore()
    await RowTable(store, ANY_GUID, KIND).save(ROW, CHANGE, None)
    await UserIndex(store, ANY_GUID).add(ROW, None)
    await ChangeFeed(store, ANY_GUID, KIND).insert(CHANGE)
    scans = ScanLog(store, ANY_GUID)
    await scans.insert(SCAN)
    await scans.acquire_lock(SCAN, None)
    await scans.save_adoption(ADOPTION)
    await scans._write_end(SCAN, None)
    scope = EwsScope(Access.ALLOW, "EnforceBlockList", ews_enabled=True, entries=("an entry",))
    mailbox = Mailbox(UUID(ANY_GUID), "adele@contoso.com", "UserMailbox", has_capability=True, ews=scope)
    census = Census(store)
    await census.add_mailboxes(SCAN_ID, 1, {ANY_GUID: mailbox})
    await census.add_policies(SCAN_ID, 1, {ANY_GUID: scope})
    await census.add_listed_users(SCAN_ID, 1, [(USER, None)])
    await census.add_position(SCAN_ID, "users", 2, "a link")
    await census.add_adoption(SCAN_ID, 1, replace(ADOPTION, scan_id=None, counted_at=None))
    await census.add_users(SCAN_ID, 1, [(USER, mailbox), (USER, Unknown(Reason.REFUSED))])
    await write_shared_pages(store)
    return store.columns


async def write_shared_pages(store: Any) -> None:
    """As above, of shared pages."""
    row = replace(HEALTHY, created_by="adele@contoso.com", changed_at=NOW, findings=(RISK,))
    change = SharedPageChange(
        NOW,
        SharedChangeKind.ACCESS_GRANTED,
        row.key,
        row.address,
        "Help Desk",
        row.public_url,
        "adele",
        scan_id=SCAN_ID,
    )
    await RowTable(store, ANY_GUID, shared_bookings.KIND).save(row, change, None)
    await ChangeFeed(store, ANY_GUID, shared_bookings.KIND).insert(change)
    await SharedPageIndex(store, ANY_GUID).add(row, None)
    await SharedState(store, ANY_GUID).set_listed_sources(Source, NOW)
    await SharedState(store, ANY_GUID).set_creation_search(CreationSearch(NOW))
    census = SharedCensus(store)
    await census.add_businesses(SCAN_ID, [ListedBusiness("helpdesk@contoso.com")])
    await census.add_pages(SCAN_ID, 1, [ListedPage(MAILBOX, None)])
    await census.add_comparison(SCAN_ID, {"shared-1": ()}, {"shared-1": ()})


async def test_the_tables_and_columns_are_documented_with_their_types():
    tables = only_once(title.strip("`") for title in titles_of(text_of("docs/tables.md")) if title.startswith("`"))

    documented = {
        table: {row[0]: row[1] for row in table_of(section_of("docs/tables.md", f"## `{table}`"), "column")}
        for table in tables
    }
    assert documented == await written_columns()


def columns_of(table: str) -> dict[str, str]:
    """The columns that are documented of a table, each with what it holds."""
    return {row[0]: row[2] for row in table_of(section_of("docs/tables.md", f"## `{table}`"), "column")}


def test_a_csv_file_has_the_columns_of_the_table():
    (sentence,) = re.findall(r"As CSV: .+?\.(?=\s[A-Z])", section_of("docs/api.md", "## `GET /api/users`"), re.DOTALL)
    without = set(re.findall(r"`(\w+)`", sentence.partition("without")[2]))

    assert columns_of("PersonalBookings").keys() - without == set(COLUMNS)
    assert without <= columns_of("PersonalBookings").keys()


def test_a_csv_file_of_shared_pages_has_the_columns_of_their_table():
    assert [name for name in columns_of("SharedBookings") if name != "PendingChange"] == list(SHARED_PAGE_COLUMNS)


def test_the_list_of_tables_matches_the_code():
    sources = "\n".join(file.read_text() for file in (ROOT / "atlas" / "tables").glob("*.py"))

    constants = re.findall(r'^[A-Z_]+ = "(\w*Bookings\w*)"$', sources, re.MULTILINE)
    assert only_once(constants) == only_once(row[0] for row in table_of(text_of("docs/tables.md"), "table"))


def test_every_table_has_its_keys_and_reads():
    for row in table_of(text_of("docs/tables.md"), "table"):
        section = section_of("docs/tables.md", f"## `{row[0]}`")
        assert "Keys: PartitionKey = " in section
        assert {read[1].split(",")[0] for read in table_of(section, "read")} <= {"point", "range"}
