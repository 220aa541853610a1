"""Writes a row and publishes the change to it exactly once, whatever fails between two steps.

The order is: the row with the change inside it, the change's own row, the row without the change. A change found inside
a row may not have been published yet; the next reader of the row publishes it first.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from atlas.domain.changes import DatedChange
from atlas.tables.change_feed import ChangeFeed
from atlas.tables.rows import RowTable, Stored
from atlas.tables.store import RowChanged, StorageUnavailable

PUBLISH_WITHIN = timedelta(seconds=5)
"""Changes are served 10 s after their time; one published later than this gets a later time, so no reader misses it."""
ATTEMPTS = 5

type NextRow[Row] = Callable[[Row | None], Row]
type DetectChange[Row, Change] = Callable[[Row | None, Row, datetime], tuple[Row, Change | None]]
"""The row to store and the change from the previous one, dated to the given time; ``None`` if nothing changed."""
type Index[Row] = Callable[[Row, Row | None], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Outbox[Row, Change: DatedChange]:
    """The rows and changes of one kind, written together."""

    rows: RowTable[Row, Change]
    changes: ChangeFeed[Row, Change]
    clock: Callable[[], datetime]
    add_to_index: Index[Row]
    """Writes the index entries of a row that the previous one did not have; called before the row is written."""
    remove_from_index: Index[Row]
    """Removes the index entries of a row that its successor does not have; called before the row is written.

    Afterwards, only the row of before would say which entries they are, so a crash between the two would leave them.
    """

    async def record(
        self,
        key: str,
        stored: Stored[Row, Change] | None,
        next_row: NextRow[Row],
        detect_change: DetectChange[Row, Change],
    ) -> Row:
        """Write the row that ``next_row`` makes of the one read before, and publish the change between them.

        If another writer was faster, the row is read and ``next_row`` is called again. Raises ``StorageFailure``.
        """
        etag = stored.etag if stored else None
        for _ in range(ATTEMPTS):
            try:
                if stored:
                    stored = await self.publish_pending(stored)
                    etag = stored.etag
                if stored and stored.pending_change:  # overwriting it would lose it
                    raise StorageUnavailable("the previous change of this row could not be published in time")
                previous = stored.row if stored else None
                return await self._write(previous, next_row(previous), etag, detect_change)
            except RowChanged:
                stored, etag = await self._restore(key)
        raise StorageUnavailable(f"other writers changed a row {ATTEMPTS} times in a row while it was being written")

    async def publish_pending(self, stored: Stored[Row, Change]) -> Stored[Row, Change]:
        """Publish the change that is still inside a row, if there is one. Raises ``RowChanged``.

        A write that takes too long is abandoned: the row keeps its change, for its next reader.
        """
        change = stored.pending_change
        if change is None:
            return stored
        key = self.rows.kind.key_of(stored.row)
        exists = False
        if self._time_left(change) <= 0 and not (exists := await self.changes.exists(change)):
            change = replace(change, at=self.clock())
            stored = Stored(stored.row, await self.rows.mark_pending(key, change, stored.etag), change)
        if not exists and not await self._publish_in_time(change):
            return stored
        return Stored(stored.row, await self.rows.mark_pending(key, None, stored.etag))

    async def delete(self, stored: Stored[Row, Change]) -> bool:
        """Delete a row in the version read, with its index entries; ``False`` if another writer has changed it."""
        key = self.rows.kind.key_of(stored.row)
        await self.remove_from_index(stored.row, None)
        try:
            await self.rows.delete(key, stored.etag)
        except RowChanged:
            await self._restore(key)
            return False
        return True

    async def _restore(self, key: str) -> tuple[Stored[Row, Change] | None, str | None]:
        """The row that another writer has written, with the index entries that this writer has removed."""
        stored, etag = await self.rows.get_version(key)
        if stored:
            await self.add_to_index(stored.row, None)
        return stored, etag

    def _time_left(self, change: Change) -> float:
        return (change.at + PUBLISH_WITHIN - self.clock()).total_seconds()

    async def _publish_in_time(self, change: Change) -> bool:
        """Whether the change was written within ``PUBLISH_WITHIN`` of its time, before any reader could pass it."""
        time_left = self._time_left(change)
        if time_left <= 0:
            return False
        try:
            async with asyncio.timeout(time_left):
                await self.changes.insert(change)
        except TimeoutError:
            return False
        return True

    async def _write(
        self, previous: Row | None, row: Row, etag: str | None, detect_change: DetectChange[Row, Change]
    ) -> Row:
        row, change = detect_change(previous, row, self.clock())
        await self.add_to_index(row, previous)
        if previous is not None:
            await self.remove_from_index(previous, row)
        try:
            etag = await self.rows.save(row, change, etag)
        except RowChanged:
            stored = await self.rows.get(self.rows.kind.key_of(row))
            await self.remove_from_index(row, stored.row if stored else None)  # nothing else knows that they exist
            raise
        if change:
            try:
                await self.publish_pending(Stored(row, etag, change))
            except RowChanged:  # another writer has read the row meanwhile, and publishes the change it found
                return row
        return row
