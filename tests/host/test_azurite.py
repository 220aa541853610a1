"""Azurite as a child process: it runs as long as its block, and never longer."""

import asyncio
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from azure.data.tables.aio import TableServiceClient

from local import azurite
from local.azurite import Azurite, AzuriteNotThere, azurite_tables
from local.run_host import private_folder
from tests.host.sample import until

ROOT = Path(__file__).parents[2]


def responds(port: int) -> bool:
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
    assert not responds(tables.port)


async def test_its_files_are_read_at_the_next_start(tmp_path: Path):
    with azurite_tables(tmp_path / "tables") as tables:
        await write_and_read(tables)
    with azurite_tables(tmp_path / "tables") as tables:
        async with TableServiceClient.from_connection_string(tables.connection_string) as service:
            assert [table.name async for table in service.list_tables()] == ["People"]


async def test_it_ends_with_its_parent():
    code = """from local.azurite import azurite_tables
with azurite_tables() as tables:
    print(tables.port, flush=True)
    input()"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout
    port = int(await parent.stdout.readline())
    assert responds(port)

    parent.kill()
    await parent.wait()

    async def has_ended():
        return None if responds(port) else True

    await until(has_ended, "the end of Azurite")


def test_without_its_modules_the_message_says_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(azurite, "FOLDER", tmp_path)
    with pytest.raises(AzuriteNotThere, match="run `npm ci`"), azurite_tables():
        pass


def test_without_node_the_message_says_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(AzuriteNotThere, match="needs Node 20 or newer"), azurite_tables():
        pass


def test_a_port_in_use_is_reported():
    with (
        azurite_tables() as tables,
        pytest.raises(AzuriteNotThere, match="another program listens on it"),
        azurite_tables(port=tables.port),
    ):
        pass


def test_the_message_says_why_it_did_not_start(tmp_path: Path):
    (tmp_path / "__azurite_db_table__.json").mkdir()
    with pytest.raises(AzuriteNotThere, match=r"ended with exit code 1: (?s:.*)EISDIR"), azurite_tables(tmp_path):
        pass


def test_two_cannot_share_a_folder(tmp_path: Path):
    with (
        azurite_tables(tmp_path / "tables"),
        pytest.raises(
            AzuriteNotThere, match=r"another host stores its rows in .*: stop it, or set AzureWebJobsStorage"
        ),
        azurite_tables(tmp_path / "tables"),
    ):
        pass


async def test_accounts_share_nothing():
    with azurite_tables(accounts=("one", "two")) as one:
        await write_and_read(one)
        async with TableServiceClient.from_connection_string(replace(one, account="two").connection_string) as service:
            assert [table.name async for table in service.list_tables()] == []


def test_only_its_owner_can_read_a_private_folder(tmp_path: Path):
    (tmp_path / "open").mkdir(mode=0o755)

    for folder in (tmp_path / "open", tmp_path / "new"):
        assert private_folder(folder).stat().st_mode & 0o777 == 0o700
