"""The local file of ``atlas scan``: private, used by one process, and whole after it ends."""

import os
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from atlas.tables.sqlite_store import IN_MEMORY, StorageInUse, open_sqlite
from atlas.tables.store import RowChanged, StorageUnavailable

TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"


def row(key, **columns):
    return {"PartitionKey": TENANT, "RowKey": key, **columns}


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


async def test_only_the_owner_may_read_the_file(tmp_path):
    before = os.umask(0)
    try:
        file = tmp_path / "state" / "tenant.sqlite"
        with open_sqlite(file) as store:
            await store.insert("Rows", row("a", Text="x" * 5000))
            modes = {path.name: mode(path) for path in file.parent.iterdir()}
    finally:
        os.umask(before)

    assert modes == dict.fromkeys(("tenant.sqlite", "tenant.sqlite-wal"), 0o600)
    assert mode(file.parent) == 0o700


def test_an_open_file_is_closed_to_others(tmp_path):
    file = tmp_path / "tenant.sqlite"
    file.touch(0o644)

    with open_sqlite(file):
        assert mode(file) == 0o600


async def test_rows_survive_the_process(tmp_path):
    file = tmp_path / "tenant.sqlite"
    with open_sqlite(file) as store:
        first = await store.insert("Rows", row("a", Text="one"))
    with open_sqlite(file) as store:
        second = await store.replace("Rows", row("a", Text="two"), first)
        with pytest.raises(RowChanged):
            await store.replace("Rows", row("a", Text="three"), first)

        assert (await store.get("Rows", TENANT, "a"))["Text"] == "two"
        assert second != first


def test_one_process_at_a_time_uses_the_file(tmp_path):
    file = tmp_path / "tenant.sqlite"
    script = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('SELECT * FROM entities')"
    with open_sqlite(file):
        with pytest.raises(StorageInUse, match="another process uses"), open_sqlite(file):
            pass
        other = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True, text=True, check=False)

    assert "locked" in other.stderr
    with open_sqlite(file):  # the lock ends with its holder
        pass


@pytest.mark.parametrize("content", [b"not a database, but a text of some length" * 40, b""])
def test_a_file_of_another_kind_is_reported(tmp_path, content):
    file = tmp_path / "tenant.sqlite"
    file.write_bytes(content)

    if content:
        with pytest.raises(StorageUnavailable, match="sqlite cannot be used"), open_sqlite(file):
            pass
        assert file.read_bytes() == content
    else:
        with open_sqlite(file):
            pass


def test_a_folder_that_cannot_be_created_is_reported(tmp_path):
    (tmp_path / "state").write_text("a file")

    with pytest.raises(StorageUnavailable, match="cannot be opened"), open_sqlite(tmp_path / "state" / "x.sqlite"):
        pass


async def test_a_failed_statement_is_a_storage_failure():
    with open_sqlite(IN_MEMORY) as store:
        store._connection.execute("DROP TABLE entities")
        with pytest.raises(StorageUnavailable, match="no such table"):
            await store.get("Rows", TENANT, "a")


async def test_a_bulk_write_is_complete_or_undone():
    with open_sqlite(IN_MEMORY) as store:
        with pytest.raises(KeyError):
            await store.upsert_all("Rows", [row("a"), {"RowKey": "b"}])
        await store.upsert_all("Rows", [row("c")])

        assert [entity["RowKey"] async for entity in store.iterate("Rows", TENANT)] == ["c"]


@pytest.mark.parametrize("count", [0, 1, 60, 61])
async def test_only_selected_columns_are_returned(count):
    """SQLite picks out up to 60 of them; of more, the complete row is read."""
    columns = {f"Column{number}": f"'{number}" for number in range(70)} | {"At": datetime(2026, 11, 23, tzinfo=UTC)}
    selected = ["RowKey", "Missing", "At", *list(columns)[:count]]
    with open_sqlite(IN_MEMORY) as store:
        await store.upsert("Rows", row("a", **columns))
        page = await store.get_page("Rows", TENANT, select=selected)

        assert [dict(entity) for entity in page.entities] == [
            {"RowKey": "a", "At": columns["At"]} | {name: columns[name] for name in list(columns)[:count]}
        ]


async def test_a_disk_that_was_full_does_not_keep_later_rows_out(monkeypatch):
    with open_sqlite(IN_MEMORY) as store:
        execute = store._execute

        def full(statement, *values):
            if statement == "COMMIT":
                raise StorageUnavailable("the local file cannot be used: database or disk is full")
            return execute(statement, *values)

        monkeypatch.setattr(store, "_execute", full)
        with pytest.raises(StorageUnavailable, match="full"):
            await store.upsert_all("Rows", [row("a")])
        monkeypatch.undo()

        assert await store.get("Rows", TENANT, "a") is None
        await store.upsert_all("Rows", [row("b")])
        assert await store.get("Rows", TENANT, "b") is not None


@pytest.mark.parametrize("where", [" and Status = @x", "; DROP TABLE entities", " and Status eq 'x'", " and x(1)"])
async def test_an_unknown_filter_is_refused(where):
    with open_sqlite(IN_MEMORY) as store, pytest.raises(ValueError, match="not a filter"):
        await store.get_page("Rows", TENANT, where=where, values={"x": "y"})


def test_the_file_is_an_ordinary_database(tmp_path):
    file = tmp_path / "tenant.sqlite"
    with open_sqlite(file):
        pass
    connection = sqlite3.connect(file)

    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
