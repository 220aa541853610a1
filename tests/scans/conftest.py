"""A tenant in memory: tables with ETags, clients that a test scripts, and a clock that a test moves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from atlas.domain.excluded_users import ExcludedUsers
from atlas.domain.mailboxes import Mailbox
from atlas.domain.pages import NoPage
from atlas.domain.scans import Scan, ScanState, new_scan_id
from atlas.domain.statuses import Status
from atlas.domain.user_rows import UserRow
from atlas.domain.users import LicensedUser
from atlas.microsoft365.exclusions import Exclusions
from atlas.microsoft365.graph import Account
from atlas.resources import Resources, shared_page_tables
from atlas.tables.census import Census
from atlas.tables.change_feed import ChangeFeed
from atlas.tables.outbox import Outbox
from atlas.tables.personal_bookings import KIND
from atlas.tables.read_ahead import ReadAhead
from atlas.tables.rows import RowTable
from atlas.tables.scan_log import ScanLog
from atlas.tables.user_index import UserIndex
from tests.memory_store import MemoryStore

TENANT_ID = "72f988bf-86f1-41af-91ab-2d7cd011db47"
START = datetime(2026, 11, 23, 3, tzinfo=UTC)


def user_id(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


def user(number: int) -> LicensedUser:
    return LicensedUser(user_id=user_id(number), upn=f"user{number}@contoso.com")


def scan(second: int = 0, **more: Any) -> Scan:
    at = START + timedelta(seconds=second)
    return Scan(new_scan_id(at, f"{abs(second):08x}"), ScanState.PENDING, "http", at, **more)


class FakeDirectory:
    """Microsoft Graph: who is licensed, and what it returns for everybody else."""

    def __init__(self) -> None:
        self.licensed: set[str] = set()
        self.failure: Exception | None = None
        self.requested: list[str] = []

    async def get_accounts(self, user_ids: list[str]) -> dict[str, Account | None]:
        self.requested += user_ids
        if self.failure:
            raise self.failure
        numbers = {one: int(one[:8], 16) for one in user_ids}
        return {one: Account(user(numbers[one]), True) if one in self.licensed else None for one in user_ids}


class FakePages:
    """The Bookings service: by default, no mailbox has a page."""

    def __init__(self) -> None:
        self.results: list[Any] = []
        self.requested: list[UUID] = []

    async def get_page(self, mailbox_guid: UUID) -> Any:
        self.requested.append(mailbox_guid)
        result = self.results.pop(0) if self.results else NoPage(404)
        if isinstance(result, Exception):
            raise result
        return result


@dataclass
class MemoryTenant:
    """The resources of use cases, and what a test needs to control them."""

    store: MemoryStore = field(default_factory=MemoryStore)
    directory: FakeDirectory = field(default_factory=FakeDirectory)
    pages: FakePages = field(default_factory=FakePages)
    excluded: tuple[str, ...] = ()
    """The value of EXCLUDE_USERS."""
    now: datetime = START
    recheck_days: int = 0
    """The value of NOT_SET_UP_RECHECK_DAYS."""
    tick: timedelta = timedelta(0)
    """How far each look at the clock moves it."""
    events: list[Any] = field(default_factory=list)

    def clock(self) -> datetime:
        self.now += self.tick
        return self.now

    @property
    def resources(self) -> Resources:
        store: Any = self.store
        rows, changes = RowTable(store, TENANT_ID, KIND), ChangeFeed(store, TENANT_ID, KIND)
        index, census = UserIndex(store, TENANT_ID), Census(store)
        clients: Any = {"directory": self.directory, "mailboxes": None, "pages": self.pages}
        clients["exclusions"] = Exclusions(ExcludedUsers.parse(self.excluded), clients["directory"])
        return Resources(
            **clients,
            clock=self.clock,
            tenant_id=TENANT_ID,
            bookings_url="https://outlook.office.com",
            probe_availability=False,
            rows=rows,
            changes=changes,
            outbox=Outbox(rows, changes, self.clock, index.add, index.remove),
            index=index,
            census=census,
            read_ahead=ReadAhead(census, rows),
            scans=ScanLog(store, TENANT_ID),
            emit=self.events.append,
            probe_concurrency=4,
            history_days=30,
            not_set_up_recheck_days=self.recheck_days,
            shared=shared_page_tables(store, TENANT_ID, self.clock),
            shared_pages=False,
            max_full_access=5,
        )

    async def start_scan(self, one: Scan) -> Scan:
        """The scan with its row and the lock."""
        await self.resources.scans.insert(one)
        assert await self.resources.scans.acquire_lock(one, None)
        return one

    async def add_row(self, number: int, scan_id: str | None, status: Status = Status.PUBLISHED, **more: Any) -> None:
        more = {"last_known_status": status, **more}
        row = UserRow(
            more.pop("user", user(number)),
            status,
            more.pop("checked_at", START - timedelta(days=1)),
            scan_id=scan_id,
            **more,
        )
        await self.resources.rows.save(row, None, None)

    async def add_to_census(self, scan_id: str, number: int) -> Mailbox:
        mailbox = Mailbox(UUID(int=number), f"user{number}@contoso.com", "UserMailbox", has_capability=True)
        await self.resources.census.add_users(scan_id, 1, [(user(number), mailbox)])
        return mailbox

    async def statuses(self) -> dict[str, Status]:
        return {stored.row.user.user_id: stored.row.status async for stored in self.resources.rows.iterate()}


@pytest.fixture
def tenant() -> MemoryTenant:
    return MemoryTenant()


type Make = Callable[..., Any]
