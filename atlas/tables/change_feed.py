"""The published changes of one kind: each once, in the order of their time, and the pages that callers read."""

import logging
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from atlas.domain.changes import DatedChange
from atlas.domain.cursors import change_key_pattern, from_cursor, to_cursor
from atlas.domain.records import MalformedRecord
from atlas.tables.kinds import Kind
from atlas.tables.ranges import first_key_after
from atlas.tables.store import RowExists, TableStore

log = logging.getLogger(__name__)

SERVED_AFTER = timedelta(seconds=10)
"""A change is written within 5 s of its time (outbox.py), so none can appear before a change already returned."""
RECENT = (timedelta(hours=1), timedelta(days=1))
"""Where the newest change is searched for first."""


@dataclass(frozen=True, slots=True)
class ServedChange[Change]:
    """A change, and the cursor that continues after it."""

    change: Change
    cursor: str


@dataclass(frozen=True, slots=True)
class ChangesPage[Change]:
    """Some changes, oldest first, the cursor to continue from, and whether more are available."""

    changes: tuple[ServedChange[Change], ...]
    cursor: str
    has_more: bool


class ChangeFeed[Row, Change: DatedChange]:
    """The changes of one kind in one tenant. Changes that cannot be read are logged and left out."""

    def __init__(self, store: TableStore, tenant_id: str, kind: Kind[Row, Change]) -> None:
        self._store = store
        self._tenant_id = tenant_id
        self._kind = kind
        self._cursor_pattern = change_key_pattern(kind.key_pattern)

    async def insert(self, change: Change) -> None:
        """Write a change; writing it again changes nothing."""
        columns = self._kind.change_columns.to_columns(change)
        entity = {"PartitionKey": self._tenant_id, "RowKey": self.key(change), **columns}
        try:
            await self._store.insert(self._kind.changes_table, entity)
        except RowExists:
            return

    async def exists(self, change: Change) -> bool:
        """Point read: whether this very change was written."""
        return await self._store.get(self._kind.changes_table, self._tenant_id, self.key(change)) is not None

    async def iterate(self, first: str = "", last: str = "~") -> AsyncIterator[tuple[str, Change]]:
        """Range read: the changes from key ``first`` up to and without ``last`` with their keys, oldest first."""
        async for entity in self._store.iterate(self._kind.changes_table, self._tenant_id, first, last):
            try:
                yield entity["RowKey"], self._kind.change_columns.from_columns(entity)
            except MalformedRecord as problem:
                log.warning("a change in %s cannot be read and is left out: %s", self._kind.changes_table, problem)

    async def read(self, since: str | None, limit: int, *, now: datetime, history: timedelta) -> ChangesPage[Change]:
        """The changes after a cursor; without one at most the newest, and the cursor to continue from.

        Raises ``InvalidCursor``.
        """
        horizon = time_key(now - SERVED_AFTER)
        if since is None:
            return await self._newest(now, history, horizon)
        first = first_key_after(from_cursor(since, self._cursor_pattern))
        served: list[ServedChange[Change]] = []
        async for key, change in self.iterate(first, horizon):
            if len(served) == limit:
                return ChangesPage(tuple(served), served[-1].cursor, has_more=True)
            served.append(ServedChange(change, to_cursor(key)))
        return ChangesPage(tuple(served), served[-1].cursor if served else since, has_more=False)

    async def delete_before(self, moment: datetime, limit: int) -> int:
        """Remove the oldest changes from before ``moment``, at most ``limit``; returns how many there were."""
        page = await self._store.get_page(
            self._kind.changes_table, self._tenant_id, last=time_key(moment), select=["RowKey"], size=min(limit, 1000)
        )
        await self._store.delete_all(
            self._kind.changes_table, self._tenant_id, [row["RowKey"] for row in page.entities]
        )
        return len(page.entities)

    async def delete_of_row(self, row_key: str) -> int:
        """Remove all changes of one row, readable or not, and return their number. Reads the complete range."""
        table, ending = self._kind.changes_table, f"-{row_key}"
        keys = [
            entity["RowKey"]
            async for entity in self._store.iterate(table, self._tenant_id, select=["RowKey"])
            if entity["RowKey"].endswith(ending)
        ]
        await self._store.delete_all(table, self._tenant_id, keys)
        return len(keys)

    async def delete_naming(self, column: str, names: Collection[str]) -> int:
        """Range read of all changes: remove those with one of these names in a column; returns how many.

        ``names`` are in lower case.
        """
        table = self._kind.changes_table
        keys = [
            entity["RowKey"]
            async for entity in self._store.iterate(table, self._tenant_id, select=["RowKey", column])
            if str(entity.get(column) or "").casefold() in names
        ]
        await self._store.delete_all(table, self._tenant_id, keys)
        return len(keys)

    def key(self, change: Change) -> str:
        """The row key of a change: its time in milliseconds, then the key of the row that changed."""
        return f"{time_key(change.at)}-{self._kind.changed_key_of(change)}"

    async def _newest(self, now: datetime, history: timedelta, horizon: str) -> ChangesPage[Change]:
        for span in (*RECENT, history):
            newest = None
            async for served in self.iterate(time_key(now - span), horizon):
                newest = served
            if newest:
                cursor = to_cursor(newest[0])
                return ChangesPage((ServedChange(newest[1], cursor),), cursor, has_more=False)
        return ChangesPage((), to_cursor(horizon), has_more=False)


def time_key(moment: datetime) -> str:
    """Milliseconds since 1970, zero-padded so that text order is time order."""
    return f"{int(moment.astimezone(UTC).timestamp() * 1000):014d}"
