"""Pages through the rows of one kind by their keys, so that a page continues correctly whatever changed since."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from atlas.domain.changes import DatedChange
from atlas.domain.cursors import from_cursor, to_cursor
from atlas.tables.ranges import first_key_after
from atlas.tables.rows import RowTable

MAX_READS_PER_RESPONSE = 20
"""With a filter that few rows match, a short page with a continuation is better than a late response."""


@dataclass(frozen=True, slots=True)
class RowsFilter[Row]:
    """Which rows to return: ``matches`` decides, and ``where`` with its ``@values`` lets storage leave out others."""

    matches: Callable[[Row], bool]
    where: str = ""
    values: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ListPage[Row]:
    """Some rows in the order of their keys, and the continuation to the next ones."""

    rows: tuple[Row, ...]
    continuation: str | None


async def list_page[Row, Change: DatedChange](
    table: RowTable[Row, Change], wanted: RowsFilter[Row], limit: int, continuation: str | None
) -> ListPage[Row]:
    """The next rows that match a filter, at most ``limit``. Raises ``InvalidCursor``."""
    first = first_key_after(from_cursor(continuation, table.kind.key_pattern) if continuation else None)
    found: list[Row] = []
    last_key, next_key = None, None
    for reads in count(1):
        # The last read is unfiltered, so that there is a row to continue after.
        where = wanted.where if reads < MAX_READS_PER_RESPONSE else ""
        page = await table.get_page(first, next_key, where=where, values=wanted.values)
        for stored in page.rows:
            if wanted.matches(stored.row):
                if len(found) == limit:
                    return ListPage(tuple(found), to_cursor(table.kind.key_of(found[-1])))
                found.append(stored.row)
            last_key = table.kind.key_of(stored.row)
        next_key = page.next_key
        if next_key is None:
            break
        if last_key and reads >= MAX_READS_PER_RESPONSE:
            return ListPage(tuple(found), to_cursor(last_key))
    return ListPage(tuple(found), None)


async def iterate_rows[Row, Change: DatedChange](
    table: RowTable[Row, Change], wanted: RowsFilter[Row]
) -> AsyncIterator[Row]:
    """All rows that match a filter."""
    async for stored in table.iterate(wanted.where, wanted.values):
        if wanted.matches(stored.row):
            yield stored.row
