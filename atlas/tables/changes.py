"""The table ``BookingsChanges``: what changed, in the order of its time, each change once."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from atlas.domain.changes import Change
from atlas.tables.status_rows import change_dict, change_of
from atlas.tables.store import RowExists, TableStore

BOOKINGS_CHANGES = "BookingsChanges"


class Changes:
    """The changes of one tenant. Their key begins with their time, so that a range read gives them in order."""

    def __init__(self, store: TableStore, tenant_id: str) -> None:
        self._store = store
        self._tenant_id = tenant_id

    async def insert(self, change: Change) -> None:
        """Write a change; writing it again changes nothing."""
        entity = {"PartitionKey": self._tenant_id, "RowKey": change_key(change), **change_dict(change)}
        try:
            await self._store.insert(BOOKINGS_CHANGES, entity)
        except RowExists:
            return

    async def exists(self, change: Change) -> bool:
        """Point read: whether this very change was written."""
        return await self._store.get(BOOKINGS_CHANGES, self._tenant_id, change_key(change)) is not None

    async def get_between(self, first: str, last: str, most: int) -> tuple[Change, ...]:
        """Range read: at most so many changes from one key up to and without another, oldest first."""
        found: list[Change] = []
        async for change in self.iterate_between(first, last):
            found.append(change)
            if len(found) == most:
                break
        return tuple(found)

    async def iterate_between(self, first: str, last: str) -> AsyncIterator[Change]:
        """Range read: all changes from one key up to and without another, oldest first."""
        async for entity in self._store.iterate(BOOKINGS_CHANGES, self._tenant_id, first, last):
            yield change_of(entity)

    async def delete_before(self, moment: datetime, most: int) -> int:
        """Remove the oldest changes from before ``moment``, at most so many; answers how many there were."""
        page = await self._store.get_page(
            BOOKINGS_CHANGES, self._tenant_id, last=time_key(moment), select=["RowKey"], size=min(most, 1000)
        )
        await self._store.delete_all(BOOKINGS_CHANGES, self._tenant_id, [row["RowKey"] for row in page.entities])
        return len(page.entities)


def change_key(change: Change) -> str:
    """The row key: the time in milliseconds, then the user."""
    return f"{time_key(change.at)}-{change.user_id}"


def time_key(moment: datetime) -> str:
    """Milliseconds since 1970, in digits enough that text order is time order."""
    return f"{int(moment.astimezone(UTC).timestamp() * 1000):014d}"
