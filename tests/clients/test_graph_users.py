"""Microsoft Graph's list of licensed users: every page, expired links, refusals and malformed records."""

import pytest
from aiohttp import web

from atlas.microsoft365.connections import open_http, trusted_authorities
from atlas.microsoft365.failures import ListingExpired, NotUnderstood, Refused, Throttled, Unreachable
from atlas.microsoft365.graph import (
    MIN_RECORDS_TO_JUDGE,
    parse_users_page,
)
from local.simulator import Fault
from tests.clients.graph_users import BASE, USER, graph_of
from tests.clients.serving import serving


async def list_users(clients, size=999):
    pages, link = [], None
    while True:
        page = await clients.graph.get_licensed_page(link, size)
        pages.append(page)
        if page.next_link is None:
            return pages
        link = page.next_link


async def test_all_pages_of_the_listing_are_read(start):
    clients = await start({"graph": {"max_page_size": 20, "duplicate_across_pages": True}}, users=70)

    pages = await list_users(clients)

    users = {user.user_id: user for page in pages for user in page.users}
    expected = {user["id"]: user for user in clients.licensed_users()}
    assert set(users) == set(expected)
    assert len(expected) == 70
    assert {user_id: user.upn for user_id, user in users.items()} == {key: one["upn"] for key, one in expected.items()}
    assert any(page.users == () and page.next_link for page in pages)
    assert [page.total is None for page in pages] == [False, *[True] * (len(pages) - 1)]
    assert len(pages) > 4


async def test_only_users_with_a_usable_plan_are_listed(start):
    clients = await start(users=40, stale=20)

    (page,) = await list_users(clients)

    assert {user.user_id for user in page.users} == {user["id"] for user in clients.licensed_users()}
    assert page.total == 60
    assert {user["plan"] for user in clients.licensed_users()} == {"Enabled", "Warning"}


async def test_a_link_to_another_host_is_not_understood(start):
    clients = await start({"graph": {"max_page_size": 5, "foreign_next_link": True}}, users=20)

    with pytest.raises(NotUnderstood, match="another host"):
        await clients.graph.get_licensed_page(None)


async def test_an_expired_link_ends_the_listing(start):
    clients = await start({"graph": {"max_page_size": 5}}, users=20)
    page = await clients.graph.get_licensed_page(None)
    clients.tenant.add_fault(Fault("graph.users.next", status=400, error="Directory_ExpiredPageToken"))

    with pytest.raises(ListingExpired):
        await clients.graph.get_licensed_page(page.next_link)


async def test_another_bad_request_is_not_an_expired_link(start):
    clients = await start(users=2)
    clients.tenant.add_fault(Fault("graph.users", status=400, error="Request_BadRequest"))

    with pytest.raises(NotUnderstood):
        await clients.graph.get_licensed_page(None)


async def test_a_refusal_is_not_an_empty_tenant(start):
    clients = await start({"sign_in": {"graph_roles": ()}}, users=5)

    with pytest.raises(Refused, match=r"User\.Read\.All"):
        await clients.graph.get_licensed_page(None)


@pytest.mark.parametrize(
    ("fault", "failure", "attempts"),
    [
        (Fault("graph.users", status=503, times=2), None, 3),
        (Fault("graph.users", status=429, retry_after="1", times=2), None, 3),
        (Fault("graph.users", status=0, times=1), None, 2),
        (Fault("graph.users", status=504, times=None), Unreachable, 3),
        (Fault("graph.users", status=429, times=None), Throttled, 3),
        (Fault("graph.users", status=429, retry_after="60", times=None), Throttled, 1),
        (Fault("graph.users", status=503, retry_after="60", times=None), Throttled, 1),
        (Fault("graph.users", status=200, body="<html>", times=None), NotUnderstood, 1),
    ],
)
async def test_transient_failures_are_retried_and_others_raised(start, fault, failure, attempts):
    clients = await start(users=4)
    clients.tenant.add_fault(fault)

    if failure:
        with pytest.raises(failure):
            await clients.graph.get_licensed_page(None)
    else:
        assert len((await clients.graph.get_licensed_page(None)).users) == 4

    assert clients.request_count("graph", "users") == attempts


async def test_a_long_wait_is_returned_to_the_caller(start):
    clients = await start(users=1)
    clients.tenant.add_fault(Fault("graph.users", status=429, retry_after="61.5"))

    with pytest.raises(Throttled) as caught:
        await clients.graph.get_licensed_page(None)

    assert caught.value.wait_seconds == 61.5


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        None,
        "text",
        {"value": None},
        {"value": ""},
        {"value": {}},
        {"value": {"a": 1}},
        {"value": [{}] * MIN_RECORDS_TO_JUDGE},
        {"value": [], "@odata.nextLink": 7},
    ],
)
def test_a_malformed_page_is_not_understood(document):
    with pytest.raises(NotUnderstood):
        parse_users_page(document, BASE)


def test_a_user_is_listed_once_with_a_lower_case_id():
    page = parse_users_page({"value": [USER, USER]}, BASE)

    assert [user.user_id for user in page.users] == ["6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0"]
    assert page.users[0].mail is None
    assert page.users[0].account_enabled is None


@pytest.mark.parametrize("rest", ["\x00", "\ud83d", "x" * 70_000])
async def test_an_invalid_link_is_not_understood(rest):
    def respond(_):
        return web.json_response({"value": [], "@odata.nextLink": f"{base[0]}/v1.0/users?$skiptoken={rest}"})

    base = []
    async with serving(respond) as served, open_http(trusted_authorities(None)) as http:
        base.append(served.url)
        graph = graph_of(http, served.url)
        page = await graph.get_licensed_page(None)
        with pytest.raises(NotUnderstood, match="an invalid address"):
            await graph.get_licensed_page(page.next_link)


async def test_every_page_is_requested_with_the_consistency_header():
    def respond(request):
        link = None if "skiptoken" in request.raw_path else f"{base[0]}/v1.0/users?$skiptoken=x"
        return web.json_response({"value": [USER], "@odata.nextLink": link})

    base = []
    async with serving(respond) as served, open_http(trusted_authorities(None)) as http:
        base.append(served.url)
        graph = graph_of(http, served.url)
        page = await graph.get_licensed_page(None)
        await graph.get_licensed_page(page.next_link)

    assert [headers["consistencylevel"] for _, _, headers, _ in served.requests] == ["eventual", "eventual"]
    assert [headers["authorization"] for _, _, headers, _ in served.requests] == ["Bearer a-token"] * 2
    assert " " not in served.paths[0]
