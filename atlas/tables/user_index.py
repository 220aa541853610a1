"""The table ``BookingsUserIndex``: the second ways to a user's row, by UPN and by mailbox GUID."""

from urllib.parse import quote

from atlas.domain.user_rows import UserRow
from atlas.tables.store import TableStore

BOOKINGS_USER_INDEX = "BookingsUserIndex"


class UserIndex:
    """Object ids by UPN and by mailbox GUID. An entry may be older than the row it leads to: its reader compares."""

    def __init__(self, store: TableStore, tenant_id: str) -> None:
        self._store = store
        self._tenant_id = tenant_id

    async def get_by_upn(self, upn: str) -> str | None:
        """Point read."""
        return await self._get(upn_key(upn))

    async def get_by_mailbox(self, mailbox_guid: str) -> str | None:
        """Point read."""
        return await self._get(mailbox_key(mailbox_guid))

    async def add(self, row: UserRow, before: UserRow | None) -> None:
        """Write the entries that ``before`` did not have. Done before the row is written, so that no row lacks them."""
        if added := sorted(_keys(row) - _keys(before)):
            user_id = row.user.user_id
            entries = [{"PartitionKey": self._tenant_id, "RowKey": key, "UserId": user_id} for key in added]
            await self._store.upsert_all(BOOKINGS_USER_INDEX, entries)

    async def remove(self, row: UserRow, after: UserRow | None) -> None:
        """Remove the entries that ``after`` does not have, unless they lead to another user by now."""
        for key in sorted(_keys(row) - _keys(after)):
            if await self._get(key) == row.user.user_id:
                await self._store.delete(BOOKINGS_USER_INDEX, self._tenant_id, key)

    async def _get(self, key: str) -> str | None:
        entity = await self._store.get(BOOKINGS_USER_INDEX, self._tenant_id, key)
        return str(entity["UserId"]) if entity else None


def upn_key(upn: str) -> str:
    """The row key of a UPN, in any case; characters that a key may not hold are written as ``=`` and their hex code."""
    return "upn-" + quote(upn.lower(), safe="@+'!").replace("%", "=")


def mailbox_key(mailbox_guid: str) -> str:
    """The row key of a mailbox GUID with hyphens."""
    return f"mailbox-{mailbox_guid.lower()}"


def _keys(row: UserRow | None) -> set[str]:
    if row is None:
        return set()
    return {upn_key(row.user.upn)} | ({mailbox_key(row.mailbox_guid)} if row.mailbox_guid else set())
