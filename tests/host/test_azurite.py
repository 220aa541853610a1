"""Azurite as a child: it answers while it is wanted, and never longer."""

import asyncio
import socket
import sys
from pathlib import Path

import pytest
from azure.data.tables.aio import TableServiceClient

from local import azurite
from local.azurite import Azurite, AzuriteNotThere, azurite_tables
from tests.host.sample import until

ROOT = Path(__file__).parents[2]


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def write_and_read(tables: Azurite) -> str:
    async with TableServiceClient.from_connection_string(tables.connection_string) as service:
        table = await service.create_table_if_not_exists("People")
        await table.upsert_entity({"PartitionKey": "tenant", "RowKey": "user", "Name": "Ada"})
        return str((await table.get_entity("tenant", "user"))["Name"])


async def test_its_connection_string_opens_tables():
    with azurite_tables() as tables:
        assert await write_and_read(tables) == "Ada"
    assert not answers(tables.port)


async def test_what_it_keeps_in_a_folder_is_there_the_next_time(tmp_path: Path):
    with azurite_tables(tmp_path / "tables") as tables:
        await write_and_read(tables)
    with azurite_tables(tmp_path / "tables") as tables:
        async with TableServiceClient.from_connection_string(tables.connection_string) as service:
            assert [table.name async for table in service.list_tables()] == ["People"]


async def test_it_ends_with_the_one_who_started_it():
    code = """from local.azurite import azurite_tables
with azurite_tables() as tables:
    print(tables.port, flush=True)
    input()"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout
    port = int(await parent.stdout.readline())
    assert answers(port)

    parent.kill()
    await parent.wait()

    async def gone():
        return None if answers(port) else True

    await until(gone, "the end of Azurite")


def test_without_its_modules_it_says_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(azurite, "FOLDER", tmp_path)
    with pytest.raises(AzuriteNotThere, match="run `npm ci`"), azurite_tables():
        pass


def test_without_node_it_says_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(AzuriteNotThere, match="needs Node 20 or newer"), azurite_tables():
        pass


def test_a_port_that_is_taken_is_told():
    with (
        azurite_tables() as tables,
        pytest.raises(AzuriteNotThere, match="something else listens on it"),
        azurite_tables(port=tables.port),
    ):
        pass


def test_an_azurite_that_does_not_start_says_why(tmp_path: Path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(AzuriteNotThere, match=r"ended with exit code 1: (?s:.*)ENOTDIR"),
        azurite_tables(tmp_path / "file" / "x"),
    ):
        pass
