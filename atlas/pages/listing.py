"""Lists the users of the tenant, in any of several orders, and the changes of their pages."""

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from atlas.concurrency import map_concurrently
from atlas.domain.changes import Change
from atlas.domain.cursors import from_cursor, to_cursor
from atlas.domain.user_filters import UserFilter, UserOrder
from atlas.domain.user_rows import UserRow
from atlas.resources import Resources
from atlas.tables.change_feed import ChangesPage
from atlas.tables.paging import MAX_READS_PER_RESPONSE, ListPage, iterate_rows, list_page
from atlas.tables.personal_bookings import OBJECT_ID, rows_filter
from atlas.tables.ranges import first_key_after
from atlas.tables.user_index import ListedUser
from atlas.tables.user_positions import DEPARTMENT, NAME, RANGE_END, RANKS, STATUS, UPN, department_key, position_of

CONCURRENT_READS = 16
POSITION = r"[!-~]{1,600}"


@dataclass(frozen=True, slots=True)
class _IndexRange:
    """The index entries whose keys begin with ``prefix``; the positions of their users begin with ``position``."""

    prefix: str
    position: str = ""

    def first_key(self, after: str) -> str | None:
        """The key at which the users after a position start; ``None`` if no user of this range is after it."""
        if after.startswith(self.position):
            rest = after.removeprefix(self.position)
            return first_key_after(self.prefix + rest) if rest else self.prefix
        return self.prefix if self.position > after else None


async def get_users(
    resources: Resources, wanted: UserFilter, order: UserOrder, limit: int, continuation: str | None
) -> ListPage[UserRow]:
    """The next rows that match a filter, at most ``limit``. Raises ``InvalidCursor``.

    A list in the order of the object ID reads the rows. Other lists, and searches, read the index and then each row.
    """
    if order is UserOrder.USER_ID and wanted.search is None:
        return await list_page(resources.rows, rows_filter(wanted), limit, continuation)
    after = _position_of(order, continuation)
    if wanted.search is not None:
        table_filter = rows_filter(wanted)
        found = await resources.index.search(wanted, table_filter.where, table_filter.values or {})
        if found is not None:
            return await _page_of(resources, wanted, order, _filter_and_sort(found, wanted, order, after), limit)
        if order is UserOrder.USER_ID:  # so many users match that reading the rows finds them soon
            return await list_page(resources.rows, rows_filter(wanted), limit, continuation)
    return await _page_of_ranges(resources, wanted, order, limit, after)


def iterate_users(resources: Resources, wanted: UserFilter) -> AsyncIterator[UserRow]:
    """All rows that match a filter, in the order of the object ID."""
    return iterate_rows(resources.rows, rows_filter(wanted))


async def get_changes(resources: Resources, since: str | None, limit: int) -> ChangesPage[Change]:
    """The changes after a cursor; without a cursor, at most the newest change. Raises ``InvalidCursor``."""
    history = timedelta(days=resources.history_days)
    return await resources.changes.read(since, limit, now=resources.clock(), history=history)


async def _page_of_ranges(
    resources: Resources, wanted: UserFilter, order: UserOrder, limit: int, after: str
) -> ListPage[UserRow]:
    """Read the index in this order until there are enough users; if that takes too many reads, the page is short."""
    table_filter = rows_filter(wanted)
    found: list[ListedUser] = []
    reads, last = 0, after
    for part in _ranges(wanted, order):
        first, next_key = part.first_key(after), None
        while first is not None:
            reads += 1
            # The last read is unfiltered, so that there is an entry to continue after.
            where = table_filter.where if reads < MAX_READS_PER_RESPONSE else ""
            page = await resources.index.get_page(first, part.prefix + RANGE_END, where, table_filter.values, next_key)
            found += _filter_and_sort(page.entries, wanted, order, after)
            last = page.entries[-1].position(order) if page.entries else last
            next_key = page.next_key
            if len(found) > limit:
                return await _page_of(resources, wanted, order, found, limit)
            if reads >= MAX_READS_PER_RESPONSE and last > after:
                page_so_far = await _page_of(resources, wanted, order, found, limit)
                return ListPage(page_so_far.rows, _cursor_of(order, last))
            if next_key is None:
                break
    return await _page_of(resources, wanted, order, found, limit)


async def _page_of(
    resources: Resources, wanted: UserFilter, order: UserOrder, found: Sequence[ListedUser], limit: int
) -> ListPage[UserRow]:
    """The rows of the first entries. A stale entry is left out: the row has a newer one at another position."""

    async def row_of(entry: ListedUser) -> UserRow | None:
        stored = await resources.rows.get(entry.user.user_id)
        if stored is None or not wanted.matches(stored.row):
            return None
        position = position_of(order, stored.row.user, stored.row.status)
        return stored.row if position == entry.position(order) else None

    shown = found[:limit]
    rows = await map_concurrently(row_of, shown, CONCURRENT_READS)
    is_last = len(found) <= limit
    return ListPage(
        tuple(row for row in rows if row), None if is_last else _cursor_of(order, shown[-1].position(order))
    )


def _filter_and_sort(
    entries: Iterable[ListedUser], wanted: UserFilter, order: UserOrder, after: str
) -> list[ListedUser]:
    matching = [
        entry for entry in entries if wanted.matches_user(entry.user, entry.status) and entry.position(order) > after
    ]
    return sorted(matching, key=lambda entry: entry.position(order))


def _ranges(wanted: UserFilter, order: UserOrder) -> list[_IndexRange]:
    """The ranges to read for an order, one after the other: the smallest ones that contain every match."""
    ranks = sorted(RANKS[status] for status in wanted.statuses or ())
    match order:
        case UserOrder.UPN:
            return [_IndexRange(UPN)]
        case UserOrder.STATUS if ranks:
            return [_IndexRange(f"{STATUS}{rank}!", f"{rank}!") for rank in ranks]
        case UserOrder.STATUS:
            return [_IndexRange(STATUS)]
        case UserOrder.DEPARTMENT if wanted.department is not None:
            key = department_key(wanted.department)
            return [_IndexRange(f"{DEPARTMENT}{key}!", f"{key}!")]
        case UserOrder.DEPARTMENT:
            return [_IndexRange(DEPARTMENT)]
        case _ if wanted.department is not None:
            return [_IndexRange(f"{DEPARTMENT}{department_key(wanted.department)}!")]
        case _ if len(ranks) == 1:
            return [_IndexRange(f"{STATUS}{ranks[0]}!")]
        case _:
            return [_IndexRange(NAME)]


def _position_of(order: UserOrder, continuation: str | None) -> str:
    if continuation is None:
        return ""
    if order is UserOrder.USER_ID:
        return from_cursor(continuation, OBJECT_ID)
    return from_cursor(continuation, re.compile(f"{order}:{POSITION}")).removeprefix(f"{order}:")


def _cursor_of(order: UserOrder, position: str) -> str:
    return to_cursor(position if order is UserOrder.USER_ID else f"{order}:{position}")
