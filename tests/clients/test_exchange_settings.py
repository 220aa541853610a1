"""The settings of Exchange: parsed as it writes them, and read with the permissions that each request requires."""

from datetime import UTC, datetime

import pytest
from aiohttp import web

from atlas.domain.ews_settings import AGENT, Access, EwsScope
from atlas.domain.owa_policies import OwaPolicy
from atlas.microsoft365.connections import open_http, trusted_authorities
from atlas.microsoft365.exchange import parse_policies
from atlas.microsoft365.exchange_settings import parse_allowed_app_ids, parse_organization, parse_owa_policies
from atlas.microsoft365.failures import NotUnderstood, Refused
from local.simulator import Fault, MailboxPolicy
from local.simulator.user_mixes import EVERY
from tests.clients.serving import serving
from tests.clients.test_exchange_client import exchange_of

BASE = "https://outlook.office365.com"
TENANT = "a7809c93-1111-4222-8333-944445555666"
USER_ID = "6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0"
ACCESS = {
    MailboxPolicy.INHERIT: EwsScope(Access.ALLOW, None, True),
    MailboxPolicy.BLOCKED: EwsScope(Access.BLOCK, "EnforceBlockList", True, (AGENT,)),
    MailboxPolicy.BLOCKS_ANOTHER: EwsScope(Access.ALLOW, "EnforceBlockList", True),
    MailboxPolicy.LIST_WITHOUT_POLICY: EwsScope(Access.ALLOW, None, True, (AGENT,)),
    MailboxPolicy.NOT_ON_ALLOW_LIST: EwsScope(Access.BLOCK, "EnforceAllowList", True),
    MailboxPolicy.ALLOWED_BY_WILDCARD: EwsScope(Access.ALLOW, "EnforceAllowList", True, ("microsoftows*",)),
    MailboxPolicy.EWS_DISABLED: EwsScope(Access.BLOCK, "EnforceBlockList", False, (AGENT,)),
    MailboxPolicy.UNRECOGNIZED: EwsScope(Access.UNKNOWN, "EnforceSomethingNew", True),
}


async def test_all_mailbox_policies_are_listed(start):
    clients = await start({"exchange": {"max_page_size": 20}}, users=70, mix=EVERY)
    scopes, link, pages = {}, None, 0
    while pages == 0 or link:
        page = await clients.exchange.get_policies_page(link)
        scopes, link, pages = scopes | page.scopes, page.next_link, pages + 1

    user_ids = [user["id"] for user in clients.licensed_users() if clients.tenant.user(user["id"]).has_mailbox]
    assert pages >= 3
    assert {user_id: scopes[user_id] for user_id in user_ids} == {
        user_id: ACCESS[clients.tenant.user(user_id).policy] for user_id in user_ids
    }
    assert {clients.tenant.user(user_id).policy for user_id in user_ids} == set(MailboxPolicy)
    assert await clients.exchange.get_policy(user_ids[0]) == scopes[user_ids[0]]


async def test_a_user_without_a_mailbox_has_no_policy(start):
    clients = await start(users=2)

    assert await clients.exchange.get_policy("00000000-0000-4000-8000-000000000001") is None


async def test_a_truncated_listing_of_policies_is_a_failure(start):
    clients = await start({"exchange": {"warnings": ("There are more results available.",)}}, users=9)

    with pytest.raises(NotUnderstood, match="truncated"):
        await clients.exchange.get_policies_page(None)


@pytest.mark.parametrize(
    "row",
    [
        None,
        {"EwsEnabled": "perhaps"},
        {"EwsApplicationAccessPolicy": 7},
        {"EwsBlockList": AGENT},
        {"EwsBlockList": [None]},
        {"ExternalDirectoryObjectId": 7},
    ],
)
def test_malformed_mailbox_settings_are_reported(row):
    listed = parse_policies({"value": [row, {"ExternalDirectoryObjectId": USER_ID, "EwsEnabled": True}]})

    assert listed.problems()
    assert set(listed.records) == {USER_ID}


@pytest.mark.parametrize(
    ("row", "scope"),
    [
        ({"EwsApplicationAccessPolicy": None}, EwsScope(Access.ALLOW)),
        ({"EwsEnabled": None, "EwsApplicationAccessPolicy": "", "EwsBlockList": []}, EwsScope(Access.ALLOW)),
        (
            {"EwsApplicationAccessPolicy": "EnforceAllowList", "EwsAllowList@odata.type": "#Collection(String)"},
            EwsScope(Access.BLOCK, "EnforceAllowList"),
        ),
        (
            {"EwsApplicationAccessPolicy": None, "EwsBlockList": [AGENT], "EwsEnabled": False},
            EwsScope(Access.ALLOW, None, False, (AGENT,)),
        ),
    ],
)
def test_settings_without_a_value_may_be_null_or_absent(row, scope):
    rows = [{**row, "ExternalDirectoryObjectId": USER_ID.upper()}, {**row, "ExternalDirectoryObjectId": ""}]

    assert parse_policies({"value": rows}).records == {USER_ID: scope}
    assert parse_organization({"value": [row]}).ews == scope


@pytest.mark.parametrize(
    ("returned", "changed_at"),
    [
        ("2026-11-23T08:07:47.0000000Z", datetime(2026, 11, 23, 8, 7, 47, tzinfo=UTC)),
        ("2026-11-23T08:07:47.0000000+00:00", datetime(2026, 11, 23, 8, 7, 47, tzinfo=UTC)),
        ("2026-11-23T10:07:47+02:00", datetime(2026, 11, 23, 8, 7, 47, tzinfo=UTC)),
        ("2026-11-23T08:07:47", datetime(2026, 11, 23, 8, 7, 47, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        (7, None),
        (None, None),
    ],
)
def test_the_time_of_the_last_change_is_parsed(returned, changed_at):
    row = {"EwsApplicationAccessPolicy": None, "WhenChangedUTC": returned}

    assert parse_organization({"value": [row]}).ews.changed_at == changed_at


def test_every_bookings_setting_is_kept():
    other = {"BookingsA@odata.type": "#X", "Other": 1, "EwsApplicationAccessPolicy": None}
    row = {"BookingsZ": None, "BookingsA": {"a": ["\ud83d", float("nan")]}, "BookingsEnabled": False}

    organization = parse_organization({"value": [{**other, **row}]})

    assert organization.bookings == {"BookingsA": {"a": ["?", "nan"]}, "BookingsEnabled": False, "BookingsZ": None}
    assert list(organization.bookings) == sorted(organization.bookings)
    assert organization.bookings_enabled is False


@pytest.mark.parametrize("document", [{}, [], {"value": None}, {"value": [{}]}, {"value": [{"Identity": 7}]}])
def test_malformed_owa_policies_are_not_understood(document):
    with pytest.raises(NotUnderstood):
        parse_owa_policies(document)


async def test_owa_policies_are_read(start):
    clients = await start(users=1)

    assert await clients.exchange.get_owa_policies() == (
        OwaPolicy("OwaMailboxPolicy-Default", True, True, None),
        OwaPolicy("No shared Bookings", False, False, "contoso.com"),
    )


@pytest.mark.parametrize(("ids", "returned"), [(("a", "b"), ("a", "b")), ((), ()), (None, ())])
async def test_allowed_app_ids_are_requested_separately(start, ids, returned):
    clients = await start({"organization": {"ews_allowed_app_ids": ids}}, users=1)

    assert await clients.exchange.get_allowed_app_ids() == returned


@pytest.mark.parametrize(
    ("returned", "app_ids"),
    [
        ("a, b,,c ", ("a", "b", "c")),
        (["a", " b", ""], ("a", "b")),
        ("", ()),
        ([], ()),
        (None, ()),
        (7, None),
        ([7], None),
        ({"a": "b"}, None),
    ],
)
def test_allowed_app_ids_are_a_list_or_a_comma_separated_string(returned, app_ids):
    assert parse_allowed_app_ids({"value": [{"EwsAllowedAppIDs": returned}]}) == app_ids


@pytest.mark.parametrize("rows", [[], [{}], [7]])
def test_absent_app_ids_are_unknown(rows):
    assert parse_allowed_app_ids({"value": rows}) is None


async def test_an_unsupported_app_id_request_fails_alone(start):
    clients = await start(users=1)
    clients.tenant.add_fault(Fault("exchange.Get-OrganizationConfig", status=400, error="ParameterBindingException"))

    with pytest.raises(NotUnderstood):
        await clients.exchange.get_allowed_app_ids()
    assert (await clients.exchange.get_organization()).bookings_enabled is True


def test_a_mailbox_without_settings_has_no_policy():
    rows = [{"ExternalDirectoryObjectId": USER_ID}, {"ExternalDirectoryObjectId": "other", "EwsEnabled": None}]

    assert parse_policies({"value": rows}).records == {"other": EwsScope(Access.ALLOW)}


@pytest.mark.parametrize(
    ("role", "reads"),
    [
        ("Global Reader", {"mailboxes", "policies", "proof", "organization", "owa"}),
        ("View-Only Recipients", {"mailboxes", "policies", "proof"}),
        ("View-Only Configuration", {"organization", "owa"}),
        ("Security Reader", set()),
    ],
)
async def test_each_role_reads_only_its_part(start, role, reads):
    clients = await start({"exchange": {"role": role}}, users=2)
    questions = {
        "mailboxes": lambda: clients.exchange.get_mailboxes_page(None),
        "policies": lambda: clients.exchange.get_policies_page(None),
        "proof": clients.exchange.prove_mailboxes,
        "organization": clients.exchange.get_organization,
        "owa": clients.exchange.get_owa_policies,
    }

    for name, request in questions.items():
        if name in reads:
            await request()
        else:
            with pytest.raises(Refused, match="View-Only Recipients and View-Only Configuration"):
                await request()


async def test_an_unknown_tenant_is_named_by_its_setting():
    async with serving(lambda _: web.Response(status=404)) as served, open_http(trusted_authorities(None)) as http:
        exchange = exchange_of(http, served.url)
        with pytest.raises(NotUnderstood, match="TENANT_ID"):
            await exchange.get_organization()
