"""The table ``BookingsUserIndex``: finds a user's row by UPN and by mailbox GUID."""

import hashlib
from urllib.parse import quote

from atlas.domain.user_rows import UserRow
from atlas.tables.store import Entity, RowChanged, TableStore

BOOKINGS_USER_INDEX = "BookingsUserIndex"
MAX_KEY_LENGTH = 400
"""Table Storage accepts keys of up to 1 KiB in UTF-16; Azurite accepts longer ones."""


class UserIndex:
    """Object IDs by UPN and by mailbox GUID. An entry may be older than the row it leads to: its reader compares."""

    def __init__(self, store: TableStore, tenant_id: str) -> None:
        self._store = store
        self._tenant_id = tenant_id

    async def get_by_upn(self, upn: str) -> str | None:
        """Point read."""
        return await self._get(upn_key(upn))

    async def get_by_mailbox(self, mailbox_guid: str) -> str | None:
        """Point read."""
        return await self._get(mailbox_key(mailbox_guid))

    async def add(self, row: UserRow, previous: UserRow | None) -> None:
        """Write the entries that ``previous`` did not have. Done before the row is written, so no row lacks them."""
        await self._write(row, _keys(row) - _keys(previous))

    async def restore(self, row: UserRow) -> None:
        """Write all entries of a row that was not found through the index: a late removal may have deleted them."""
        await self._write(row, _keys(row))

    async def remove(self, row: UserRow, successor: UserRow | None) -> None:
        """Remove the entries that ``successor`` does not have, unless they lead to another user by now."""
        for key in sorted(_keys(row) - _keys(successor)):
            entity = await self._store.get(BOOKINGS_USER_INDEX, self._tenant_id, key)
            if entity and entity["UserId"] == row.user.user_id:
                try:
                    etag = str(entity.metadata["etag"])
                    await self._store.delete(BOOKINGS_USER_INDEX, self._tenant_id, key, etag)
                except RowChanged:  # another user has got the UPN or the mailbox since the entry was read
                    continue

    async def remove_user(self, user_id: str) -> int:
        """Range read of the complete index: remove every entry that leads to this user; returns how many."""
        keys = [
            entity["RowKey"]
            async for entity in self._store.iterate(BOOKINGS_USER_INDEX, self._tenant_id, select=["RowKey", "UserId"])
            if entity.get("UserId") == user_id
        ]
        await self._store.delete_all(BOOKINGS_USER_INDEX, self._tenant_id, keys)
        return len(keys)

    async def _get(self, key: str) -> str | None:
        entity = await self._store.get(BOOKINGS_USER_INDEX, self._tenant_id, key)
        return str(entity["UserId"]) if entity else None

    async def _write(self, row: UserRow, keys: set[str]) -> None:
        entries: list[Entity] = [
            {"PartitionKey": self._tenant_id, "RowKey": key, "UserId": row.user.user_id} for key in sorted(keys)
        ]
        if entries:
            await self._store.upsert_all(BOOKINGS_USER_INDEX, entries)


def upn_key(upn: str) -> str:
    """The row key of a UPN, in any case. Characters that keys must not contain are written as ``=`` and their hex code.

    A UPN whose key would be too long has its hash as key.
    """
    key = "upn-" + quote(upn.lower(), safe="@+'!").replace("%", "=")
    if len(key) <= MAX_KEY_LENGTH:
        return key
    return f"upnhash-{hashlib.sha256(upn.lower().encode('utf-8', 'replace')).hexdigest()}"


def mailbox_key(mailbox_guid: str) -> str:
    """The row key of a mailbox GUID with hyphens."""
    return f"mailbox-{mailbox_guid.lower()}"


def _keys(row: UserRow | None) -> set[str]:
    if row is None:
        return set()
    return {upn_key(row.user.upn)} | ({mailbox_key(row.mailbox_guid)} if row.mailbox_guid else set())
