"""Graph (docs/microsoft-365.md, section 2): the licence listing, single users, settings and the batch."""

import re
from urllib.parse import quote

import pytest

from local.simulator import Fault, Mailbox, Plan
from local.simulator.user_mixes import EVERY

SELECT = "id,userPrincipalName,displayName,department,mail,accountEnabled,userType,assignedPlans"
BOOKINGS_PLAN = "199a5c09-e0ca-4e37-8f7c-b05d533e1ea2"


def usable(user):
    return any(
        plan["servicePlanId"] == BOOKINGS_PLAN and plan["capabilityStatus"] in {"Enabled", "Warning"}
        for plan in user["assignedPlans"]
    )


async def test_the_tenant_has_the_planned_number_of_users(start):
    client = await start(users=137)

    users = await client.all_licensed(select=SELECT, top="50")

    assert sum(usable(user) for user in users) == 137
    assert len({user["id"] for user in users}) == len(users) > 137


async def test_the_filter_also_lists_unusable_plans(start):
    client = await start(users=20)

    stale = [user for user in await client.all_licensed(select=SELECT, top="999") if not usable(user)]

    states = [
        plan["capabilityStatus"] for user in stale for plan in user["assignedPlans"] if plan["service"] == "exchange"
    ]
    assert {"Suspended", "Deleted", "LockedOut"} <= set(states)
    assert any(BOOKINGS_PLAN not in {plan["servicePlanId"] for plan in user["assignedPlans"]} for user in stale)


async def test_licensed_users_include_guests_and_disabled_accounts(start):
    client = await start(users=400)

    users = await client.all_licensed(select=SELECT, top="999")

    upns = " ".join(user["userPrincipalName"] for user in users)
    assert {"Guest", "Member"} == {user["userType"] for user in users}
    assert {True, False} == {user["accountEnabled"] for user in users}
    assert "#EXT#" in upns
    assert "'" in upns
    assert "+" in upns
    assert any(not user["displayName"].isascii() for user in users)
    assert any(
        user["mail"] and user["mail"].split("@")[1].lower() != user["userPrincipalName"].split("@")[1] for user in users
    )


async def test_the_listing_requires_the_consistency_header(start):
    client = await start(users=5)
    query = {"$filter": f"assignedPlans/any(a:a/servicePlanId eq {BOOKINGS_PLAN})", "$count": "true"}

    reply = await client.graph("/users", query)

    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "Request_UnsupportedQuery"


async def test_the_second_page_requires_the_header_too(start):
    client = await start(users=5)
    link = (await client.get_licensed_users(top="3")).json()["@odata.nextLink"]

    reply = await client.graph(link)

    assert reply.status_code == 400


@pytest.mark.parametrize(
    "params",
    [{"top": "1000"}, {"top": "0"}, {"skip": "3"}, {"filter": "nonsense"}, {"select": "shoeSize"}],
)
async def test_an_invalid_query_is_rejected(start, params):
    client = await start(users=5)

    reply = await client.get_licensed_users(**params)

    assert reply.status_code == 400


async def test_the_default_page_size_is_100(start):
    client = await start(users=150)

    page = (await client.get_licensed_users()).json()

    assert len(page["value"]) == 100


async def test_an_empty_page_can_have_a_next_link(start):
    client = await start(users=20)

    first = (await client.get_licensed_users(top="10")).json()
    second = (await client.get_licensed_users(first["@odata.nextLink"])).json()

    assert second["value"] == []
    assert "@odata.nextLink" in second
    assert "@odata.count" in first
    assert "@odata.count" not in second


async def test_a_user_may_come_twice_across_pages(start):
    client = await start({"graph": {"duplicate_across_pages": True}}, users=20)

    users = await client.all_licensed(top="10")

    assert len(users) == len({user["id"] for user in users}) + 1


async def test_a_next_link_may_point_to_another_host(start):
    client = await start({"graph": {"foreign_next_link": True}}, users=20)

    link = (await client.get_licensed_users(top="10")).json()["@odata.nextLink"]

    assert not link.startswith(client.settings["GRAPH_URL"])


async def test_plans_are_returned_only_if_selected(start):
    client = await start(users=5)

    user = (await client.get_licensed_users(select="id")).json()["value"][0]

    assert set(user) == {"id"}


async def test_a_page_token_can_expire(start):
    client = await start(users=20)
    client.tenant.add_fault(Fault("graph.users.next", status=400, error="Directory_ExpiredPageToken"))

    first = (await client.get_licensed_users(top="10")).json()
    reply = await client.get_licensed_users(first["@odata.nextLink"])

    assert reply.json()["error"]["code"] == "Directory_ExpiredPageToken"
    assert (await client.get_licensed_users(first["@odata.nextLink"])).status_code == 200


async def test_the_count_is_plain_text(start):
    client = await start(users=7, stale=4, unlicensed=2)

    reply = await client.graph("/users/$count", ConsistencyLevel="eventual")

    assert reply.text == "13"
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert (await client.graph("/users/$count")).status_code == 400
    assert (
        await client.graph("/users/$count", ConsistencyLevel="eventual", Accept="application/json")
    ).status_code == 415


async def test_every_user_is_found_by_id_and_by_encoded_upn(start):
    client = await start(users=120)

    for user in await client.all_licensed(top="999"):
        by_upn = await client.graph(f"/users/{quote(user['userPrincipalName'], safe='')}", {"$select": SELECT})
        by_id = await client.graph(f"/users/{user['id']}", {"$select": SELECT})
        assert by_upn.json()["id"] == by_id.json()["id"] == user["id"]


@pytest.mark.parametrize(
    "key", ["nobody@contoso.com", "6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0", "adele.vance3@contoso.com"]
)
async def test_an_unknown_user_is_not_found(start, key):
    client = await start(users=5)

    reply = await client.graph(f"/users/{key}")

    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "Request_ResourceNotFound"


async def test_settings_contain_the_guid_in_any_case(start):
    client = await start(users=60)
    seen = set()

    for shown in client.tenant.users(0, 60, exchange=False):
        reply = await client.graph(f"/users/{shown['id']}/settings/exchange")
        if reply.status_code == 200 and "primaryMailboxId" in reply.json():
            mailbox_id = reply.json()["primaryMailboxId"]
            assert re.fullmatch("mbx:([0-9a-f-]{36})@([0-9a-f-]{36})", mailbox_id, re.IGNORECASE)
            assert mailbox_id.lower() == f"mbx:{shown['expected']['mailbox_guid']}@{client.tenant.tenant_id}"
            seen.add(mailbox_id[:3])
    assert len(seen) > 1


async def test_settings_may_lack_the_mailbox(start):
    client = await start(users=len(EVERY), mix=EVERY)
    users = {user["mailbox"]: user["id"] for user in client.tenant.users(0, len(EVERY))}

    replies = {kind: await client.graph(f"/users/{key}/settings/exchange") for kind, key in users.items()}

    assert set(replies) == set(Mailbox)
    assert "primaryMailboxId" not in replies[Mailbox.GUID_NOT_IN_GRAPH].json()
    for kind in (Mailbox.NONE, Mailbox.ON_PREMISES, Mailbox.EMPTY_GUID):
        assert replies[kind].status_code == 404
        assert replies[kind].json()["error"]["code"] == "MailboxNotEnabledForRESTAPI"


async def test_batch_responses_come_in_any_order(start):
    client = await start(users=20)
    ids = [user["id"] for user in client.tenant.users(0, 18)]
    client.tenant.add_fault(Fault("graph.part.settings", status=429, retry_after="2.128"))
    client.tenant.add_fault(Fault("graph.part.settings", status=429))
    client.tenant.add_fault(Fault("graph.part.settings", status=504))
    parts = [{"id": str(n), "method": "GET", "url": f"/users/{key}/settings/exchange"} for n, key in enumerate(ids)]
    parts.append({"id": "count", "method": "GET", "url": "/users/$count", "headers": {"ConsistencyLevel": "eventual"}})

    reply = await client.batch(*parts)

    responses = reply.json()["responses"]
    assert reply.status_code == 200
    assert [part["id"] for part in responses] != [part["id"] for part in parts]
    by_id = {part["id"]: part for part in responses}
    assert by_id["0"]["status"] == 429
    assert by_id["0"]["headers"]["Retry-After"] == "2.128"
    assert by_id["1"]["status"] == 429
    assert "Retry-After" not in by_id["1"]["headers"]
    assert by_id["2"]["status"] == 504
    assert by_id["count"]["status"] == 200


async def test_an_invalid_batch_is_rejected(start):
    client = await start(users=5)
    part = {"id": "1", "method": "GET", "url": "/users/$count"}

    too_many = await client.batch(*({**part, "id": str(number)} for number in range(21)))
    repeated = await client.batch(part, part)

    assert [too_many.status_code, repeated.status_code] == [400, 400]


async def test_throttling_includes_retry_after(start):
    client = await start(users=5)
    client.tenant.add_fault(Fault("graph.users", status=429, retry_after="10"))

    reply = await client.get_licensed_users()

    assert reply.status_code == 429
    assert reply.headers["Retry-After"] == "10"
    assert reply.json()["error"]["code"] == "TooManyRequests"


async def test_without_roles_graph_forbids(start):
    client = await start({"sign_in": {"graph_roles": []}}, users=5)
    key = client.tenant.user(0).object_id

    listing = await client.get_licensed_users()
    settings = await client.graph(f"/users/{key}/settings/exchange")

    assert (listing.status_code, listing.json()["error"]["code"]) == (403, "Authorization_RequestDenied")
    assert (settings.status_code, settings.json()["error"]["code"]) == (403, "ErrorAccessDenied")


async def test_expired_and_foreign_tokens_are_rejected(start, clock):
    client = await start(users=5)
    url = f"{client.settings['GRAPH_URL']}/v1.0/users"
    good = await client.token("https://graph.microsoft.com")
    other = await client.token("https://outlook.office365.com")
    clock.now += 90_000

    for token in (good, other, "nonsense"):
        reply = await client.http.get(url, headers={"Authorization": f"Bearer {token}"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")


async def test_a_lost_licence_leaves_a_deleted_plan(start):
    client = await start(users=10)
    key = client.tenant.user(3).object_id
    client.tenant.change_user(3, "lose_licence")

    users = {user["id"]: user for user in await client.all_licensed(select=SELECT)}

    assert not usable(users[key])
    assert client.tenant.user(3).plan is Plan.DELETED


async def test_the_listing_follows_deletions_and_new_licences(start):
    client = await start(users=10, stale=4)
    gone, newcomer = client.tenant.user(2).object_id, client.tenant.user(14).object_id
    client.tenant.change_user(2, "delete")
    client.tenant.change_user(14, "gain_licence")

    first = (await client.get_licensed_users(top="5", select="id")).json()
    ids = {user["id"] for user in await client.all_licensed(select="id")}

    assert gone not in ids
    assert newcomer in ids
    assert first["@odata.count"] == len(ids) == 14
    assert (await client.graph(f"/users/{gone}")).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "PUT"])
async def test_writes_are_rejected_and_recorded(start, method):
    client = await start(users=5)

    reply = await client.http.request(method, f"{client.settings['GRAPH_URL']}/v1.0/users/x")
    in_batch = await client.batch({"id": "1", "method": "DELETE", "url": "/users/x"})

    assert [reply.status_code, in_batch.status_code] == [403, 403]
    assert len(client.tenant.metrics()["writes"]) == 2
