"""With 100,000 users, a page of the report costs as many requests to Table Storage as with 1,000."""

from bisect import bisect_left
from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from atlas.domain.statuses import Status
from atlas.domain.user_filters import UserFilter, UserOrder
from atlas.domain.user_rows import UserRow
from atlas.domain.users import LicensedUser
from atlas.pages.listing import get_users
from atlas.tables.paging import MAX_READS_PER_RESPONSE
from atlas.tables.personal_bookings import KIND, PERSONAL_BOOKINGS
from atlas.tables.rows import RowTable
from atlas.tables.store import Page
from atlas.tables.user_index import UserIndex, _entries

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
SIZES = (1_000, 100_000)
LIMIT = 50
FIRST_NAMES = ("Adele", "Bianca", "Chidi", "Émile", "Fatima", "Göran", "Hanna", "Igor")


class Entity(dict[str, Any]):
    """A row as it was read."""

    metadata: Mapping[str, str] = {"etag": "v"}
    etag = "v"


class LargeStore:
    """The reads of ``TableStore`` over sorted keys; it counts them.

    As in Azure, a filter leaves rows out of the part that was read, so that a part may be empty and have a next one.
    """

    def __init__(self, tables: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        self.tables = tables
        self.keys = {name: sorted(rows) for name, rows in tables.items()}
        self.points = self.ranges = 0

    async def get(self, table: str, _partition: str, row: str) -> Entity | None:
        self.points += 1
        found = self.tables[table].get(row)
        return None if found is None else Entity(found)

    async def get_page(
        self, table: str, _partition: str, first: str = "", last: str = "~", *, size: int = 1000,
        next_key: Mapping[str, str] | None = None, where: str = "", values: Mapping[str, Any] | None = None, **_: Any,
    ) -> Page:  # fmt: skip
        self.ranges += 1
        keys = self.keys[table]
        start, end = bisect_left(keys, next_key["RowKey"] if next_key else first), bisect_left(keys, last)
        part = keys[start : min(start + size, end)]
        following = {"PartitionKey": TENANT, "RowKey": keys[start + size]} if start + size < end else None
        entities = (Entity(self.tables[table][key]) for key in part)
        matching = (one for one in entities if not where or one["Status"] in (values or {}).values())
        return Page(tuple(matching), following)  # type: ignore[arg-type]


def row(number: int) -> UserRow:
    """Statuses and names as in a real tenant: common ones, and one user in a thousand with a rare status."""
    user = LicensedUser(
        f"{number:08x}-0000-4000-8000-000000000000",
        f"user{number}@contoso.com",
        f"{FIRST_NAMES[number % 8]} Person{number:06}",
        f"Department {number % 10}",
        account_enabled=True,
    )
    status = Status.UNKNOWN if number % 1000 == 7 else (Status.PUBLISHED, Status.NOT_SET_UP)[number % 2]
    return UserRow(user, status, NOW)


@pytest.fixture(scope="module", params=[None], ids=["shared stores"])
def stores() -> dict[int, LargeStore]:
    found = {}
    for size in SIZES:
        rows, index = {}, {}
        for one in map(row, range(size)):
            rows[one.user.user_id] = {**KIND.columns.to_columns(one), "RowKey": one.user.user_id}
            index |= {key: {**columns, "RowKey": key} for key, columns in _entries(one).items()}
        found[size] = LargeStore({PERSONAL_BOOKINGS: rows, "BookingsUserIndex": index})
    return found


async def cost(store: LargeStore, wanted: UserFilter, order: UserOrder) -> tuple[int, int]:
    """Range reads and point reads of the first page."""
    store.points = store.ranges = 0
    any_store: Any = store
    resources: Any = SimpleNamespace(rows=RowTable(any_store, TENANT, KIND), index=UserIndex(any_store, TENANT))
    page = await get_users(resources, wanted, order, LIMIT, None)
    assert len(page.rows) == LIMIT
    return store.ranges, store.points


CASES = {
    "by object ID": (UserFilter(), UserOrder.USER_ID, (1, 0)),
    "by name": (UserFilter(), UserOrder.NAME, (1, LIMIT)),
    "by status": (UserFilter(), UserOrder.STATUS, (1, LIMIT)),
    "one status by name": (UserFilter(frozenset({Status.NOT_SET_UP})), UserOrder.NAME, (1, LIMIT)),
    "one department by name": (UserFilter(department="department 7"), UserOrder.NAME, (1, LIMIT)),
    "a search": (UserFilter(search="person0001"), UserOrder.NAME, (3, LIMIT)),
}


@pytest.mark.parametrize(("wanted", "order", "reads"), CASES.values(), ids=CASES)
async def test_the_first_page_costs_a_handful_of_range_reads(stores, wanted, order, reads):
    """Each range read returns 1,000 entries at most, so that neither depends on the size of the tenant."""
    small, large = [await cost(stores[size], wanted, order) for size in SIZES]

    assert large == reads
    assert small == reads


async def test_a_broad_search_returns_a_full_page(stores):
    """12,500 users match: one list needs 13 reads, and the other two find nothing."""
    assert await cost(stores[100_000], UserFilter(search="fatima"), UserOrder.STATUS) == (15, LIMIT)


async def test_few_matches_among_many_users_are_found_quickly(stores):
    store: Any = stores[100_000]
    store.points = store.ranges = 0
    resources: Any = SimpleNamespace(rows=RowTable(store, TENANT, KIND), index=UserIndex(store, TENANT))

    page = await get_users(resources, UserFilter(search="person09999"), UserOrder.UPN, LIMIT, None)

    assert [one.user.upn for one in page.rows] == [f"user{number}@contoso.com" for number in range(99_990, 100_000)]
    assert (store.ranges, store.points) == (3, 10)


@pytest.mark.parametrize("order", [UserOrder.USER_ID, UserOrder.UPN])
async def test_a_filter_without_a_match_reads_a_bounded_part(stores, order):
    """The response is an empty page that says where to continue, instead of one that takes a hundred reads."""
    store: Any = stores[100_000]
    resources: Any = SimpleNamespace(rows=RowTable(store, TENANT, KIND), index=UserIndex(store, TENANT))
    wanted, continuation, reads = UserFilter(frozenset({Status.NO_MAILBOX})), None, []
    while continuation or not reads:
        store.ranges = 0
        page = await get_users(resources, wanted, order, LIMIT, continuation)
        assert page.rows == ()
        continuation = page.continuation
        reads.append(store.ranges)

    assert max(reads) == MAX_READS_PER_RESPONSE
    assert sum(reads) <= 101
