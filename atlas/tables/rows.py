"""A table of current rows of one kind, each with the change that may not have been published yet."""

import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from azure.data.tables import TableEntity

from atlas.domain.changes import DatedChange
from atlas.domain.records import MalformedRecord, Records, parse_records
from atlas.tables.columns import parse_json
from atlas.tables.kinds import Kind
from atlas.tables.store import Entity, TableStore

log = logging.getLogger(__name__)

PENDING_CHANGE = "PendingChange"


@dataclass(frozen=True, slots=True)
class Stored[Row, Change]:
    """A row as it was read, with what a conditional write needs."""

    row: Row
    etag: str
    pending_change: Change | None = None
    """A change that may not have been published yet."""


@dataclass(frozen=True, slots=True)
class RowsPage[Row, Change]:
    """Part of a range read, and the key that the next part begins with."""

    rows: tuple[Stored[Row, Change], ...]
    malformed: int
    """Rows that cannot be read; they are left out, and the next probe overwrites them."""
    next_key: Mapping[str, str] | None


class RowTable[Row, Change: DatedChange]:
    """The rows of one kind in one tenant. Rows that cannot be read are logged and treated as absent."""

    def __init__(self, store: TableStore, tenant_id: str, kind: Kind[Row, Change]) -> None:
        self._store = store
        self._tenant_id = tenant_id
        self.kind = kind

    async def get(self, key: str) -> Stored[Row, Change] | None:
        """Point read of one row."""
        return (await self.get_version(key))[0]

    async def get_version(self, key: str) -> tuple[Stored[Row, Change] | None, str | None]:
        """Point read of one row and its ETag; a row that cannot be read has an ETag only, so it can be replaced."""
        entity = await self._store.get(self.kind.table, self._tenant_id, key)
        if entity is None:
            return None, None
        try:
            stored = self.from_entity(entity)
        except MalformedRecord as problem:
            self._log_malformed(1, str(problem))
            return None, str(entity.metadata["etag"])
        return stored, stored.etag

    async def get_many(self, keys: Sequence[str]) -> Mapping[str, Stored[Row, Change]]:
        """The rows with these keys, which are sorted and near each other: one range read of twice as many rows.

        Rows beyond those are read one by one.
        """
        if not keys:
            return {}
        page = await self._store.get_page(self.kind.table, self._tenant_id, keys[0], f"{keys[-1]}!", size=2 * len(keys))
        wanted = set(keys)
        records = self._parse([entity for entity in page.entities if entity["RowKey"] in wanted])
        found = {self.kind.key_of(stored.row): stored for stored in records.valid}
        last_read = str(page.entities[-1]["RowKey"]) if page.entities else ""
        for key in keys if page.next_key else ():
            if key > last_read and (stored := await self.get(key)):
                found[key] = stored
        return found

    async def iterate(
        self, where: str = "", values: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Stored[Row, Change]]:
        """Range read of all rows, in the order of their keys; storage leaves out rows that do not match ``where``."""
        next_key: Mapping[str, str] | None = None
        while True:
            page = await self.get_page("", next_key, where=where, values=values)
            for stored in page.rows:
                yield stored
            if page.next_key is None:
                return
            next_key = page.next_key

    async def get_page(
        self,
        first: str,
        next_key: Mapping[str, str] | None = None,
        *,
        where: str = "",
        values: Mapping[str, Any] | None = None,
        size: int = 1000,
    ) -> RowsPage[Row, Change]:
        """Part of a range read from key ``first``; storage leaves out rows that do not match ``where``."""
        page = await self._store.get_page(
            self.kind.table, self._tenant_id, first, next_key=next_key, where=where, values=values, size=size
        )
        records = self._parse(page.entities)
        return RowsPage(records.valid, len(records.malformed), page.next_key)

    async def save(self, row: Row, pending_change: Change | None, etag: str | None) -> str:
        """Write the complete row over the version read, or insert it; returns the new ETag. Raises ``RowChanged``."""
        return await self._store.replace(self.kind.table, self.to_entity(row, pending_change), etag)

    async def mark_pending(self, key: str, change: Change | None, etag: str) -> str:
        """Write only the change that is not published yet; returns the new ETag. Raises ``RowChanged``."""
        entity = {"PartitionKey": self._tenant_id, "RowKey": key, PENDING_CHANGE: self._change_text(change)}
        return await self._store.merge(self.kind.table, entity, etag)

    async def delete(self, key: str, etag: str | None = None) -> None:
        """Remove a row, with ``etag`` only in that version. Raises ``RowChanged``."""
        await self._store.delete(self.kind.table, self._tenant_id, key, etag)

    def to_entity(self, row: Row, pending_change: Change | None = None) -> Entity:
        """All columns of a row, keys included."""
        entity = {
            **self.kind.columns.to_columns(row),
            "PartitionKey": self._tenant_id,
            "RowKey": self.kind.key_of(row),
        }
        return entity | {PENDING_CHANGE: self._change_text(pending_change)} if pending_change else entity

    def from_entity(self, entity: Mapping[str, Any]) -> Stored[Row, Change]:
        """The row that ``to_entity`` wrote. Raises ``MalformedRecord``."""
        etag = str(getattr(entity, "metadata", {}).get("etag", ""))
        return Stored(self.kind.columns.from_columns(entity), etag, self._pending_change(entity.get(PENDING_CHANGE)))

    def _parse(self, entities: Sequence[TableEntity]) -> Records[TableEntity, Stored[Row, Change]]:
        records = parse_records(entities, self.from_entity)
        if records.malformed:
            self._log_malformed(len(records.malformed), records.malformed[0].problem)
        return records

    def _pending_change(self, text: str | None) -> Change | None:
        if not text:
            return None
        return self.kind.change_columns.from_columns(parse_json(PENDING_CHANGE, text))

    def _change_text(self, change: Change | None) -> str:
        if change is None:
            return ""
        return json.dumps(self.kind.change_columns.to_columns(change), default=lambda moment: moment.isoformat())

    def _log_malformed(self, count: int, problem: str) -> None:
        log.warning("%d rows of %s cannot be read and are left out: %s", count, self.kind.table, problem)
