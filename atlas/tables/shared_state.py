"""The table ``SharedBookingsState``: when shared pages were last listed completely, and the search for creators."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from atlas.domain.shared_pages.rows import Source
from atlas.tables.store import TableStore

SHARED_BOOKINGS_STATE = "SharedBookingsState"
CREATION_SEARCH = "creation-search"


@dataclass(frozen=True, slots=True)
class CreationSearch:
    """How far the audit log has been searched for the creation of pages."""

    searched_from: datetime
    """Where the first search began: nothing older is known."""
    searched_until: datetime | None = None
    """Where the last finished search ended."""
    started_at: datetime | None = None
    """When the last search was started."""
    query_id: str | None = None
    """The query that has not been read yet."""
    query_until: datetime | None = None
    """Where that query ends."""


SEARCH = TypeAdapter(CreationSearch)


class SharedState:
    """What one scan stores for the next."""

    def __init__(self, store: TableStore, tenant_id: str) -> None:
        self._store = store
        self._tenant_id = tenant_id

    async def get_listed_sources(self) -> frozenset[Source]:
        """The sources that an earlier scan listed completely. A new page in such a source was created later."""
        keys = {f"listed-{source}": source for source in Source}
        found = [await self._store.get(SHARED_BOOKINGS_STATE, self._tenant_id, key) for key in keys]
        return frozenset(source for source, entity in zip(keys.values(), found, strict=True) if entity)

    async def set_listed_sources(self, sources: Iterable[Source], at: datetime) -> None:
        """Store that these sources have been listed completely."""
        for source in sources:
            entity = {"PartitionKey": self._tenant_id, "RowKey": f"listed-{source}", "At": at}
            await self._store.upsert(SHARED_BOOKINGS_STATE, entity)

    async def get_creation_search(self) -> CreationSearch | None:
        """The state of the search; ``None``: there was none yet."""
        entity = await self._store.get(SHARED_BOOKINGS_STATE, self._tenant_id, CREATION_SEARCH)
        return SEARCH.validate_json(entity["Search"]) if entity else None

    async def set_creation_search(self, search: CreationSearch) -> None:
        """Store the state of the search."""
        text = SEARCH.dump_json(search).decode()
        await self._store.upsert(
            SHARED_BOOKINGS_STATE,
            {"PartitionKey": self._tenant_id, "RowKey": CREATION_SEARCH, "Search": text},
        )
