"""``atlas scan`` as a person runs it: the same rows as a scan in Azure, interrupted by Ctrl-C, in files."""

import asyncio
import csv
import io
import json
import os
import secrets
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import stamina

from atlas import wiring
from atlas.domain.scans import Scan
from atlas.microsoft365.calls import MAX_REQUEST_ATTEMPTS
from atlas.scans.local_run import LocalScans
from atlas.settings import Settings
from atlas.tables.checkpoints import Checkpoints
from atlas.tables.sqlite_store import open_sqlite
from local.azurite import Azurite
from local.simulator import Evidence, SimulatedTenant
from tests.e2e.deployment import ROOT, TIMER_SPEED, UNSET, Deployment, deployed, tenant_of
from tests.forked import accept_interrupts, forked_atlas

ATLAS = Path(sys.executable).with_name("atlas")
TIMES = {"CheckedAt", "ChangedAt", "LastKnownAt", "StatusSince", "At", "FirstSeenAt"}
OF_ONE_RUN = {"ScanId", "RowKey", "PendingChange"}


async def scan(
    tenant: SimulatedTenant, state: Path, *arguments: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    """One run of the command, in 80 columns, while the tenant is served in this process."""
    given = {**UNSET, **tenant.settings(), "COLUMNS": "80", **settings}
    return await asyncio.to_thread(forked_atlas, "scan", "--state", str(state), *arguments, settings=given)


async def local_rows(state: Path, tenant: SimulatedTenant, table: str = "PersonalBookings") -> list[dict[str, Any]]:
    with open_sqlite(state) as store:
        return [dict(row) async for row in store.iterate(table, tenant.tenant_id.lower())]


def licensed(tenant: SimulatedTenant) -> list[dict[str, Any]]:
    return tenant.control.users(0, 5000, licensed=True)


def requests_to_bookings(tenant: SimulatedTenant) -> int:
    return tenant.metrics()["services"].get("bookings", {}).get("requests", 0)


def comparable(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without what differs between two scans: their ID and times."""
    return {name: "set" if name in TIMES else value for name, value in row.items() if name not in OF_ONE_RUN}


async def test_it_writes_the_same_rows_as_a_scan_in_azure(tmp_path: Path, azurite: Azurite) -> None:
    """Every column of every row, except the scan's ID and times; then the changes of a second scan."""
    state = tmp_path / "state" / "rows.sqlite"
    async with (
        tenant_of(tmp_path, users=80, mix="every") as tenant,
        deployed(tenant, azurite, SHARED_PAGES="true") as product,
    ):
        tenant.behave(graph={"max_page_size": 30, "duplicate_across_pages": True}, exchange={"max_page_size": 50})
        there = await product.scan()
        here = await local_scan(product, state)
        index = next(user["index"] for user in tenant.users() if user["expected"]["status"] == "notSetUp")
        tenant.change_user(index, "open_bookings")
        await product.scan()
        again = await local_scan(product, state)
        azure, azure_changes = await product.rows(), await product.rows("BookingsChanges")
        azure_shared = await product.rows("SharedBookings")
        local, local_changes = await local_rows(state, tenant), await local_rows(state, tenant, "BookingsChanges")
        local_shared = await local_rows(state, tenant, "SharedBookings")

    assert (there["state"], here.state, again.state) == ("completed", "completed", "completed")
    assert len(local) == 80
    assert {row["RowKey"]: comparable(row) for row in local} == {key: comparable(row) for key, row in azure.items()}
    assert [comparable(row) for row in local_changes] == [comparable(row) for row in azure_changes.values()]
    assert [change["Kind"] for change in local_changes] == ["setUp"]
    assert len(local_shared) > 0
    shared = {row["RowKey"]: comparable(row) for row in local_shared}
    assert shared == {key: comparable(row) for key, row in azure_shared.items()}


async def local_scan(product: Deployment, state: Path) -> Scan:
    """A scan by the driver of ``atlas scan``; its waits are as short as those of the app, and retries do not wait."""

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / TIMER_SPEED)

    settings = Settings.load({**product.settings, **product.tenant.settings_for_secret()})
    with open_sqlite(state) as store, stamina.set_testing(True, attempts=MAX_REQUEST_ATTEMPTS):
        async with wiring.open_clients(settings) as (clients, _):
            resources = wiring.resources_with(settings, clients, store)
            scans = LocalScans(resources, Checkpoints(store, resources.tenant_id))
            return await scans.run(await scans.start(secrets.token_hex(4)), lambda _: None, sleep)


async def test_ctrl_c_keeps_what_is_done_and_the_next_run_continues(tmp_path: Path) -> None:
    state = tmp_path / "rows.sqlite"
    async with tenant_of(tmp_path, users=120, mix="healthy") as tenant:
        tenant.behave(bookings={"latency_ms": 30})
        interrupted = await asyncio.to_thread(interrupt, tenant, state, after="users checked")
        first = requests_to_bookings(tenant)
        rows = await local_rows(state, tenant)
        resumed = await scan(tenant, state, "--no-shared")
        total = requests_to_bookings(tenant)
        expected = {user["id"]: user["expected"]["status"] for user in licensed(tenant)}
        final = await local_rows(state, tenant)
        whole = await scan(tenant, state, "--no-shared", "--new")
        complete = requests_to_bookings(tenant) - total

    assert interrupted.returncode == 1, interrupted.stdout
    assert "Interrupted. What scan-" in interrupted.stdout
    assert "Run the same command again" in interrupted.stdout
    assert 0 < len(rows) < 120
    assert "Resuming scan-" in resumed.stdout
    assert f"The rows are in {state}." in resumed.stdout
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert {row["RowKey"]: row["Status"] for row in final} == expected
    assert len({row["ScanId"] for row in final}) == 1
    assert total - first < complete, "the second run must request only the remaining pages"
    assert total - complete <= 2 * 4 + 2, "at most the probes in flight were repeated, and the check of each run"
    assert whole.returncode == 0
    assert "Resuming" not in whole.stdout


def interrupt(tenant: SimulatedTenant, state: Path, after: str) -> subprocess.CompletedProcess[str]:
    """A run that gets Ctrl-C when its output contains this text."""
    environment = {**os.environ, **UNSET, **tenant.settings(), "PYTHONUNBUFFERED": "1"}
    command = [ATLAS, "scan", "--no-shared", "--state", str(state)]
    output = ""
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=accept_interrupts,
    ) as process:
        for line in process.stdout or ():
            output += line
            if after in line and output.count(after) == 3:
                process.send_signal(signal.SIGINT)
        code = process.wait(60)
    return subprocess.CompletedProcess(command, code, output, "")


async def test_the_result_is_written_to_files(tmp_path: Path, azurite: Azurite) -> None:
    state, out = tmp_path / "rows.sqlite", tmp_path / "out"
    out.mkdir()
    files = ["--csv", f"{out}/users.csv", "--json", f"{out}/users.json", "--html", f"{out}/report.html"]
    async with tenant_of(tmp_path, users=30, mix="healthy") as tenant, deployed(tenant, azurite) as product:
        excluded = next(user for user in tenant.users(top=30) if user["expected"]["status"] == "published")
        result = await scan(tenant, state, *files, "--signatures", f"{out}/signatures", EXCLUDE_USERS=excluded["upn"])
        await product.scan()
        exported = (await product.http.get("/api/users?format=csv")).content.decode("utf-8-sig")

    assert result.returncode == 0, result.stdout + result.stderr
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    users = list(csv.DictReader(io.StringIO((out / "users.csv").read_text("utf-8-sig"))))
    api = [row for row in csv.DictReader(io.StringIO(exported)) if row["UserPrincipalName"] != excluded["upn"]]
    left_out = TIMES | {"ScanId"}
    assert [{k: v for k, v in row.items() if k not in left_out} for row in users] == [
        {k: v for k, v in row.items() if k not in left_out} for row in api
    ]
    document = json.loads((out / "users.json").read_text())
    assert document["scan"]["state"] == "completed"
    assert len(document["sharedPages"]) == 25
    assert [user["userPrincipalName"] for user in document["value"]] == [row["UserPrincipalName"] for row in users]
    report = (out / "report.html").read_text()
    assert report.startswith("<!doctype html>".lower()) or "<html" in report[:200].lower()
    assert users[0]["UserPrincipalName"] in report
    assert document["sharedPages"][0]["id"] in report
    links = list(csv.DictReader(io.StringIO((out / "signatures" / "bookings-signatures.csv").read_text("utf-8-sig"))))
    published = {row["UserPrincipalName"]: row["AnonymousUrl"] for row in users if row["Status"] == "published"}
    assert {link["UserPrincipalName"]: link["AnonymousUrl"] for link in links} == published
    assert excluded["upn"] not in published


async def test_the_last_result_is_written_without_a_scan(tmp_path: Path) -> None:
    state = tmp_path / "rows.sqlite"
    async with tenant_of(tmp_path, users=12) as tenant:
        empty = await scan(tenant, state, "--last")
        await scan(tenant, state, "--no-shared")
        before = requests_to_bookings(tenant)
        result = await scan(tenant, state, "--last", "--json", "-")
        requests = requests_to_bookings(tenant) - before

    assert (empty.returncode, result.returncode, requests) == (1, 0, 0)
    assert "no finished scan" in empty.stderr
    assert len(json.loads(result.stdout)["value"]) == 12, "standard output must contain only the result"
    assert "published" in result.stderr


async def test_named_users_are_scanned_alone(tmp_path: Path) -> None:
    state, pilot = tmp_path / "rows.sqlite", tmp_path / "pilot.csv"
    async with tenant_of(tmp_path, users=40, mix="healthy") as tenant:
        await scan(tenant, state, "--no-shared")
        users = licensed(tenant)
        named = users[:15]
        lines = [user["upn"] for user in named] + ["nobody@contoso.com"]
        pilot.write_text("UserPrincipalName\n" + "\n".join(lines) + "\n")
        before = requests_to_bookings(tenant)
        result = await scan(tenant, state, "--users", str(pilot), "--csv", "-")
        requests = requests_to_bookings(tenant) - before
        rows = await local_rows(state, tenant)

    found = {
        row["UserPrincipalName"]: row["Status"] for row in csv.DictReader(io.StringIO(result.stdout.lstrip("\ufeff")))
    }
    assert result.returncode == 0, result.stderr
    assert found == {user["upn"]: user["expected"]["status"] for user in named}
    assert "Microsoft Entra has no such user: nobody@contoso.com." in result.stderr
    assert len(rows) == len(users), "nobody else is gone"
    assert not [row for row in rows if row["Status"] == "gone"]
    assert 15 <= requests <= 15 * 3 + 1


@pytest.mark.parametrize(
    ("sign_in", "named"),
    [
        ({"graph_roles": ()}, ["User.Read.All is missing", "New-MgServicePrincipalAppRoleAssignment"]),
    ],
)
async def test_a_missing_permission_ends_the_scan_before_it_starts(
    tmp_path: Path, sign_in: dict[str, Any], named: list[str]
) -> None:
    async with tenant_of(tmp_path, users=3) as tenant:
        tenant.behave(sign_in=sign_in)
        refused = await scan(tenant, tmp_path / "rows.sqlite")

    assert refused.returncode == 1
    assert all(text in refused.stderr for text in named), refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--csv", "{folder}"], "this is a folder"),
        (["--html", "{folder}/none/report.html"], "cannot be written"),
        (["--users", "{folder}/none.txt"], "No such file"),
        (["--users", "{folder}/empty.txt"], "it names no users"),
        (["--signatures", "{folder}/empty.txt"], "name a folder"),
        (["--tenant", "contoso"], "TENANT_ID is 'contoso'; it must be a GUID"),
    ],
)
async def test_invalid_arguments_are_reported_before_the_scan(
    tmp_path: Path, arguments: list[str], problem: str
) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    async with tenant_of(tmp_path, users=2) as tenant:
        given = [argument.format(folder=tmp_path) for argument in arguments]
        refused = await scan(tenant, tmp_path / "rows.sqlite", *given)
        requests = requests_to_bookings(tenant)

    assert refused.returncode == 2
    assert problem in refused.stderr
    assert requests == 0


async def test_a_second_scan_at_the_same_time_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "rows.sqlite"
    async with tenant_of(tmp_path, users=3) as tenant:
        with open_sqlite(state):
            refused = await scan(tenant, state)

    assert refused.returncode == 1
    assert "Another scan of this tenant is running" in refused.stderr


FAKE_AZ = """#!{python}
import json, ssl, sys, urllib.parse, urllib.request
given = json.loads({settings!r})
if "show" in sys.argv:
    print(json.dumps({{"tenantId": given["TENANT_ID"], "user": {{"name": "admin@contoso.com"}}}}))
    sys.exit()
resource = sys.argv[sys.argv.index("--resource") + 1]
if "outlook" in resource:
    sys.exit("ERROR: AADSTS65002: Consent between first party application and first party resource must be configured")
form = {{"client_id": given["AZURE_CLIENT_ID"], "client_secret": given["AZURE_CLIENT_SECRET"]}}
form |= {{"grant_type": "client_credentials", "scope": resource + "/.default"}}
url = given["AZURE_AUTHORITY_HOST"] + "/" + given["TENANT_ID"] + "/oauth2/v2.0/token"
trust = ssl.create_default_context(cafile=given["SSL_CERT_FILE"])
with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode(), context=trust) as response:
    token = json.load(response)["access_token"]
print(json.dumps({{"accessToken": token, "expires_on": 4102444800, "tokenType": "Bearer"}}))
"""
SIGN_IN = ("TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "IDENTITY_ENDPOINT", "IDENTITY_HEADER")


async def scan_with_az(tenant: SimulatedTenant, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A scan by a person who has only run `az login`: like the real one, it gets no token for Exchange."""
    settings = tenant.settings_for_secret()
    az = folder / "bin" / "az"
    az.parent.mkdir()
    az.write_text(FAKE_AZ.format(python=sys.executable, settings=json.dumps(settings)))
    az.chmod(0o700)
    environment = settings | dict.fromkeys(SIGN_IN, "") | {"PATH": f"{az.parent}:{os.environ['PATH']}"}
    command = ("scan", "--state", str(folder / "rows.sqlite"), *arguments)
    return await asyncio.to_thread(forked_atlas, *command, settings={**UNSET, **environment})


async def test_a_login_of_az_is_enough_for_a_scan(tmp_path: Path) -> None:
    """Everything but policies and capabilities, about which the command says so."""
    async with tenant_of(tmp_path, users=30, mix="healthy") as tenant:
        result = await scan_with_az(tenant, tmp_path, "--csv", "-")
        expected = {
            user["upn"]: user["expected"]["status"]
            for user in tenant.control.users(0, 100, Evidence(exchange=False), licensed=True)
        }

    found = csv.DictReader(io.StringIO(result.stdout.lstrip("\ufeff")))
    assert result.returncode == 0, result.stderr
    assert {row["UserPrincipalName"]: row["Status"] for row in found} == expected
    assert "this uses your login of the Azure CLI, `az` (admin@contoso.com)" in result.stderr
    assert (
        "Exchange is not available (the login of `az` gets no token for https://outlook.office365.com" in result.stderr
    )
    assert "so this scan cannot say which policies" in result.stderr


async def test_a_login_without_permission_is_shown_the_role_it_needs(tmp_path: Path) -> None:
    async with tenant_of(tmp_path, users=3) as tenant:
        tenant.behave(sign_in={"graph_roles": ()})
        refused = await scan_with_az(tenant, tmp_path)

    assert refused.returncode == 1
    assert "User.Read.All is missing" in refused.stderr
    assert "the Entra role Global Reader is enough" in refused.stderr
    assert "New-MgRoleManagementDirectoryRoleAssignment" in refused.stderr
    assert "Application permissions" not in refused.stderr
