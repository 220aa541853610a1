"""Single accounts in Microsoft Graph: their licence, and when a user does not exist."""

import asyncio

import pytest
from aiohttp import web

from atlas.domain.unknown import Reason, Unknown
from atlas.microsoft365.connections import open_http, trusted_authorities
from atlas.microsoft365.failures import NotUnderstood
from atlas.microsoft365.graph import (
    parse_account,
    parse_users_page,
)
from tests.clients.graph_users import BASE, PLAN, USER, graph_of
from tests.clients.serving import serving


@pytest.fixture(autouse=True)
def batches_without_waiting(monkeypatch):
    monkeypatch.setattr("atlas.microsoft365.batches.DEFAULT_WAIT_SECONDS", 0)


@pytest.mark.parametrize(
    ("status", "is_licensed"),
    [
        ("Enabled", True),
        ("Warning", True),
        ("enabled", True),
        ("Suspended", False),
        ("Deleted", False),
        ("LockedOut", False),
    ],
)
def test_a_plan_counts_while_it_is_usable(status, is_licensed):
    assert parse_account({**USER, "assignedPlans": [{**PLAN, "capabilityStatus": status}]}).is_licensed is is_licensed


def test_one_usable_plan_entry_is_enough():
    plans = [{**PLAN, "capabilityStatus": "Deleted"}, {**PLAN, "servicePlanId": PLAN["servicePlanId"].upper()}]

    assert parse_account({**USER, "assignedPlans": plans}).is_licensed


@pytest.mark.parametrize(
    "plan",
    [
        {},
        {"servicePlanId": None, "capabilityStatus": None},
        {"servicePlanId": "no GUID", "capabilityStatus": "Enabled"},
        {"servicePlanId": 7, "capabilityStatus": ["Enabled"]},
        {"servicePlanId": "c7df2760-2c81-4ef7-b578-5b5392b571df", "capabilityStatus": None},
    ],
)
def test_a_malformed_plan_of_another_product_does_not_matter(plan):
    page = parse_users_page({"value": [{**USER, "assignedPlans": [plan, PLAN]}]}, BASE)

    assert len(page.users) == 1
    assert not parse_account({**USER, "assignedPlans": [plan]}).is_licensed


@pytest.mark.parametrize("state", [None, 7, []])
def test_a_bookings_plan_without_a_state_is_not_understood(state):
    for user in (
        {**USER, "assignedPlans": [{**PLAN, "capabilityStatus": state}]},
        {**USER, "assignedPlans": [{"servicePlanId": PLAN["servicePlanId"].upper()}]},
    ):
        with pytest.raises(NotUnderstood):
            parse_account(user)


def test_lone_surrogates_in_names_are_replaced():
    names = ("userPrincipalName", "displayName", "department", "mail", "userType")

    user = parse_account({**USER, **dict.fromkeys(names, "Ad\ud83d")}).user

    assert {user.upn, user.display_name, user.department, user.mail, user.user_type} == {"Ad?"}


NO_USER = ["Request_ResourceNotFound", "ResourceNotFound"]
OTHER_404S = ["MailboxNotFound", "Request_NotFound", "", None]


def not_found(code):
    return {"error": {"code": code, "message": "?"}} if code else {}


@pytest.mark.parametrize("code", [*NO_USER, *OTHER_404S])
async def test_only_graph_itself_can_deny_a_user(code):
    """A 404 of a proxy, a route or a mailbox would otherwise make every user gone."""

    def respond(request):
        if request.path.endswith("$batch"):
            return web.json_response({"responses": [{"id": "a", "status": 404, "body": not_found(code)}]})
        return web.json_response(not_found(code), status=404)

    async with serving(respond) as served, open_http(trusted_authorities(None)) as http:
        graph = graph_of(http, served.url)
        many = await graph.get_accounts(["a"])
        if code in NO_USER:
            assert await graph.get_account("a") is None
            assert many["a"] is None
            return
        with pytest.raises(NotUnderstood, match="404"):
            await graph.get_account("a")

    assert isinstance(many["a"], Unknown)
    assert many["a"].reason is Reason.NOT_UNDERSTOOD


async def test_a_404_web_page_does_not_deny_a_user():
    async with (
        serving(lambda _: web.Response(status=404, text="<html>", content_type="text/html")) as served,
        open_http(trusted_authorities(None)) as http,
    ):
        with pytest.raises(NotUnderstood, match="without a code"):
            await graph_of(http, served.url).get_account("a")


async def test_accounts_are_found_by_id_and_upn(start):
    clients = await start(users=40)
    special = [user for user in clients.licensed_users() if set(user["upn"]) & set("#'+")]

    for user in [*clients.licensed_users()[:2], *special]:
        by_id, by_upn = await asyncio.gather(*(clients.graph.get_account(user[key]) for key in ("id", "upn")))
        assert by_id == by_upn
        assert by_id is not None
        assert (by_id.user.user_id, by_id.is_licensed) == (user["id"], True)
    assert special
    assert await clients.graph.get_account("nobody@contoso.com") is None
    assert await clients.graph.get_account("00000000-1111-4222-8333-444444444444") is None


async def test_many_accounts_are_requested_in_batches(start):
    clients = await start(users=45, stale=8)
    users = clients.tenant.users(top=60)
    deleted = clients.tenant.user(0).object_id
    clients.tenant.change_user(0, "delete")

    accounts = await clients.graph.get_accounts([user["id"] for user in users])

    assert accounts[deleted] is None
    for user in users[1:]:
        account = accounts[user["id"]]
        assert account is not None
        assert account.is_licensed == (user["expected"]["status"] != "notLicensed")
    assert clients.request_count("graph", "batch") == -(-len(users) // 20)
