"""Tables in one SQLite file on this machine, or in memory: for ``atlas scan``, which needs no storage account."""

import contextlib
import json
import os
import re
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from azure.data.tables import TableEntity

from atlas.tables.store import Entity, Page, RowChanged, RowExists, StorageFailure, StorageUnavailable

IN_MEMORY = ":memory:"
SCHEMA = """
CREATE TABLE IF NOT EXISTS entities (
    name TEXT NOT NULL, partition TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, columns TEXT NOT NULL,
    PRIMARY KEY (name, partition, key)
) WITHOUT ROWID
"""
READ = "SELECT partition, key, version, columns FROM entities"
MAX_SELECTED = 60
"""A function of SQLite takes 127 arguments, two per column."""
KEYS = {"PartitionKey": "partition", "RowKey": "key"}
COMPARISON = re.compile(r"(?P<column>\w+) (?P<operator>eq|ne|lt|le|gt|ge) @(?P<value>\w+)")
OPERATORS = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
CONNECTIVES = re.compile(r"(?:[\s()]|\band\b|\bor\b|\bnot\b|\?)*")
"""What a filter consists of besides comparisons."""
MOMENT = "\u0001datetime:"
"""Marks a string as a time, because JSON has no type for it."""


class StorageInUse(StorageFailure):
    """Another process has the file open."""


class LocalEntity(TableEntity):
    """A row as it was read, with its ETag."""

    def __init__(self, columns: Mapping[str, Any], etag: str) -> None:
        super().__init__(columns)
        self._etag = etag

    @property
    def metadata(self) -> Any:
        """What storage knows about the row."""
        return {"etag": self._etag}


class SqliteStore:
    """The tables of one SQLite file.

    SQLite is called in the event loop: a statement takes microseconds, and every call is complete before the next one
    starts.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        (latest,) = connection.execute("SELECT coalesce(max(version), 0) FROM entities").fetchone()
        self._versions = count(latest + 1)

    async def get(self, table: str, partition: str, row: str) -> TableEntity | None:
        """A point read; ``None`` if there is no such row."""
        return self._get(table, partition, row)

    async def insert(self, table: str, entity: Entity) -> str:
        """Write a row that must not exist yet; returns its ETag. Raises ``RowExists``."""
        return self._insert(table, entity)

    async def upsert(self, table: str, entity: Entity) -> None:
        """Write a complete row, whether it exists or not."""
        self._upsert(table, entity)

    async def replace(self, table: str, entity: Entity, etag: str | None) -> str:
        """Write a complete row over the version with this ETag; without one, insert it. Returns the new ETag.

        Raises ``RowChanged`` if there is another version, or none.
        """
        return self._replace(table, entity, etag)

    async def replace_together(self, table: str, rows: Sequence[tuple[Entity, str | None]]) -> None:
        """As ``replace``, for a few rows; if one of them has another version, none is written."""
        with self._transaction():
            for entity, etag in rows:
                self._replace(table, entity, etag)

    async def merge(self, table: str, entity: Entity, etag: str | None = None) -> str:
        """Write some columns of an existing row; returns its new ETag. Raises ``RowChanged``."""
        stored = self._get(table, *_key(entity))
        if stored is None:
            raise RowChanged
        return self._replace(table, {**stored, **entity}, etag or stored.metadata["etag"])

    async def delete(self, table: str, partition: str, row: str, etag: str | None = None) -> None:
        """Remove a row if it exists, with ``etag`` only in that version. Raises ``RowChanged``."""
        self._delete(table, partition, row, etag)

    async def iterate(
        self, table: str, partition: str, first: str = "", last: str = "~", select: Sequence[str] | None = None
    ) -> AsyncIterator[TableEntity]:
        """A range read: the rows of one partition from key ``first`` up to and without ``last``, in order."""
        next_key: Mapping[str, str] | None = None
        while True:
            page = await self.get_page(table, partition, first, last, select=select, next_key=next_key)
            for entity in page.entities:
                yield entity
            if page.next_key is None:
                return
            next_key = page.next_key

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
        """Part of a range read, filtered by ``where`` with its ``@values``."""
        clause, filter_values = _sql_filter(where, values or {})
        start = next_key["RowKey"] if next_key else first
        read, selected = _read(select)
        rows = self._execute(
            f"{read} WHERE name = ? AND partition = ? AND key >= ? AND key < ?{clause} ORDER BY key LIMIT ?",
            *(*selected, table, partition, start, last, *filter_values, size + 1),
        ).fetchall()
        following = {"PartitionKey": partition, "RowKey": rows[size][1]} if len(rows) > size else None
        return Page(tuple(_entity(row, select) for row in rows[:size]), following)

    async def upsert_all(self, table: str, entities: Iterable[Entity]) -> None:
        """Write rows, all of them or none."""
        with self._transaction():
            for entity in entities:
                self._upsert(table, entity)

    async def merge_all(self, table: str, entities: Iterable[Entity]) -> None:
        """As ``upsert_all``, but columns that are not given stay unchanged."""
        with self._transaction():
            for entity in entities:
                stored = self._get(table, *_key(entity))
                self._upsert(table, {**(stored or {}), **entity})

    async def delete_all(self, table: str, partition: str, rows: Iterable[str]) -> None:
        """Remove rows of one partition by their keys; missing ones are ignored."""
        with self._transaction():
            for row in rows:
                self._delete(table, partition, row)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _get(self, table: str, partition: str, row: str) -> LocalEntity | None:
        found = self._execute(f"{READ} WHERE name = ? AND partition = ? AND key = ?", table, partition, row).fetchone()
        return _entity(found) if found else None

    def _insert(self, table: str, entity: Entity) -> str:
        version = next(self._versions)
        written = self._execute(
            "INSERT INTO entities VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            *(table, *_key(entity), version, _columns_text(entity)),
        )
        if not written.rowcount:
            raise RowExists
        return str(version)

    def _replace(self, table: str, entity: Entity, etag: str | None) -> str:
        if etag is None:
            try:
                return self._insert(table, entity)
            except RowExists:
                raise RowChanged from None
        version = next(self._versions)
        written = self._execute(
            "UPDATE entities SET version = ?, columns = ? WHERE name = ? AND partition = ? AND key = ? AND version = ?",
            *(version, _columns_text(entity), table, *_key(entity), int(etag)),
        )
        if not written.rowcount:
            raise RowChanged
        return str(version)

    def _delete(self, table: str, partition: str, row: str, etag: str | None = None) -> None:
        key = (table, partition, row)
        if etag is None:
            self._execute("DELETE FROM entities WHERE name = ? AND partition = ? AND key = ?", *key)
            return
        deleted = self._execute(
            "DELETE FROM entities WHERE name = ? AND partition = ? AND key = ? AND version = ?", *key, int(etag)
        )
        if not deleted.rowcount and self._get(*key) is not None:
            raise RowChanged

    def _upsert(self, table: str, entity: Entity) -> None:
        self._execute(
            "INSERT OR REPLACE INTO entities VALUES (?, ?, ?, ?, ?)",
            *(table, *_key(entity), next(self._versions), _columns_text(entity)),
        )

    def _execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        try:
            return self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise StorageUnavailable(f"the local file cannot be used: {error}") from error

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._execute("BEGIN")
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # some failures have ended it
                self._execute("ROLLBACK")
            raise


@contextlib.contextmanager
def open_sqlite(file: Path | str) -> Iterator[SqliteStore]:
    """The tables of this file, which is created if needed; only its owner may read it, and only this process uses it.

    Raises ``StorageInUse`` if another process uses it, and ``StorageUnavailable`` if it cannot be opened.
    """
    try:
        if file != IN_MEMORY:
            _create_private(Path(file))
        connection = sqlite3.connect(file, timeout=0, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise StorageUnavailable(f"{file} cannot be opened: {error}") from error
    with contextlib.closing(connection):
        try:
            # Without waiting for the disk at every write: a power cut may lose the last rows, never the file.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(SCHEMA)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise StorageInUse(f"another process uses {file}") from None
            raise StorageUnavailable(f"{file} cannot be used: {error}") from error
        yield SqliteStore(connection)


def _create_private(file: Path) -> None:
    """Create the file and its folder for their owner only; a file that others may read is closed to them.

    SQLite gives the files that it adds beside it the same permissions.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:  # not opened here: closing it would end the locks that this process holds on it
        file.chmod(0o600)


def _read(select: Sequence[str] | None) -> tuple[str, list[str]]:
    """The statement that reads rows with these columns only, and its values: rows of the census have 250 columns."""
    names = [name for name in select or () if name not in KEYS]
    if select is None or len(names) > MAX_SELECTED:
        return READ, []
    pairs = ", ".join("?, columns -> ?" for _ in names)
    return READ.replace("columns", f"json_object({pairs})"), [text for name in names for text in (name, f"$.{name}")]


def _sql_filter(where: str, values: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The part of a statement for a filter of Table Storage, and its values. Raises ``ValueError`` for an unknown one.

    As there, a row without the column does not match.
    """
    found: list[Any] = []

    def to_sql(comparison: re.Match[str]) -> str:
        column = comparison["column"]
        found.append(_plain(values[comparison["value"]]))
        name = KEYS.get(column) or f"json_extract(columns, '$.{column}')"
        return f"{name} {OPERATORS[comparison['operator']]} ?"

    if not CONNECTIVES.fullmatch(COMPARISON.sub("?", where)):
        raise ValueError(f"not a filter: {where}")
    return COMPARISON.sub(to_sql, where), found


def _key(entity: Mapping[str, Any]) -> tuple[str, str]:
    return entity["PartitionKey"], entity["RowKey"]


def _columns_text(entity: Mapping[str, Any]) -> str:
    columns = {name: _plain(value) for name, value in entity.items() if value is not None and name not in KEYS}
    return json.dumps(columns, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A value as JSON: times become strings that sort by time."""
    if isinstance(value, datetime):
        return f"{MOMENT}{value.isoformat(timespec='microseconds')}"
    return str(value) if isinstance(value, str) else value


def _entity(row: tuple[str, str, int, str], select: Sequence[str] | None = None) -> LocalEntity:
    partition, key, version, text = row
    columns = {"PartitionKey": partition, "RowKey": key} | {
        name: datetime.fromisoformat(value.removeprefix(MOMENT))
        if isinstance(value, str) and value.startswith(MOMENT)
        else value
        for name, value in json.loads(text).items()
        if value is not None
    }
    if select:
        columns = {name: columns[name] for name in select if name in columns}
    return LocalEntity(columns, str(version))
