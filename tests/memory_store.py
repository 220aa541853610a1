"""The local tables in memory, for tests that are not about storage: they can fail, and they note what was read."""

import sqlite3
import weakref
from collections.abc import Callable
from typing import Any

from atlas.tables.sqlite_store import IN_MEMORY, SCHEMA, SqliteStore
from atlas.tables.store import Entity, StorageUnavailable

CALLS = ("get", "insert", "upsert", "replace", "replace_together", "merge", "delete", "get_page", "upsert_all")


class MemoryStore(SqliteStore):
    """The tables of ``atlas scan``, which end with the test."""

    def __init__(self) -> None:
        # Garbage may be collected, and the connection closed, in another thread.
        connection = sqlite3.connect(IN_MEMORY, isolation_level=None, check_same_thread=False)
        weakref.finalize(self, connection.close)
        connection.execute(SCHEMA)
        super().__init__(connection)
        self.unavailable = 0
        """How many of the next calls fail."""
        self.reads: list[tuple[str, str]] = []
        """Table and key, or first key, of each read."""

    @property
    def tables(self) -> dict[str, dict[tuple[str, str], Entity]]:
        """Every row, by table and keys."""
        keys = self._connection.execute("SELECT name, partition, key FROM entities ORDER BY name, partition, key")
        found: dict[str, dict[tuple[str, str], Entity]] = {}
        for name, partition, key in keys.fetchall():
            found.setdefault(name, {})[partition, key] = dict(self._get(name, partition, key) or {})
        return found

    def rows(self, table: str) -> dict[tuple[str, str], Entity]:
        """The rows of a table, which may not exist yet."""
        return self.tables.get(table, {})

    def corrupt(self, table: str, partition: str, key: str, **columns: Any) -> None:
        """Write these columns as nothing in the product would; ``None`` removes one."""
        stored = self._get(table, partition, key)
        assert stored is not None
        self._upsert(table, {**stored, **columns})


def _with_record_of_reads(name: str) -> Callable[..., Any]:
    original = getattr(SqliteStore, name)

    async def call(self: MemoryStore, table: str, *arguments: Any, **more: Any) -> Any:
        if self.unavailable:
            self.unavailable -= 1
            raise StorageUnavailable("Table Storage does not respond: check AzureWebJobsStorage")
        if name in {"get", "get_page"}:
            self.reads.append((table, [*arguments, ""][1]))
        return await original(self, table, *arguments, **more)

    return call


for _name in CALLS:
    setattr(MemoryStore, _name, _with_record_of_reads(_name))
