"""The shared pages that a running scan has listed, in the table ``BookingsCensus`` beside the mailboxes and users."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from atlas.domain.shared_pages.businesses import ListedBusiness
from atlas.domain.shared_pages.join import ListedPage
from atlas.domain.shared_pages.names import LookAlike
from atlas.tables.census import BOOKINGS_CENSUS
from atlas.tables.ranges import first_key_after
from atlas.tables.store import Entity, TableStore

PAGE = TypeAdapter(ListedPage)
BUSINESS = TypeAdapter(ListedBusiness)
SAME_NAME = TypeAdapter(tuple[str, ...])
LOOK_ALIKES = TypeAdapter(tuple[LookAlike, ...])

PAGES = "shared-"
BUSINESSES = "business-"
END = "~"


@dataclass(frozen=True, slots=True)
class CensusPage:
    """A listed page, with what a comparison with all others and with people found."""

    key: str
    """Its row key in the census."""
    page: ListedPage
    same_name: tuple[str, ...] = ()
    look_alikes: tuple[LookAlike, ...] = ()


class SharedCensus:
    """What scans have listed of shared pages, by their position in the listing."""

    def __init__(self, store: TableStore) -> None:
        self._store = store

    async def add_businesses(self, scan_id: str, businesses: Iterable[ListedBusiness]) -> None:
        """Store the businesses that no mailbox has been found for yet."""
        entities = [
            _entity(scan_id, f"{BUSINESSES}{number:06d}", Business=BUSINESS.dump_json(business).decode())
            for number, business in enumerate(businesses)
        ]
        await self._store.upsert_all(BOOKINGS_CENSUS, entities)

    async def get_businesses(self, scan_id: str) -> dict[str, ListedBusiness]:
        """The businesses by their row keys: at most as many as Graph lists."""
        entities = self._store.iterate(BOOKINGS_CENSUS, scan_id, BUSINESSES, BUSINESSES + END)
        return {entity["RowKey"]: BUSINESS.validate_json(entity["Business"]) async for entity in entities}

    async def add_pages(self, scan_id: str, listing: int, pages: Sequence[ListedPage]) -> None:
        """Store the pages of one part of the listing, each at its position."""
        entities = [
            _entity(scan_id, page_key(listing, index), Page=PAGE.dump_json(page).decode())
            for index, page in enumerate(pages)
        ]
        await self._store.upsert_all(BOOKINGS_CENSUS, entities)

    async def iterate_pages(self, scan_id: str, first_listing: int) -> AsyncIterator[CensusPage]:
        """All listed pages, without those of a listing that was abandoned before ``first_listing``."""
        first = page_key(first_listing, 0)
        async for entity in self._store.iterate(BOOKINGS_CENSUS, scan_id, first, PAGES + END):
            yield _census_page(entity)

    async def get_pages(
        self, scan_id: str, first_listing: int, after: str | None, limit: int
    ) -> tuple[CensusPage, ...]:
        """The next pages behind a row key, at most ``limit``."""
        first = first_key_after(after) or page_key(first_listing, 0)
        page = await self._store.get_page(BOOKINGS_CENSUS, scan_id, first, PAGES + END, size=limit)
        return tuple(map(_census_page, page.entities))

    async def add_comparison(
        self, scan_id: str, same_name: Mapping[str, tuple[str, ...]], look_alikes: Mapping[str, tuple[LookAlike, ...]]
    ) -> None:
        """Store what the comparison found, by the row keys of the pages."""
        columns: dict[str, dict[str, Any]] = {}
        for key, addresses in same_name.items():
            columns.setdefault(key, {})["SameName"] = SAME_NAME.dump_json(addresses).decode()
        for key, people in look_alikes.items():
            columns.setdefault(key, {})["LookAlikes"] = LOOK_ALIKES.dump_json(people).decode()
        await self._store.merge_all(BOOKINGS_CENSUS, [_entity(scan_id, key, **columns[key]) for key in sorted(columns)])

    async def delete_naming(self, scan_id: str, names: Collection[str]) -> int:
        """Range read of the listed pages: remove those that contain one of these names; returns how many."""
        keys = []
        async for entity in self._store.iterate(BOOKINGS_CENSUS, scan_id, PAGES, PAGES + END):
            text = f"{entity.get('Page') or ''} {entity.get('LookAlikes') or ''}".casefold()
            if any(f'"{name}"' in text for name in names):
                keys.append(str(entity["RowKey"]))
        await self._store.delete_all(BOOKINGS_CENSUS, scan_id, keys)
        return len(keys)


def page_key(listing: int, index: int) -> str:
    """The row key of a page: the part of the listing, and the position in it."""
    return f"{PAGES}{listing:06d}-{index:04d}"


def _entity(scan_id: str, key: str, **columns: Any) -> Entity:
    return {"PartitionKey": scan_id, "RowKey": key, **columns}


def _census_page(entity: Mapping[str, Any]) -> CensusPage:
    return CensusPage(
        key=str(entity["RowKey"]),
        page=PAGE.validate_json(entity["Page"]),
        same_name=SAME_NAME.validate_json(entity.get("SameName") or "[]"),
        look_alikes=LOOK_ALIKES.validate_json(entity.get("LookAlikes") or "[]"),
    )
