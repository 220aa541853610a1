"""Tables in memory, with ETags, for tests that are not about storage: a strict stand-in for ``TableStore``."""

import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from itertools import count
from typing import Any

from atlas.tables.store import Page, RowChanged, RowExists, StorageUnavailable

CLAUSE = re.compile(r" and (\w+) eq @(\w+)")


class MemoryEntity(dict[str, Any]):
    """A row as it was read, with its ETag."""

    def __init__(self, columns: Mapping[str, Any], etag: str) -> None:
        super().__init__(columns)
        self.metadata = {"etag": etag}


class MemoryStore:
    """The methods of ``TableStore`` that use cases need."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[tuple[str, str], MemoryEntity]] = {}
        self.unavailable = 0
        """How many of the next calls fail."""
        self.reads: list[tuple[str, str]] = []
        self._etags = count(1)

    async def get(self, table: str, partition: str, row: str) -> MemoryEntity | None:
        self._called(table, row)
        found = self._table(table).get((partition, row))
        return MemoryEntity(found, found.metadata["etag"]) if found is not None else None

    async def insert(self, table: str, entity: Mapping[str, Any]) -> str:
        self._called(table, entity["RowKey"])
        if _key(entity) in self._table(table):
            raise RowExists
        return self._write(table, entity)

    async def upsert(self, table: str, entity: Mapping[str, Any]) -> None:
        self._called(table, entity["RowKey"])
        self._write(table, entity)

    async def replace(self, table: str, entity: Mapping[str, Any], etag: str | None) -> str:
        self._called(table, entity["RowKey"])
        stored = self._table(table).get(_key(entity))
        if (stored.metadata["etag"] if stored is not None else None) != etag:
            raise RowChanged
        return self._write(table, entity)

    async def replace_together(self, table: str, rows: Sequence[tuple[Mapping[str, Any], str | None]]) -> None:
        for entity, etag in rows:
            self._called(table, entity["RowKey"])
            stored = self._table(table).get(_key(entity))
            if (stored.metadata["etag"] if stored is not None else None) != etag:
                raise RowChanged
        for entity, _ in rows:
            self._write(table, entity)

    async def merge(self, table: str, entity: Mapping[str, Any], etag: str | None = None) -> str:
        self._called(table, entity["RowKey"])
        stored = self._table(table).get(_key(entity))
        if stored is None or etag not in (None, stored.metadata["etag"]):
            raise RowChanged
        return self._write(table, {**stored, **entity})

    async def delete(self, table: str, partition: str, row: str, etag: str | None = None) -> None:
        self._called(table, row)
        stored = self._table(table).get((partition, row))
        if stored is not None and etag not in (None, stored.metadata["etag"]):
            raise RowChanged
        self._table(table).pop((partition, row), None)

    async def iterate(
        self, table: str, partition: str, first: str = "", last: str = "~", select: Sequence[str] | None = None
    ) -> AsyncIterator[MemoryEntity]:
        for entity in (await self.get_page(table, partition, first, last, size=10**9)).entities:
            yield entity  # type: ignore[misc]

    async def get_page(
        self,
        table: str,
        partition: str,
        first: str = "",
        last: str = "~",
        *,
        select: Sequence[str] | None = None,
        size: int = 1000,
        next_key: Mapping[str, str] | None = None,
        where: str = "",
        values: Mapping[str, Any] | None = None,
    ) -> Page:
        self._called(table, first)
        clauses = CLAUSE.findall(where)
        assert "".join(f" and {column} eq @{name}" for column, name in clauses) == where
        start = next_key["RowKey"] if next_key else first
        rows = [
            MemoryEntity(entity, entity.metadata["etag"])
            for (part, row), entity in sorted(self._table(table).items())
            if part == partition
            and start <= row < last
            and all(entity.get(column) == (values or {})[name] for column, name in clauses)
        ]
        following = {"PartitionKey": partition, "RowKey": rows[size]["RowKey"]} if len(rows) > size else None
        return Page(tuple(rows[:size]), following)  # type: ignore[arg-type]

    async def upsert_all(self, table: str, entities: Iterable[Mapping[str, Any]]) -> None:
        for entity in entities:
            await self.upsert(table, entity)

    async def merge_all(self, table: str, entities: Iterable[Mapping[str, Any]]) -> None:
        for entity in entities:
            self._write(table, {**self._table(table).get(_key(entity), {}), **entity})

    async def delete_all(self, table: str, partition: str, rows: Iterable[str]) -> None:
        for row in list(rows):
            await self.delete(table, partition, row)

    def _called(self, table: str, row: str) -> None:
        if self.unavailable:
            self.unavailable -= 1
            raise StorageUnavailable("Table Storage does not respond: check AzureWebJobsStorage")
        self.reads.append((table, row))

    def _table(self, table: str) -> dict[tuple[str, str], MemoryEntity]:
        return self.tables.setdefault(table, {})

    def _write(self, table: str, entity: Mapping[str, Any]) -> str:
        etag = f"v{next(self._etags)}"
        known = {name: value for name, value in entity.items() if value is not None}
        self._table(table)[_key(entity)] = MemoryEntity(known, etag)
        return etag


def _key(entity: Mapping[str, Any]) -> tuple[str, str]:
    return entity["PartitionKey"], entity["RowKey"]
