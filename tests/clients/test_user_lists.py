"""Lists of users on a real Azurite: every order, search, filters, pages, and entries that are older than their row."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace

import pytest
import pytest_asyncio

from atlas.domain.cursors import InvalidCursor
from atlas.domain.statuses import Status
from atlas.domain.user_filters import UserFilter, UserOrder
from atlas.domain.user_rows import UserRow
from atlas.domain.users import LicensedUser
from atlas.pages.listing import get_users
from atlas.scans.user_lists import repair_user_lists
from atlas.tables.change_feed import ChangeFeed
from atlas.tables.outbox import Outbox
from atlas.tables.personal_bookings import KIND
from atlas.tables.rows import RowTable
from atlas.tables.user_index import BOOKINGS_USER_INDEX, UserIndex
from atlas.tables.user_positions import position_of
from tests.clients.conftest import opened_store

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
STATUSES = (Status.PUBLISHED, Status.NOT_SET_UP, Status.UNKNOWN, Status.GONE)
NAMES = ("Émile Zola", "emma Stone", "Ann", "Ann Smith", "Ann-Marie", "Anna", "李 小龙", "O'Neil, Bob", "zoë", None)
DEPARTMENTS = ("Sales", "sales ", "R&D / Labs", None)


in_the_module_loop = pytest.mark.asyncio(loop_scope="module")


def person(number, **more):
    user = LicensedUser(
        f"{number:08x}-0000-4000-8000-000000000000",
        f"user{number:02}@{('contoso.com', 'fabrikam.com')[number % 2]}",
        NAMES[number % len(NAMES)],
        DEPARTMENTS[number % len(DEPARTMENTS)],
        account_enabled=number % 3 != 0,
        user_type=("Member", "Guest")[number % 2],
    )
    return UserRow(replace(user, **more), STATUSES[number % len(STATUSES)], NOW)


PEOPLE = [person(number) for number in range(30)]


class CountingStore:
    """Counts the requests of reads."""

    def __init__(self, store):
        self._store = store
        self.points = self.ranges = 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def get(self, *key):
        self.points += 1
        return await self._store.get(*key)

    async def get_page(self, *key, **options):
        self.ranges += 1
        return await self._store.get_page(*key, **options)

    def iterate(self, *key, **options):
        self.ranges += 1
        return self._store.iterate(*key, **options)


@pytest.fixture
def tables(store, tenant_id):
    return tables_of(store, tenant_id)


def tables_of(store, tenant_id):
    counting = CountingStore(store)
    rows, changes = RowTable(counting, tenant_id, KIND), ChangeFeed(counting, tenant_id, KIND)
    index = UserIndex(counting, tenant_id)
    outbox = Outbox(rows, changes, lambda: NOW, index.add, index.remove)
    return SimpleNamespace(store=counting, rows=rows, index=index, outbox=outbox)


@pytest.fixture
async def tables_with_people(tables):
    """Everyone in the lists of this test, which may change them."""
    await record_everyone(tables)
    return tables


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def lists_of_this_module(storage_accounts):
    async with opened_store(next(storage_accounts)) as store:
        tables = tables_of(store, TENANT)
        await record_everyone(tables)
        yield tables


@pytest.fixture
def read_only(lists_of_this_module):
    """The same lists for every test that only reads."""
    lists_of_this_module.store.points = lists_of_this_module.store.ranges = 0
    return lists_of_this_module


async def record_everyone(tables):
    for row in PEOPLE:
        await record(tables, row)
    tables.store.points = tables.store.ranges = 0


async def record(tables, row):
    def detect_nothing(previous, row, at):
        return row, None

    stored = await tables.rows.get(row.user.user_id)
    await tables.outbox.record(row.user.user_id, stored, lambda _: row, detect_nothing)


async def all_pages(tables, wanted, order, limit):
    found, continuation = [], None
    while True:
        page = await get_users(tables, wanted, order, limit, continuation)
        assert len(page.rows) <= limit
        found += page.rows
        continuation = page.continuation
        if continuation is None:
            return found


def expected_rows(wanted, order):
    return sorted(filter(wanted.matches, PEOPLE), key=lambda row: position_of(order, row.user, row.status))


FILTERS = {
    "everyone": UserFilter(),
    "one status": UserFilter(frozenset({Status.UNKNOWN})),
    "two statuses": UserFilter(frozenset({Status.UNKNOWN, Status.PUBLISHED})),
    "gone": UserFilter(frozenset({Status.GONE})),
    "department": UserFilter(department="SALES"),
    "enabled guests of a domain": UserFilter(domain="Fabrikam.com", enabled=True, user_type="guest"),
    "search": UserFilter(search="ANN"),
    "search of a word": UserFilter(search="smi"),
    "search of a UPN": UserFilter(search="user1"),
    "search with an accent": UserFilter(search="É"),
    "search in other letters": UserFilter(search="小"),
    "search of two words in one status": UserFilter(frozenset({Status.UNKNOWN}), search="ann sm"),
    "search without a match": UserFilter(search="nobody"),
}


@in_the_module_loop
@pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("order", UserOrder)
async def test_pages_list_every_match_once_and_in_order(read_only, wanted, order):
    for limit in (4, 100):
        assert await all_pages(read_only, wanted, order, limit) == expected_rows(wanted, order)


@in_the_module_loop
async def test_names_are_in_the_order_that_readers_expect(read_only):
    names = [row.user.display_name for row in await all_pages(read_only, UserFilter(), UserOrder.NAME, 100)]

    assert list(dict.fromkeys(names)) == [
        "Ann", "Ann Smith", "Ann-Marie", "Anna", "Émile Zola", "emma Stone", "O'Neil, Bob", None, "zoë", "李 小龙"
    ]  # fmt: skip


async def test_a_user_moves_in_every_list_when_the_row_changes(tables_with_people):
    changed = replace(
        PEOPLE[3], status=Status.NO_MAILBOX, user=replace(PEOPLE[3].user, display_name="Zack", department="Legal")
    )
    await record(tables_with_people, changed)

    for order in UserOrder:
        rows = await all_pages(tables_with_people, UserFilter(), order, 100)
        assert [row for row in rows if row.user.user_id == changed.user.user_id] == [changed]
    assert await all_pages(tables_with_people, UserFilter(search="zack"), UserOrder.NAME, 10) == [changed]
    assert changed not in await all_pages(tables_with_people, UserFilter(search="ann smith"), UserOrder.NAME, 10)


async def test_an_outdated_entry_does_not_list_a_user_twice(tables_with_people, tenant_id):
    stale = PEOPLE[4]
    await tables_with_people.index.add(
        replace(stale, status=Status.PUBLISHED, user=replace(stale.user, display_name="Aaron")), None
    )

    rows = await all_pages(tables_with_people, UserFilter(), UserOrder.NAME, 100)

    assert rows == expected_rows(UserFilter(), UserOrder.NAME)


async def test_a_writer_who_was_too_late_leaves_no_entry(tables_with_people, store, tenant_id):
    """The row that it could not write had a name by which nobody else would find and delete the entries."""
    before = PEOPLE[4]
    stored = await tables_with_people.rows.get(before.user.user_id)
    winner = replace(before, status=Status.NO_MAILBOX)
    await record(tables_with_people, winner)

    await tables_with_people.outbox.record(
        before.user.user_id,
        stored,
        lambda previous: (
            replace(before, user=replace(before.user, display_name="Too Late")) if previous == before else previous
        ),
        lambda _, row, __: (row, None),
    )

    keys = [row["RowKey"] async for row in store.iterate(BOOKINGS_USER_INDEX, tenant_id)]
    assert [key for key in keys if "late" in key] == []
    assert (
        await tables_with_people.index.find_differences([winner], before.user.user_id, f"{before.user.user_id}!") == {}
    )
    assert winner in await all_pages(tables_with_people, UserFilter(), UserOrder.NAME, 100)


@pytest.mark.parametrize("column", ["Status", "UserPrincipalName"])
async def test_a_malformed_entry_leaves_out_only_its_user(tables_with_people, store, tenant_id, column):
    spoilt = PEOPLE[4]
    entities = [row async for row in store.iterate(BOOKINGS_USER_INDEX, tenant_id) if row.get("Status")]
    for entity in entities:
        if entity["UserId"] == spoilt.user.user_id:
            await store.upsert(BOOKINGS_USER_INDEX, {name: entity[name] for name in entity if name != column})

    for wanted in (UserFilter(), UserFilter(search="ann")):
        others = [row for row in expected_rows(wanted, UserOrder.NAME) if row != spoilt]
        assert await all_pages(tables_with_people, wanted, UserOrder.NAME, 4) == others


async def test_a_scan_repairs_lost_and_leftover_entries(tables_with_people, store, tenant_id):
    """What a killed step leaves: entries of another state of the row, none at all, or entries without a row."""
    lost, stale, deleted = PEOPLE[0], PEOPLE[1], person(99)
    await tables_with_people.index.remove(lost, None)
    await tables_with_people.index.add(replace(stale, user=replace(stale.user, display_name="Old Name")), stale)
    await tables_with_people.index.add(deleted, None)
    entries = {row["RowKey"] async for row in store.iterate(BOOKINGS_USER_INDEX, tenant_id)}

    await repair_user_lists(tables_with_people, PEOPLE[:20], "", is_last=False)
    await repair_user_lists(tables_with_people, PEOPLE[20:], PEOPLE[19].user.user_id, is_last=True)

    repaired = {row["RowKey"] async for row in store.iterate(BOOKINGS_USER_INDEX, tenant_id)}
    assert [key for key in repaired if "old$name" in key or deleted.user.user_id in key] == []
    assert [key for key in entries if "old$name" in key]
    assert await all_pages(tables_with_people, UserFilter(), UserOrder.NAME, 7) == expected_rows(
        UserFilter(), UserOrder.NAME
    )
    assert await tables_with_people.index.find_differences(PEOPLE) == {}


async def test_a_scan_repairs_entries_with_outdated_columns(tables_with_people):
    """A killed step leaves them: the keys are right, but a list filters by the columns."""
    outdated = PEOPLE[6]
    user = replace(outdated.user, account_enabled=not outdated.user.account_enabled)
    await tables_with_people.index.add(replace(outdated, user=user), outdated)
    wanted = UserFilter(enabled=outdated.user.account_enabled)
    assert outdated not in await all_pages(tables_with_people, wanted, UserOrder.NAME, 100)

    await repair_user_lists(tables_with_people, PEOPLE, "", is_last=True)

    assert await all_pages(tables_with_people, wanted, UserOrder.NAME, 100) == expected_rows(wanted, UserOrder.NAME)


async def test_a_scan_compares_entries_that_storage_returns_in_parts(tables_with_people, store, monkeypatch):
    deleted = person(99)
    await tables_with_people.index.add(deleted, None)
    monkeypatch.setattr(store, "get_page", partial(store.get_page, size=7))

    differing = await tables_with_people.index.find_differences(PEOPLE)

    assert set(differing) == {deleted.user.user_id}


async def test_a_repair_during_a_lookup_leaves_the_entries_of_the_new_row(tables_with_people, monkeypatch):
    """The lookup writes the row after the repair has read it, so the repair has to read it again."""
    before = PEOPLE[3]
    after = replace(before, status=Status.NO_MAILBOX, user=replace(before.user, display_name="Zack"))
    await tables_with_people.index.remove(before, None)
    repair = tables_with_people.index.repair

    async def repair_after_a_lookup(*arguments):
        monkeypatch.setattr(tables_with_people.index, "repair", repair)
        await record(tables_with_people, after)
        await repair(*arguments)

    monkeypatch.setattr(tables_with_people.index, "repair", repair_after_a_lookup)

    await repair_user_lists(tables_with_people, PEOPLE[3:4], PEOPLE[2].user.user_id, is_last=False)

    assert (
        await tables_with_people.index.find_differences([after], before.user.user_id, f"{before.user.user_id}!") == {}
    )
    assert await all_pages(tables_with_people, UserFilter(search="zack"), UserOrder.NAME, 10) == [after]


async def test_a_lookup_during_a_repair_writes_all_its_entries(tables_with_people, monkeypatch):
    """The repair removes entries that a killed step left, just when a lookup adds the same ones."""
    before = PEOPLE[3]
    after = replace(before, status=Status.NO_MAILBOX)
    await tables_with_people.index.add(after, before)
    differing = await tables_with_people.index.find_differences(PEOPLE)
    add = tables_with_people.index.add

    async def add_before_a_repair(*arguments):
        await add(*arguments)
        await tables_with_people.index.repair(before.user.user_id, differing[before.user.user_id], before)

    monkeypatch.setattr(
        tables_with_people, "outbox", replace(tables_with_people.outbox, add_to_index=add_before_a_repair)
    )

    await record(tables_with_people, after)

    assert await tables_with_people.index.find_differences([*PEOPLE[:3], after, *PEOPLE[4:]]) == {}
    wanted = UserFilter(frozenset({Status.NO_MAILBOX}))
    assert await all_pages(tables_with_people, wanted, UserOrder.STATUS, 10) == [after]


@pytest.mark.parametrize("keys", [None, "[1", "7"])
async def test_a_malformed_list_of_keys_does_not_end_a_scan(tables_with_people, store, tenant_id, keys):
    user_id = PEOPLE[3].user.user_id
    await store.upsert(BOOKINGS_USER_INDEX, {"PartitionKey": tenant_id, "RowKey": f"user-{user_id}", "Keys": keys})

    await repair_user_lists(tables_with_people, PEOPLE, "", is_last=True)

    assert await tables_with_people.index.find_differences(PEOPLE) == {}


@in_the_module_loop
async def test_entries_that_are_right_cost_one_range_read(read_only):
    await repair_user_lists(read_only, PEOPLE, "", is_last=True)

    assert (read_only.store.ranges, read_only.store.points) == (1, 0)


async def test_an_unchanged_row_writes_no_entries(tables_with_people, monkeypatch):
    async def write(*_):
        raise AssertionError("the index was written")

    monkeypatch.setattr(UserIndex, "_write", write)

    await record(tables_with_people, replace(PEOPLE[5], checked_at=NOW.replace(year=2027), reason="another"))


@in_the_module_loop
async def test_a_page_costs_one_range_read_and_its_rows(read_only):
    page = await get_users(read_only, UserFilter(), UserOrder.STATUS, 5, None)

    assert len(page.rows) == 5
    assert (read_only.store.ranges, read_only.store.points) == (1, 5)


@in_the_module_loop
@pytest.mark.parametrize("continuation", ["", "AAAA", "c3RhdHVzOg", "ZGlzcGxheU5hbWU6YQ"])
async def test_a_continuation_of_another_order_is_invalid(read_only, continuation):
    with pytest.raises(InvalidCursor):
        await get_users(read_only, UserFilter(), UserOrder.STATUS, 5, continuation)
