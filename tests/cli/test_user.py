"""``atlas user``: one screen about any user: is there a page, if not why not, and what would change it."""

import json
from collections import Counter

import pytest

from local.simulator import Fault, MailboxPolicy
from local.simulator.policy import AGENT
from local.simulator.user_kinds import Mailbox, Page, Plan
from local.simulator.user_mixes import EVERY

WIDTH, MAX_LINES = 100, 44
WITH_A_PAGE = {"published", "noPublicTypes"}
ORGANIZATIONS = {
    "allows": {},
    "blocks": {"ews_policy": "EnforceBlockList", "ews_block_list": ("MicrosoftOWS*", AGENT)},
    "allows by list": {"ews_policy": "EnforceAllowList", "ews_allow_list": (AGENT,)},
    "blocks, of no effect": {"ews_block_list": (AGENT,)},
    "without EWS": {"ews_enabled": False},
    "blocks, without EWS": {"ews_policy": "EnforceBlockList", "ews_block_list": (AGENT,), "ews_enabled": False},
    "strange": {"ews_policy": "EnforceSomethingNew"},
    "sign-in": {"bookings_auth_enabled": True},
}


@pytest.mark.parametrize("organization", ORGANIZATIONS.values(), ids=ORGANIZATIONS)
async def test_every_kind_of_user_fits_on_one_screen(start, organization):
    commands = await start({"organization": organization}, users=len(EVERY), mix=EVERY)
    users = commands.tenant.control.users(0, 5000, licensed=True)
    bookings_url = commands.tenant.settings()["BOOKINGS_URL"]

    for user in users:
        shown = await commands.user(user["upn"])
        expected = user["expected"]

        assert f"{expected['status']}:" in shown.text, user
        assert (shown.code == 0) == (expected["status"] in WITH_A_PAGE or expected["url_path"] is not None), user
        assert shown.lines <= MAX_LINES, shown.text
        assert shown.errors == ""
        pages = [line for line in shown.text.splitlines() if line.startswith(f"{bookings_url}/bookwithme/user/")]
        assert pages == ([f"{bookings_url}{expected['url_path']}"] if expected["url_path"] else []), shown.text
        assert all(finding in shown.words for finding in expected["findings"]), shown.text
        paragraphs = [line for line in shown.text.splitlines() if len(line) > WIDTH and line[0] != " "]
        assert len(paragraphs) == len(set(paragraphs)), shown.text
        if expected["status"] != "published":
            assert "What would change it" in shown.text, user
    assert commands.tenant.metrics()["writes"] == []


@pytest.mark.parametrize(
    ("policy", "verdict", "command"),
    [
        (MailboxPolicy.BLOCKED, "off", f"-EwsBlockList @{{Remove='{AGENT}'}}"),
        (MailboxPolicy.NOT_ON_ALLOW_LIST, "off", f"-EwsAllowList @{{Add='{AGENT}'}}"),
        (MailboxPolicy.EWS_DISABLED, "ewsDisabled", "-EwsEnabled $true"),
    ],
)
async def test_a_switched_off_user_gets_commands_in_both_directions(start, policy, verdict, command):
    commands = await start(users=len(EVERY), mix=EVERY)
    user = commands.find_user(policy=policy, page=Page.MISSING_404, mailbox=Mailbox.NORMAL)

    shown = await commands.user(user["upn"])

    upn = user["upn"].replace("'", "''")
    assert any(line == f"    Set-CASMailbox -Identity '{upn}' {command}" for line in shown.text.splitlines())
    assert "To undo it:" in shown.text
    assert f"policy {verdict}" in shown.words or f"{verdict}:" in shown.words
    assert shown.code == 1


async def test_an_allowed_user_gets_the_command_to_turn_it_off(start):
    commands = await start(users=len(EVERY), mix=EVERY)
    user = commands.find_user(policy=MailboxPolicy.ALLOWED_BY_WILDCARD, page=Page.PUBLIC_ONE)

    shown = await commands.user(user["upn"])

    assert "Turning it on and off" in shown.text
    assert "-EwsAllowList @{Remove='microsoftows*'}" in shown.text
    assert "microsoftows* matches other apps too" in shown.words


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (Plan.NONE, "never assigned"),
        (Plan.SUSPENDED, "Suspended: its subscription has expired"),
        (Plan.DELETED, "Deleted: it was removed"),
        (Plan.LOCKED_OUT, "LockedOut"),
    ],
)
async def test_an_unlicensed_user_gets_the_state_of_the_plan(start, plan, text):
    commands = await start(users=3)
    user = commands.find_user()
    commands.tenant.change_user(user["index"], "set_plan", plan=plan)

    shown = await commands.user(user["upn"])

    assert (shown.code, "notLicensed:" in shown.text) == (1, True)
    assert text in shown.words
    assert "Give the user a licence" in shown.text
    assert "policy" not in shown.text.replace("Bookings plan", "")


@pytest.mark.parametrize("refusal", [{"exchange": {"role": None}}, {"sign_in": {"exchange_roles": ()}}])
async def test_unavailable_exchange_is_reported_and_not_read_as_allowed(start, refusal):
    commands = await start(refusal, users=len(EVERY), mix=EVERY)
    user = commands.find_user(policy=MailboxPolicy.BLOCKED, page=Page.MISSING_404, mailbox=Mailbox.NORMAL)

    shown = await commands.user(user["upn"])

    assert "notSetUp:" in shown.text
    assert "unknown: the EWS settings of the organisation are not known" in shown.words
    assert "a policy may forbid it; that is not known" in shown.words
    assert "Exchange.ManageAsApp" in shown.words
    assert "Set-CASMailbox" not in shown.text


async def test_a_user_is_found_by_upn_object_id_and_page_address(start):
    commands = await start(users=len(EVERY), mix=EVERY)
    user = commands.find_user(page=Page.PUBLIC_ONE, policy=MailboxPolicy.INHERIT, mailbox=Mailbox.NORMAL)
    address = f"https://outlook.office.com{user['expected']['url_path']}?anonymous"

    for who in (user["upn"], user["upn"].upper(), user["id"], address, address.replace("@", "%40")):
        shown = await commands.user(who)
        assert (shown.code, f"<{user['upn']}>" in shown.text) == (0, True), who


@pytest.mark.parametrize("who", ["nobody@contoso.com", "00000000-0000-4000-8000-000000000001"])
async def test_a_missing_user_is_reported_in_one_line(start, who):
    shown = await (await start(users=1)).user(who)

    assert (shown.code, shown.text) == (1, "")
    assert shown.errors == f"{who}: Microsoft Entra has no such user.\n"


@pytest.mark.parametrize(
    "who", ["", "x", "a@b", "a b@contoso.com", "https://book.ms/x", "https://example.com/", "[bold]@x"]
)
async def test_an_invalid_reference_exits_with_2_before_any_request(start, who):
    commands = await start(users=1)

    shown = await commands.user(who)

    assert (shown.code, shown.text) == (2, "")
    assert "does not identify a user" in shown.errors
    assert repr(who) in shown.errors
    assert commands.tenant.metrics()["services"] == {}


@pytest.mark.parametrize(("status", "word"), [(403, "refused"), (503, "unreachable"), (429, "throttled")])
async def test_an_unavailable_directory_is_reported_with_its_reason(start, status, word):
    commands = await start(users=1)
    commands.tenant.add_fault(Fault("graph", status=status, times=None))

    shown = await commands.user("adele@contoso.com")

    assert (shown.code, shown.text) == (1, "")
    assert f"adele@contoso.com could not be looked up ({word}): " in shown.errors


async def test_control_characters_in_a_name_are_replaced(start):
    commands = await start(users=1)
    user = commands.find_user()
    plan = {"servicePlanId": "199a5c09-e0ca-4e37-8f7c-b05d533e1ea2", "capabilityStatus": "Enabled"}
    name = "Ad\x1b[2J\x1b]0;x\x07e\u202ele\r\x9b1A\nstatus published [bold]V[/bold]"
    record = {"id": user["id"], "userPrincipalName": user["upn"], "displayName": name, "assignedPlans": [plan]}
    commands.tenant.add_fault(Fault("graph.user", status=200, body=json.dumps(record)))

    shown = await commands.user(user["upn"])

    assert {sign for sign in shown.text if not sign.isprintable()} == {"\n"}
    assert "[bold]V[/bold]" in shown.text
    assert [line for line in shown.text.splitlines() if line.strip().startswith("status published")] == []


async def test_control_characters_in_an_error_are_replaced(start):
    commands = await start(users=1)
    body = json.dumps({"error": {"code": "Odd\x1b[2J", "message": "x"}})
    commands.tenant.add_fault(Fault("graph.user", status=404, times=None, body=body))

    shown = await commands.user("ad\x1b[2Jele@contoso.com")

    assert shown.code == 1
    assert "Odd" not in shown.errors
    assert "could not be looked up" in shown.errors
    assert {sign for sign in shown.errors if not sign.isprintable()} == {"\n"}


async def test_a_user_is_found_by_the_beginning_of_the_name(start):
    commands = await start(users=len(EVERY), mix=EVERY)
    user = commands.find_user(page=Page.PUBLIC_ONE)
    name = user["display_name"]

    shown = await commands.user(f" {name.upper()} ")

    assert f"<{user['upn']}>" in shown.text, shown.errors


async def test_a_name_that_several_users_have_lists_them(start):
    commands = await start(users=40)
    users = commands.tenant.control.users(0, 5000, licensed=True)

    several = await commands.user(commonest_prefix(users))

    assert (several.code, several.text) == (2, "")
    assert several.errors.startswith("Several users match ")
    assert several.errors.count("@") > 1
    assert commands.tenant.metrics()["writes"] == []


def commonest_prefix(users):
    """Two letters with which several UPNs begin."""
    return Counter(user["upn"][:2] for user in users).most_common(1)[0][0]


@pytest.mark.parametrize("name", ["O'Nobody", "') or startswith(mail,'", "nobody\x1b[2J"])
async def test_a_name_that_no_user_has_is_reported(start, name):
    commands = await start(users=5)

    shown = await commands.user(name)

    assert (shown.code, shown.text) == (1, "")
    assert "no user's name begins with this" in shown.errors
    assert {sign for sign in shown.errors if not sign.isprintable()} == {"\n"}
