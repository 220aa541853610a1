"""``atlas shared``: the shared pages that the last scan found, who can open them, and what is wrong."""

import csv
import io
import json
from typing import Any

import pytest
from pydantic import SecretStr

from atlas import wiring
from atlas.cli.local_state import state_file
from atlas.settings import Settings, StorageByConnectionString
from atlas.tables.sqlite_store import open_sqlite
from local.simulator import SharedPageKind
from tests.shared_pages.stage import run_stage

SCAN_ID = "scan-20261123T030000000-0a1b2c3d"
RESTRICTED = {"organization": {"bookings_enabled": False}}


@pytest.fixture
async def start_scanned(start, azurite):
    """Starts a tenant whose shared pages were scanned."""

    async def start_and_scan(behaviour: dict[str, Any] | None = None, **plan: Any):
        commands = await start(behaviour, **{"users": 12, **plan})
        commands.storage = {"AzureWebJobsStorage": azurite.connection_string}
        settings = Settings.load({**commands.tenant.settings(), **commands.storage})
        async with wiring.open_resources(settings) as opened:
            await run_stage(opened.resources, SCAN_ID)
        return commands

    return start_and_scan


def page_of(commands, kind: SharedPageKind):
    return next(page for page in commands.tenant.shared_pages() if page.kind is kind)


async def test_every_page_is_shown_with_who_can_open_it(start_scanned):
    commands = await start_scanned()

    shown = await commands.shared(commands.storage)

    pages = commands.tenant.shared_pages()
    assert (shown.code, shown.errors) == (1, "")
    assert f"shared pages {len(pages)}" in shown.words
    assert (
        f"stored in {Settings.load({**commands.tenant.settings(), **commands.storage}).storage.account}" in shown.words
    )
    assert "group Everyone" in shown.words
    for page in pages:
        assert f"  {page.address}\n" in shown.text
    assert "tooManyHolders" in shown.text


@pytest.mark.parametrize(
    ("connection_string", "account"),
    [
        ("DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=c2VjcmV0PT0=", "contoso"),
        ("AccountName=a;AccountKey=c2VjcmV0;TableEndpoint=https://127.0.0.1:10002/a", "https://127.0.0.1:10002/a"),
        ("UseDevelopmentStorage=true", "the local emulator"),
    ],
)
def test_an_account_is_named_without_its_key(connection_string, account):
    assert StorageByConnectionString(SecretStr(connection_string)).account == account


async def test_the_benchmark_is_shown_once_above_the_pages(start_scanned):
    commands = await start_scanned()

    shown = await commands.shared(commands.storage)

    assert shown.text.count("CIS 1.3.9") == 1
    assert "fail: everyone can create shared pages" in shown.words
    assert shown.text.index("CIS 1.3.9") < shown.text.index("can open it")


@pytest.mark.parametrize(("behaviour", "code"), [(None, 1), (RESTRICTED, 0)], ids=["fail", "pass"])
async def test_the_benchmark_alone_is_a_finding(start_scanned, behaviour, code):
    commands = await start_scanned(behaviour, shared_pages=1)  # an ordinary page

    shown = await commands.shared(commands.storage)

    assert shown.code == code


async def test_findings_are_shown_with_evidence_and_fix(start_scanned):
    commands = await start_scanned()
    page, near_miss = page_of(commands, SharedPageKind.EXTERNAL_STAFF), page_of(commands, SharedPageKind.ORDINARY)

    shown = await commands.shared(commands.storage, findings=True)

    section = shown.text.partition(f"<{page.address}>\n")[2].partition("\n\n")[0]
    assert shown.code == 1
    assert "externalStaff" in section
    assert len(section.splitlines()) >= 2
    assert near_miss.address not in shown.text


async def test_json_has_the_shape_of_the_api(start_scanned):
    commands = await start_scanned()
    page = page_of(commands, SharedPageKind.EXTERNAL_STAFF)

    shown = await commands.shared(commands.storage, json=True)

    document = json.loads(shown.text)
    found = next(one for one in document["value"] if one["id"] == page.address)
    assert shown.code == 1
    assert document["cis139"] == "fail"
    assert len(document["value"]) == len(commands.tenant.shared_pages())
    assert found["findings"] == ["externalStaff"]
    assert found["findingDetails"][0]["fix"]
    assert [one["role"] for one in found["staff"]] == [role for _, _, role in page.staff]


async def test_a_csv_file_has_every_page(start_scanned, tmp_path):
    commands = await start_scanned()
    file = tmp_path / "pages.csv"

    await commands.shared(commands.storage, csv=file)

    rows = list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"), newline="")))
    assert {row["PrimarySmtpAddress"] for row in rows} == {page.address for page in commands.tenant.shared_pages()}


async def test_the_pages_of_a_user_are_shown_with_the_way(start_scanned):
    commands = await start_scanned()
    page = page_of(commands, SharedPageKind.GROUP_ACCESS)
    member = commands.tenant.state.tenant.user(0).upn

    shown = await commands.shared(commands.storage, user=member)
    document = json.loads((await commands.shared(commands.storage, user=member, json=True)).text)

    (way,) = [one for one in document["value"] if one["id"] == page.address]
    assert shown.code == 0
    assert page.address.partition("@")[0] in shown.text
    assert "Front desk" in shown.text
    assert (way["viaGroup"], way["access"]) == ("Front desk", ["fullAccess", "sendAs"])


@pytest.mark.parametrize(("who", "code"), [("nobody@contoso.com", 1), ("not a user", 2)])
async def test_a_user_who_does_not_exist_is_an_error(start_scanned, who, code):
    commands = await start_scanned(shared_pages=1)

    shown = await commands.shared(commands.storage, user=who)

    assert (shown.code, shown.text) == (code, "")
    assert who in shown.errors


async def test_the_command_reports_that_there_was_no_scan(start, azurite):
    commands = await start(users=2)

    shown = await commands.shared({"AzureWebJobsStorage": azurite.connection_string})

    assert (shown.code, shown.text) == (1, "")
    assert "No scan has found a shared page yet." in shown.errors


async def test_without_a_storage_the_result_of_atlas_scan_is_read(start, tmp_path):
    commands = await start(users=4)
    environment = {**commands.tenant.settings(), "XDG_STATE_HOME": str(tmp_path)}
    settings = Settings.load(environment, needs_storage=False)
    before = await commands.shared(environment)
    file = state_file(environment, settings.tenant_id)
    with open_sqlite(file) as store:
        async with wiring.open_clients(settings) as (clients, _):
            await run_stage(wiring.resources_with(settings, clients, store), SCAN_ID)

        while_it_runs = await commands.shared(environment)
    shown = await commands.shared(environment)

    assert (before.code, before.text) == (1, "")
    assert "Run `atlas scan`" in before.errors
    assert "A scan is running" in while_it_runs.errors
    assert f"storedin{file}" in "".join(shown.text.split())
    assert f"shared pages {len(commands.tenant.shared_pages())}" in shown.words


async def test_a_tenant_without_shared_pages_is_not_an_error(start_scanned):
    commands = await start_scanned(RESTRICTED, shared_pages=0)

    shown = await commands.shared(commands.storage)

    assert (shown.code, shown.errors) == (0, "")
    assert "shared pages 0" in shown.words
