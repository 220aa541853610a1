"""``atlas doctor``: each permission is verified by a call; a missing one is shown with its impact and its grant."""

import json

import pytest

from local.simulator import Fault, SimulatedTenant
from local.simulator.options import SignIn

GRAPH_ROLES = SignIn().graph_roles
ALL_RIGHTS = {"sign_in": {"graph_roles": GRAPH_ROLES}}
PAGE_ACCESS = "Exchange: access to shared pages"
STATES = ("works", "granted", "missing", "refused", "not granted", "not verified", "not checked")
ENTRA_STEP = "Application permissions"


def states(shown):
    """The result of each check in the table."""
    rows = [line.split("  ") for line in shown.text.split("Missing: ")[0].splitlines() if line.startswith(" ")]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    found = {}
    for row in cells:
        if len(row) > 1 and row[1] in STATES:
            found[row[0]] = row[1]
    return found


async def test_with_every_permission_all_checks_pass(start):
    commands = await start(ALL_RIGHTS, users=2)

    shown = await commands.doctor()

    assert shown.code == 0
    assert set(states(shown).values()) == {"works", "granted", "not checked"}
    assert "no storage is configured" in shown.words
    assert "Missing" not in shown.text
    assert "Everything required works." in shown.text
    assert f"tenant {commands.tenant.tenant_id}" in shown.words
    assert "the system-assigned managed identity" in shown.words
    assert commands.tenant.metrics()["writes"] == []


@pytest.mark.parametrize(
    ("behaviour", "missing", "lost", "commands_told"),
    [
        (
            {"sign_in": {"graph_roles": GRAPH_ROLES[1:]}},
            ["User.Read.All"],
            ["nothing works"],
            ["New-MgServicePrincipalAppRoleAssignment", "df021288-bdef-4463-88db-98f22de89214"],
        ),
        (
            {**ALL_RIGHTS, "exchange": {"role": "View-Only Recipients"}},
            ["Exchange: View-Only Configuration"],
            ["every policy verdict is unknown"],
            ["New-RoleGroup", "'View-Only Configuration'", "Global Reader"],
        ),
        (
            {**ALL_RIGHTS, "exchange": {"role": "View-Only Configuration"}},
            ["Exchange: View-Only Recipients", PAGE_ACCESS],
            ["it is not known who can open a shared page", "noCapability is reported as notSetUp"],
            ["New-RoleGroup", "'View-Only Recipients'"],
        ),
        (
            {**ALL_RIGHTS, "exchange": {"role": None}},
            ["Exchange: View-Only Configuration", "Exchange: View-Only Recipients", PAGE_ACCESS],
            ["every policy verdict is unknown", "noCapability is reported as notSetUp"],
            ["Add-RoleGroupMember", "New-ServicePrincipal -AppId"],
        ),
        (
            {"sign_in": {**ALL_RIGHTS["sign_in"], "exchange_roles": ()}},
            ["Exchange: View-Only Configuration", "Exchange: View-Only Recipients", PAGE_ACCESS],
            ["every policy verdict is unknown"],
            ["dc50a0fb-09a3-484d-be87-e023b12c6440", "Exchange.ManageAsApp"],
        ),
    ],
    ids=["User.Read.All", "configuration", "recipients", "no role", "no app role"],
)
async def test_a_missing_permission_is_shown_with_its_impact_and_grant(start, behaviour, missing, lost, commands_told):
    commands = await start(behaviour, users=2)

    shown = await commands.doctor()

    below = shown.text.partition("Missing: ")[2]
    assert shown.code == 1
    heading = below.splitlines()[0]
    assert [need for need in missing if need not in heading] == []
    assert shown.words.count("missing") == len(missing)
    assert [words for words in (*lost, *commands_told) if words not in below] == []
    assert shown.text.count("Missing: ") == 1
    assert "Everything required works" not in shown.text


@pytest.mark.parametrize(
    ("name", "lost", "role_id"),
    [
        ("Bookings.Read.All", "without public URL, staff and services", "6e98f277-b046-4193-a4f2-6bf6a78cd491"),
        ("GroupMember.Read.All", "is listed without its members", "98830695-27a2-44f7-8c18-0c3ebc9698f6"),
        (
            "AuditLogsQuery-Exchange.Read.All",
            "it is not known who created a shared page",
            "6b0d2622-d34e-4470-935b-b96550e5ca8d",
        ),
    ],
)
async def test_a_missing_optional_permission_exits_with_0(start, name, lost, role_id):
    granted = [role for role in GRAPH_ROLES if role != name]

    shown = await (await start({"sign_in": {"graph_roles": granted}}, users=2)).doctor()

    assert shown.code == 0
    assert {check for check, state in states(shown).items() if state == "not granted"} == {name}
    assert "missing" not in shown.text.lower()
    below = shown.text.partition(f"Everything required works.\n\nOptional: {name}\n")[2]
    assert lost in below
    assert role_id in below


async def test_exchange_may_replace_the_audit_permission(start):
    behaviour = {"sign_in": {"graph_roles": GRAPH_ROLES[:3]}, "exchange": {"audit_search": True}}

    shown = await (await start(behaviour, users=2)).doctor()

    assert shown.code == 0
    assert states(shown)["AuditLogsQuery-Exchange.Read.All"] == "granted"
    assert "not granted, but Exchange searches the audit log" in shown.words
    assert "Optional" not in shown.text


@pytest.mark.parametrize("versions", [["beta"], ["v1.0", "beta"]])
async def test_the_audit_permission_is_verified_without_a_query(start, versions):
    commands = await start({"graph": {"audit_versions": versions}}, users=2)

    shown = await commands.doctor()

    assert states(shown)["AuditLogsQuery-Exchange.Read.All"] == "granted"
    assert commands.tenant.metrics()["writes"] == []


async def test_a_tenant_without_shared_pages_has_nothing_to_verify_access_with(start):
    shown = await (await start(users=2, shared_pages=0)).doctor()

    assert shown.code == 0
    assert states(shown)[PAGE_ACCESS] == "granted"


async def test_what_the_settings_exclude_is_not_checked(start):
    commands = await start({"exchange": {"role": None}}, users=2)

    shown = await commands.doctor(EXCHANGE_EVIDENCE="false", SHARED_PAGES="false")

    assert shown.code == 0
    assert states(shown)["Exchange: View-Only Recipients"] == "not checked"
    assert "EXCHANGE_EVIDENCE" in shown.text
    assert "Bookings.Read.All" not in shown.text
    assert "exchange" not in commands.tenant.metrics()["services"]


@pytest.mark.parametrize(
    ("fault", "need"),
    [
        (Fault("bookings.services", status=503, times=None), "Bookings pages"),
        (Fault("graph.users", status=429, times=None), "User.Read.All"),
        (Fault("exchange.Get-CASMailbox", status=503, times=None), "Exchange: View-Only Recipients"),
        (Fault("exchange.Get-OrganizationConfig", status=500, times=None), "Exchange: View-Only Configuration"),
    ],
    ids=["Bookings", "users", "mailboxes", "organisation"],
)
async def test_an_unavailable_service_suggests_no_grant(start, fault, need):
    commands = await start(ALL_RIGHTS, users=2)
    commands.tenant.add_fault(fault)

    shown = await commands.doctor()

    assert shown.code == 1
    assert "not verified" in shown.text
    assert f"{need} could not be verified: " in shown.text
    assert ENTRA_STEP not in shown.text
    assert "New-RoleGroup" not in shown.text


async def test_a_refusing_page_service_is_shown_with_its_setting(start):
    commands = await start(ALL_RIGHTS, users=2)
    commands.tenant.add_fault(Fault("bookings.services", status=403, times=None))

    shown = await commands.doctor()

    assert shown.code == 1
    assert "Missing: Bookings pages" in shown.text
    assert "BOOKINGS_URL" in shown.text


async def test_a_failed_sign_in_names_the_setting_but_not_the_secret(start):
    commands = await start(ALL_RIGHTS, users=2, settings_of=SimulatedTenant.settings_for_secret)

    shown = await commands.doctor(AZURE_CLIENT_SECRET="a-wrong-secret")

    assert shown.code == 1
    assert "Missing: sign in" in shown.text
    assert shown.text.count("Missing: ") == 1
    assert "AZURE_CLIENT_SECRET" in shown.words
    assert "a-wrong-secret" not in shown.text + shown.errors


@pytest.mark.parametrize(
    ("settings_of", "text"),
    [
        (SimulatedTenant.settings_for_secret, "with a secret"),
        (SimulatedTenant.settings_for_certificate, "with a certificate"),
        (SimulatedTenant.settings_for_federated, "with the managed identity"),
        (SimulatedTenant.settings_for_user_assigned, "the managed identity"),
    ],
)
async def test_the_identity_is_named_without_its_secret(start, settings_of, text):
    commands = await start(ALL_RIGHTS, users=2, settings_of=settings_of)
    tenant = commands.tenant

    shown = await commands.doctor()

    assert shown.code == 0
    assert text in shown.words
    assert tenant.principals.app_secret not in shown.text
    assert "PRIVATE KEY" not in shown.text
    client_ids = (tenant.principals.app.client_id, tenant.principals.user_assigned.client_id)
    assert any(client_id in shown.text for client_id in client_ids)


async def test_tables_are_checked_if_storage_is_configured(start, azurite):
    commands = await start(ALL_RIGHTS, users=2)

    there = await commands.doctor(AzureWebJobsStorage=azurite.connection_string)
    away = await commands.doctor(
        AzureWebJobsStorage=azurite.connection_string.replace(f":{azurite.port}/", ":9/"), SHARED_PAGES="false"
    )

    assert (there.code, "can be read" in there.text) == (0, True)
    assert away.code == 1
    assert "tables could not be verified: " in away.text or "Missing: tables" in away.text
    key = azurite.connection_string.partition("AccountKey=")[2].partition(";")[0]
    assert key not in there.text + away.text


async def test_a_machine_without_network_gets_one_message(start):
    commands = await start(users=1, settings_of=SimulatedTenant.settings_for_secret)
    nowhere = dict.fromkeys(("GRAPH_URL", "EXCHANGE_URL", "BOOKINGS_URL"), "http://127.0.0.1:9")

    shown = await commands.doctor(AZURE_AUTHORITY_HOST="https://127.0.0.1:9", **nowhere)

    assert (shown.code, shown.text) == (1, "")
    assert len(shown.errors.splitlines()) == 1
    assert shown.errors.startswith("Microsoft 365 cannot be reached from here: the sign-in service https://127.0.0.1:9")
    assert "Check the network" in shown.errors


@pytest.mark.parametrize(
    ("settings_of", "target", "is_suggested"),
    [
        (SimulatedTenant.settings_for_secret, "entra.token", False),
        (SimulatedTenant.settings, "managed_identity.token", True),
    ],
)
async def test_an_app_registration_is_suggested_only_instead_of_a_managed_identity(
    start, settings_of, target, is_suggested
):
    commands = await start(ALL_RIGHTS, users=2, settings_of=settings_of)

    commands.tenant.add_fault(Fault(target, status=400, times=None))

    shown = await commands.doctor()

    assert "Missing: sign in" in shown.text
    assert ("docs/register-the-app.md" in shown.text) is is_suggested


async def test_a_failed_sign_in_is_reported_once(start):
    commands = await start(ALL_RIGHTS, users=2, settings_of=SimulatedTenant.settings_for_secret)

    shown = await commands.doctor(AZURE_CLIENT_SECRET="a-wrong-secret")

    assert shown.words.count("AZURE_CLIENT_SECRET") == 1
    assert states(shown)["User.Read.All"] == "not checked"
    assert states(shown)["Bookings pages"] == "works"


@pytest.mark.parametrize("settings_of", [SimulatedTenant.settings, SimulatedTenant.settings_for_secret])
async def test_an_identity_is_shown_how_its_own_kind_gets_a_permission(start, settings_of):
    """PowerShell for a managed identity, the admin centre for an app registration."""
    is_identity = settings_of is SimulatedTenant.settings
    commands = await start({"sign_in": {"graph_roles": ("Bookings.Read.All",)}}, settings_of=settings_of, users=1)

    shown = await commands.doctor()

    assert ("New-MgServicePrincipalAppRoleAssignment" in shown.text) is is_identity
    assert (ENTRA_STEP in shown.text) is not is_identity


async def test_no_word_of_a_detail_is_cut_in_a_narrow_terminal(start, monkeypatch):
    commands = await start({"exchange": {"role": None}}, users=1)
    wide = (await commands.doctor()).words
    monkeypatch.setenv("COLUMNS", "60")

    shown = await commands.doctor()

    assert shown.words == wide
    assert all(len(line) <= 60 or " " not in line.strip() or line.startswith("    ") for line in checks_of(shown))


def checks_of(shown):
    """The lines of the checks, without those that say how to grant what is missing."""
    return shown.text.split("\nMissing")[0].splitlines()


async def test_the_checks_are_printed_as_json(start, capsys):
    commands = await start({**ALL_RIGHTS, "exchange": {"role": None}}, users=1)

    shown = await commands.doctor(as_json=True)

    document = json.loads(shown.text)
    checks = {check["name"]: check for check in document["checks"]}
    assert shown.code == 1
    assert document["tenantId"] == commands.tenant.tenant_id
    assert checks["User.Read.All"]["ok"] is True
    assert checks["Exchange: View-Only Recipients"]["result"] == "missing"
    assert "New-RoleGroup" in checks["Exchange: View-Only Recipients"]["grant"]
