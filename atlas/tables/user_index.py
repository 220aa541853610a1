"""The table ``BookingsUserIndex``: finds users by UPN and mailbox GUID, lists them in several orders, and searches."""

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atlas.domain.records import MalformedRecord, parse_records
from atlas.domain.statuses import Status
from atlas.domain.user_filters import UserFilter, UserOrder
from atlas.domain.user_rows import UserRow
from atlas.domain.users import LicensedUser
from atlas.tables.columns import Columns, parse_json
from atlas.tables.store import Entity, RowChanged, TableStore
from atlas.tables.user_positions import NAME, RANGE_END, WORD, list_keys, position_of, sort_key, upn_key

log = logging.getLogger(__name__)

BOOKINGS_USER_INDEX = "BookingsUserIndex"
KEYS = "user-"
"""Begins the keys of rows that list the entries of one user, in the order of the object ID."""
BEHIND_KEYS = "user."
MAX_SEARCH_READS = 20
"""Reads of each list, of 1,000 entries each; a search with more matches filters the list in the requested order."""
LISTED = Columns(
    LicensedUser,
    names={"user_id": "UserId", "upn": "UserPrincipalName"},
    left_out=("mail",),
)


@dataclass(frozen=True, slots=True)
class ListedUser:
    """What an entry contains about a user: enough to filter and sort. An entry may be older than the row."""

    user: LicensedUser
    status: Status

    def position(self, order: UserOrder) -> str:
        """The position of this entry in one order."""
        return position_of(order, self.user, self.status)


@dataclass(frozen=True, slots=True)
class ListedPage:
    """Part of a range read, and the key that the next part begins with."""

    entries: tuple[ListedUser, ...]
    next_key: Mapping[str, str] | None


class UserIndex:
    """Object IDs by UPN and mailbox GUID, and lists. An entry may be older than its row: readers compare them."""

    def __init__(self, store: TableStore, tenant_id: str) -> None:
        self._store = store
        self._tenant_id = tenant_id

    async def get_by_upn(self, upn: str) -> str | None:
        """Point read."""
        return await self._get(upn_key(upn))

    async def get_by_mailbox(self, mailbox_guid: str) -> str | None:
        """Point read."""
        return await self._get(mailbox_key(mailbox_guid))

    async def get_page(
        self, first: str, last: str, where: str, values: Mapping[str, Any] | None, next_key: Mapping[str, str] | None
    ) -> ListedPage:
        """Part of a range read of one list; storage leaves out entries that do not match ``where``.

        Entries that cannot be read are logged and left out.
        """
        page = await self._store.get_page(
            BOOKINGS_USER_INDEX, self._tenant_id, first, last, where=where, values=values, next_key=next_key
        )
        records = parse_records(page.entities, _listed_user)
        if records.malformed:
            count, problem = len(records.malformed), records.malformed[0].problem
            log.warning("%d entries of %s cannot be read and are left out: %s", count, BOOKINGS_USER_INDEX, problem)
        return ListedPage(records.valid, page.next_key)

    async def search(self, wanted: UserFilter, where: str, values: Mapping[str, Any]) -> list[ListedUser] | None:
        """The entries that a search finds, by range reads of three lists at the same time.

        ``None``: one of the lists has more matches than ``MAX_SEARCH_READS`` return.
        """
        search = wanted.search or ""
        prefixes = (upn_key(search), NAME + sort_key(search), WORD + sort_key(search))
        found = await asyncio.gather(*(self._entries_beginning_with(one, where, values) for one in prefixes))
        if any(entries is None for entries in found):
            return None
        return list(dict.fromkeys(entry for entries in found for entry in entries or ()))

    async def add(self, row: UserRow, previous: UserRow | None) -> None:
        """Write the entries that ``previous`` did not have. Done before the row is written, so no row lacks them."""
        if previous and _has_same_entries(previous, row):
            return
        before, now = _entries(previous), _entries(row)
        changed = {key: columns for key, columns in now.items() if before.get(key) != columns}
        if changed:
            await self._write(row, changed, {*before, *now})

    async def restore(self, row: UserRow) -> None:
        """Write all entries of a row, because another writer may have deleted some."""
        await self._write(row, _entries(row), _entries(row))

    async def remove(self, row: UserRow, successor: UserRow | None) -> None:
        """Remove the entries that ``successor`` does not have, unless they lead to another user by now."""
        if successor and _has_same_entries(row, successor):
            return
        await self.repair(row.user.user_id, _entries(row), successor)

    async def find_differences(
        self, rows: Sequence[UserRow], first: str = "", behind: str | None = None
    ) -> dict[str, Iterable[str]]:
        """Find users between two object IDs whose index entries do not match their row, with the keys of these entries.

        One range read for up to 1,000 users. A user without a row in ``rows`` must have no entries.
        """
        expected = {row.user.user_id: self._keys_entity(row, _entries(row)) for row in rows}
        last = KEYS + behind if behind else BEHIND_KEYS
        stored = {
            entity["RowKey"].removeprefix(KEYS): entity
            async for entity in self._store.iterate(BOOKINGS_USER_INDEX, self._tenant_id, KEYS + first, last)
        }
        return {
            user_id: _keys_of(stored.get(user_id, {}))
            for user_id in sorted(expected.keys() | stored.keys())
            if expected.get(user_id) != stored.get(user_id)
        }

    async def repair(self, user_id: str, keys: Iterable[str], row: UserRow | None) -> None:
        """Remove the entries of ``keys`` that this row does not have, and then write all that it has.

        All, because two writers may be at work on one user: the last one to finish leaves none out.
        """
        await self._delete(user_id, sorted({*keys} - {*_entries(row)}))
        if row:
            await self.restore(row)
        else:
            await self._store.delete(BOOKINGS_USER_INDEX, self._tenant_id, KEYS + user_id)

    async def remove_user(self, user_id: str) -> int:
        """Range read of the complete index: remove every entry that leads to this user; returns how many."""
        keys = [
            entity["RowKey"]
            async for entity in self._store.iterate(BOOKINGS_USER_INDEX, self._tenant_id, select=["RowKey", "UserId"])
            if entity.get("UserId") == user_id
        ]
        await self._store.delete_all(BOOKINGS_USER_INDEX, self._tenant_id, keys)
        return len(keys)

    async def _entries_beginning_with(
        self, beginning: str, where: str, values: Mapping[str, Any]
    ) -> list[ListedUser] | None:
        entries: list[ListedUser] = []
        next_key: Mapping[str, str] | None = None
        for _ in range(MAX_SEARCH_READS):
            page = await self.get_page(beginning, beginning + RANGE_END, where, values, next_key)
            entries += page.entries
            next_key = page.next_key
            if next_key is None:
                return entries
        return None

    async def _get(self, key: str) -> str | None:
        entity = await self._store.get(BOOKINGS_USER_INDEX, self._tenant_id, key)
        return str(entity["UserId"]) if entity else None

    async def _write(self, row: UserRow, entries: Mapping[str, Entity], keys: Iterable[str]) -> None:
        """Write entries of a row, and the list of all keys that the user may have: in one transaction."""
        entities = [
            {"PartitionKey": self._tenant_id, "RowKey": key, **columns} for key, columns in sorted(entries.items())
        ]
        await self._store.upsert_all(BOOKINGS_USER_INDEX, [*entities, self._keys_entity(row, keys)])

    def _keys_entity(self, row: UserRow, keys: Iterable[str]) -> Entity:
        """The list of a user's keys, with the columns that the entries have."""
        return {
            "PartitionKey": self._tenant_id,
            "RowKey": KEYS + row.user.user_id,
            **_listed_columns(row),
            "Keys": json.dumps(sorted(keys)),
        }

    async def _delete(self, user_id: str, keys: Sequence[str]) -> None:
        """Delete entries. An entry whose key other users can have too is deleted only if it is of this user."""
        own = [key for key in keys if key.endswith(f"!{user_id}")]
        if own:
            await self._store.delete_all(BOOKINGS_USER_INDEX, self._tenant_id, own)
        for key in keys:
            if key in own:
                continue
            entity = await self._store.get(BOOKINGS_USER_INDEX, self._tenant_id, key)
            if entity and entity["UserId"] == user_id:
                try:
                    etag = str(entity.metadata["etag"])
                    await self._store.delete(BOOKINGS_USER_INDEX, self._tenant_id, key, etag)
                except RowChanged:  # another user has got the UPN or the mailbox since the entry was read
                    continue


def mailbox_key(mailbox_guid: str) -> str:
    """The row key of a mailbox GUID with hyphens."""
    return f"mailbox-{mailbox_guid.lower()}"


def _has_same_entries(left: UserRow, right: UserRow) -> bool:
    return (left.user, left.status, left.mailbox_guid) == (right.user, right.status, right.mailbox_guid)


def _entries(row: UserRow | None) -> dict[str, Entity]:
    """The columns of each entry of a row, by its row key."""
    if row is None:
        return {}
    keys = (upn_key(row.user.upn), *list_keys(row.user, row.status))
    entries: dict[str, Entity] = dict.fromkeys(keys, _listed_columns(row))
    if row.mailbox_guid:
        entries[mailbox_key(row.mailbox_guid)] = {"UserId": row.user.user_id}
    return entries


def _keys_of(entity: Mapping[str, Any]) -> list[str]:
    try:
        return [str(key) for key in parse_json("Keys", entity.get("Keys"))]
    except (MalformedRecord, TypeError):  # as if there were none: what is missing is written
        return []


def _listed_columns(row: UserRow) -> Entity:
    return {**LISTED.to_columns(row.user), "Status": str(row.status)}


def _listed_user(entity: Mapping[str, Any]) -> ListedUser:
    """Raises ``MalformedRecord``."""
    user, text = LISTED.from_columns(entity), entity.get("Status")
    if text not in set(Status):
        raise MalformedRecord("Status is missing or malformed")
    return ListedUser(user, Status(text))
