"""The table ``SharedBookingsIndex``: other ways to the rows of shared pages, by address and by who is named on them."""

from collections.abc import Iterable
from hashlib import sha256

from atlas.domain.shared_pages.access_of_users import names_on
from atlas.domain.shared_pages.rows import SharedPageRow
from atlas.tables.store import TableStore

SHARED_BOOKINGS_INDEX = "SharedBookingsIndex"


class SharedPageIndex:
    """Row keys by address and by person. An entry may be older than its row, so readers compare the two."""

    def __init__(self, store: TableStore, tenant_id: str) -> None:
        self._store = store
        self._tenant_id = tenant_id

    async def get_by_address(self, address: str) -> str | None:
        """Point read: the key of the page with this address."""
        entity = await self._store.get(SHARED_BOOKINGS_INDEX, self._tenant_id, address_key(address))
        return str(entity["PageKey"]) if entity else None

    async def get_by_name(self, name: str) -> tuple[str, ...]:
        """Range read: the keys of the pages that name a person, by object ID, UPN or mail address."""
        first = person_key(name, "")
        entities = self._store.iterate(SHARED_BOOKINGS_INDEX, self._tenant_id, first, f"{first}~")
        return tuple([str(entity["PageKey"]) async for entity in entities])

    async def add(self, row: SharedPageRow, before: SharedPageRow | None) -> None:
        """Write the entries that ``before`` did not have. Done before the row is written, so that no row lacks them."""
        if added := sorted(_keys(row) - _keys(before)):
            entries = [{"PartitionKey": self._tenant_id, "RowKey": key, "PageKey": row.key} for key in added]
            await self._store.upsert_all(SHARED_BOOKINGS_INDEX, entries)

    async def remove(self, row: SharedPageRow, after: SharedPageRow | None) -> None:
        """Remove the entries that ``after`` does not have, unless they lead to another page by now."""
        for key in sorted(_keys(row) - _keys(after)):
            entity = await self._store.get(SHARED_BOOKINGS_INDEX, self._tenant_id, key)
            if entity and entity["PageKey"] == row.key:
                await self._store.delete(SHARED_BOOKINGS_INDEX, self._tenant_id, key)

    async def remove_names(self, names: Iterable[str]) -> int:
        """Remove every entry of a person with these object IDs and addresses; returns how many there were."""
        keys = []
        for name in names:
            first = person_key(name, "")
            entities = self._store.iterate(
                SHARED_BOOKINGS_INDEX, self._tenant_id, first, f"{first}~", select=["RowKey"]
            )
            keys += [str(entity["RowKey"]) async for entity in entities]
        await self._store.delete_all(SHARED_BOOKINGS_INDEX, self._tenant_id, keys)
        return len(keys)


def address_key(address: str) -> str:
    """The row key of an address, ignoring case. Addresses may contain what a key may not, and be too long for one."""
    return f"address-{_digest(address)}"


def person_key(name: str, page_key: str) -> str:
    """The row key of a person who is named on a page."""
    return f"person-{_digest(name)}-{page_key}"


def _digest(text: str) -> str:
    return sha256(text.lower().encode()).hexdigest()[:40]


def _keys(row: SharedPageRow | None) -> set[str]:
    if row is None:
        return set()
    addresses = {row.address.lower(), *row.addresses}
    people = names_on(row)
    return {address_key(address) for address in addresses} | {person_key(name, row.key) for name in people}
