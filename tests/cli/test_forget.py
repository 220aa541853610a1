"""``atlas forget``: removes one person from the tables, and says how to keep scans from storing them again."""

from datetime import UTC, datetime

import pytest

from atlas import wiring
from atlas.domain.scans import Scan, ScanState, new_scan_id
from atlas.pages.lookup import lookup
from atlas.settings import Settings

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)


@pytest.fixture
async def commands(start, azurite):
    """The commands of a tenant whose tables contain a row for every user."""
    commands = await start(users=2)
    commands.storage = {"AzureWebJobsStorage": azurite.connection_string}
    commands.settings = {**commands.tenant.settings(), **commands.storage}
    async with wiring.open_resources(Settings.load(commands.settings)) as opened:
        for user in commands.tenant.control.users(0, 2, licensed=True):
            await lookup(opened.resources, opened.live, user["upn"], lambda: None, fresh=True)
    return commands


async def stored_upns(commands):
    async with wiring.open_resources(Settings.load(commands.settings)) as opened:
        return {stored.row.user.upn async for stored in opened.resources.rows.iterate()}


async def test_a_person_is_removed_and_the_others_stay(commands):
    user, other = (user["upn"] for user in commands.tenant.control.users(0, 2, licensed=True))

    shown = await commands.forget(user, **commands.storage)

    assert (shown.code, shown.errors) == (0, "")
    assert "rows 1" in shown.words
    assert "add the object ID to EXCLUDE_USERS" in shown.words
    assert await stored_upns(commands) == {other}


async def test_an_excluded_person_needs_no_reminder(commands):
    user = commands.find_user()["upn"]

    shown = await commands.forget(user, EXCLUDE_USERS=user, **commands.storage)

    assert shown.code == 0
    assert "EXCLUDE_USERS" not in shown.text


async def test_a_person_who_is_not_stored_is_reported(commands):
    shown = await commands.forget("nobody@contoso.com", **commands.storage)

    assert shown.code == 0
    assert "The tables contain nothing about this user." in shown.text


async def test_no_user_is_removed_while_a_scan_is_running(commands):
    before = await stored_upns(commands)
    scan = Scan(new_scan_id(NOW, "0a1b2c3d"), ScanState.RUNNING, "http", NOW)
    async with wiring.open_resources(Settings.load(commands.settings)) as opened:
        await opened.resources.scans.acquire_lock(scan, None)

    shown = await commands.forget(commands.find_user()["upn"], **commands.storage)

    assert (shown.code, shown.text) == (1, "")
    assert f"{scan.scan_id} is running" in shown.errors
    assert await stored_upns(commands) == before


async def test_unavailable_storage_is_reported(start, azurite):
    commands = await start(users=1)
    unavailable = azurite.connection_string.replace(f":{azurite.port}/", ":9/")  # nothing listens on port 9

    shown = await commands.forget(commands.find_user()["upn"], AzureWebJobsStorage=unavailable)

    assert (shown.code, shown.text) == (1, "")
    assert "The tables could not be changed: " in shown.errors


async def test_an_invalid_user_exits_with_2(start, azurite):
    commands = await start(users=1)

    shown = await commands.forget("nonsense", AzureWebJobsStorage=azurite.connection_string)

    assert (shown.code, shown.text) == (2, "")
