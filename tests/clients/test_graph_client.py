"""Microsoft Graph as the product asks it: the whole list of licensed users, single accounts, mailbox GUIDs in bulk."""

import asyncio
import json
from uuid import UUID

import pytest
from aiohttp import web

from atlas.domain.mailboxes import Mailbox, NoMailbox
from atlas.domain.unknown import Reason, Unknown
from atlas.microsoft365.batches import MAX_BATCH_ATTEMPTS, parse_batch
from atlas.microsoft365.calls import ApiClient
from atlas.microsoft365.connections import open_http, trusted_authorities
from atlas.microsoft365.failures import ListingExpired, NotUnderstood, Refused, Throttled, Unreachable
from atlas.microsoft365.graph import (
    MIN_RECORDS_TO_JUDGE,
    Graph,
    parse_account,
    parse_mailbox,
    parse_users_page,
)
from atlas.microsoft365.signed_calls import SignedApiClient
from local.simulator import Fault
from local.simulator.user_mixes import EVERY
from tests.clients.serving import serving

BASE = "https://graph.microsoft.com"
PLAN = {"servicePlanId": "199a5c09-e0ca-4e37-8f7c-b05d533e1ea2", "capabilityStatus": "Enabled"}
USER = {
    "id": "6EA91A8D-e32e-41a1-b7bd-d2d185eed0e0",
    "userPrincipalName": "AdeleV@contoso.com",
    "displayName": "Adele Vance",
    "assignedPlans": [PLAN],
}


@pytest.fixture(autouse=True)
def batches_without_waiting(monkeypatch):
    monkeypatch.setattr("atlas.microsoft365.batches.DEFAULT_WAIT_SECONDS", 0)


class TokenSource:
    """Returns a token without any request."""

    def __init__(self):
        self.requested = 0

    async def token(self, scope):
        self.requested += 1
        return "a-token"

    def discard(self, scope, rejected):
        raise AssertionError("nothing was rejected")


def graph_of(http, url):
    return Graph(SignedApiClient(ApiClient(http), TokenSource(), "scope", url))


async def listed(clients, size=999):
    pages, link = [], None
    while True:
        page = await clients.graph.get_licensed_page(link, size)
        pages.append(page)
        if page.next_link is None:
            return pages
        link = page.next_link


async def test_all_pages_of_the_listing_are_read(start):
    clients = await start({"graph": {"max_page_size": 20, "duplicate_across_pages": True}}, users=70)

    pages = await listed(clients)

    users = {user.user_id: user for page in pages for user in page.users}
    expected = {user["id"]: user for user in clients.licensed()}
    assert set(users) == set(expected)
    assert len(expected) == 70
    assert {user_id: user.upn for user_id, user in users.items()} == {key: one["upn"] for key, one in expected.items()}
    assert any(page.users == () and page.next_link for page in pages)
    assert [page.total is None for page in pages] == [False, *[True] * (len(pages) - 1)]
    assert len(pages) > 4


async def test_only_users_with_a_usable_plan_are_listed(start):
    clients = await start(users=40, stale=20)

    (page,) = await listed(clients)

    assert {user.user_id for user in page.users} == {user["id"] for user in clients.licensed()}
    assert page.total == 60
    assert {user["plan"] for user in clients.licensed()} == {"Enabled", "Warning"}


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
    "odd",
    [
        {},
        {"servicePlanId": None, "capabilityStatus": None},
        {"servicePlanId": "no GUID", "capabilityStatus": "Enabled"},
        {"servicePlanId": 7, "capabilityStatus": ["Enabled"]},
        {"servicePlanId": "c7df2760-2c81-4ef7-b578-5b5392b571df", "capabilityStatus": None},
    ],
)
def test_a_malformed_plan_of_another_product_does_not_matter(odd):
    page = parse_users_page({"value": [{**USER, "assignedPlans": [odd, PLAN]}]}, BASE)

    assert len(page.users) == 1
    assert not parse_account({**USER, "assignedPlans": [odd]}).is_licensed


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
    """A 404 of a proxy, a route or a mailbox would otherwise call everybody gone."""

    def answer(request):
        if request.path.endswith("$batch"):
            return web.json_response({"responses": [{"id": "a", "status": 404, "body": not_found(code)}]})
        return web.json_response(not_found(code), status=404)

    async with serving(answer) as served, open_http(trusted_authorities(None)) as http:
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


@pytest.mark.parametrize("rest", ["\x00", "\ud83d", "x" * 70_000])
async def test_an_invalid_link_is_not_understood(rest):
    def answer(_):
        return web.json_response({"value": [], "@odata.nextLink": f"{base[0]}/v1.0/users?$skiptoken={rest}"})

    base = []
    async with serving(answer) as served, open_http(trusted_authorities(None)) as http:
        base.append(served.url)
        graph = graph_of(http, served.url)
        page = await graph.get_licensed_page(None)
        with pytest.raises(NotUnderstood, match="an invalid address"):
            await graph.get_licensed_page(page.next_link)


async def test_accounts_are_found_by_id_and_upn(start):
    clients = await start(users=40)
    odd = [user for user in clients.licensed() if set(user["upn"]) & set("#'+")]

    for user in [*clients.licensed()[:2], *odd]:
        by_id, by_upn = await asyncio.gather(*(clients.graph.get_account(user[key]) for key in ("id", "upn")))
        assert by_id == by_upn
        assert by_id is not None
        assert (by_id.user.user_id, by_id.is_licensed) == (user["id"], True)
    assert odd
    assert await clients.graph.get_account("nobody@contoso.com") is None
    assert await clients.graph.get_account("00000000-1111-4222-8333-444444444444") is None


async def test_many_accounts_are_requested_in_batches(start):
    clients = await start(users=45, stale=8)
    everybody = clients.tenant.users(top=60)
    deleted = clients.tenant.user(0).object_id
    clients.tenant.change_user(0, "delete")

    accounts = await clients.graph.get_accounts([user["id"] for user in everybody])

    assert accounts[deleted] is None
    for user in everybody[1:]:
        account = accounts[user["id"]]
        assert account is not None
        assert account.is_licensed == (user["expected"]["status"] != "notLicensed")
    assert clients.request_count("graph", "batch") == -(-len(everybody) // 20)


async def test_mailbox_guids_are_requested_in_batches(start):
    clients = await start(users=65, mix=EVERY)
    users = clients.licensed()

    mailboxes = await clients.graph.get_mailboxes([user["id"] for user in users])

    for user in users:
        truth = clients.tenant.expected(user["id"], exchange=False)
        mailbox = mailboxes[user["id"]]
        if truth.status == "noMailbox":
            assert mailbox == NoMailbox()
        elif user["mailbox"] == "guidNotInGraph":
            assert isinstance(mailbox, Unknown)
            assert mailbox.reason is Reason.NOT_UNDERSTOOD
        else:
            assert mailbox == Mailbox(UUID(truth.mailbox_guid))


async def test_only_failed_parts_are_retried(start):
    clients = await start(users=20)
    ids = [user["id"] for user in clients.licensed()]
    clients.tenant.add_fault(Fault("graph.part.settings", status=429, retry_after="0", times=5))
    clients.tenant.add_fault(Fault("graph.part.settings", status=504, times=4))

    mailboxes = await clients.graph.get_mailboxes(ids)

    assert not [mailbox for mailbox in mailboxes.values() if isinstance(mailbox, Unknown)]
    assert clients.request_count("graph", "batch") <= MAX_BATCH_ATTEMPTS
    assert clients.request_count("graph", "part.settings") == 20 + 9


async def test_each_failed_part_is_unknown_on_its_own(start):
    clients = await start(users=20)
    ids = [user["id"] for user in clients.licensed()]
    clients.tenant.add_fault(Fault("graph.part.settings", status=429, retry_after="0", times=None, probability=0.5))

    mailboxes = await clients.graph.get_mailboxes(ids)

    unknown = [mailbox for mailbox in mailboxes.values() if isinstance(mailbox, Unknown)]
    assert list(mailboxes) == ids
    assert {mailbox.reason for mailbox in unknown} <= {Reason.THROTTLED}
    assert len(unknown) < 20


async def test_a_part_with_a_long_wait_is_unknown(start):
    clients = await start(users=3)
    clients.tenant.add_fault(Fault("graph.part.settings", status=429, retry_after="300", times=None))

    mailboxes = await clients.graph.get_mailboxes([user["id"] for user in clients.licensed()])

    assert {mailbox.reason for mailbox in mailboxes.values()} == {Reason.THROTTLED}
    assert clients.request_count("graph", "batch") == 1


async def test_refused_parts_name_the_permission(start):
    clients = await start({"sign_in": {"graph_roles": ()}}, users=3)

    mailboxes = await clients.graph.get_mailboxes([user["id"] for user in clients.licensed()])

    assert {mailbox.reason for mailbox in mailboxes.values()} == {Reason.REFUSED}
    assert all("User.Read.All" in mailbox.detail for mailbox in mailboxes.values())


async def test_a_nonexistent_user_has_an_unknown_mailbox(start):
    clients = await start(users=1)
    nobody = "00000000-1111-4222-8333-444444444444"

    mailboxes = await clients.graph.get_mailboxes([nobody])

    assert isinstance(mailboxes[nobody], Unknown)


@pytest.mark.parametrize(
    "text",
    [
        "MBX:e0643f21@a7809c93",
        "e0643f21-7a2b-4c1d-9f3e-5b8a1c2d3e4f",
        "",
        None,
        7,
        "MBX:zz643f21-7a2b-4c1d-9f3e-5b8a1c2d3e4f@x",
    ],
)
def test_an_incomplete_mailbox_id_is_not_understood(text):
    with pytest.raises(NotUnderstood):
        parse_mailbox({"primaryMailboxId": text})


def test_an_all_zero_mailbox_guid_means_no_mailbox():
    assert parse_mailbox({"primaryMailboxId": f"MBX:{UUID(int=0)}@{UUID(int=7)}"}) == NoMailbox()


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"responses": None},
        {"responses": "text"},
    ],
)
def test_a_malformed_batch_is_not_understood(document):
    with pytest.raises(NotUnderstood):
        parse_batch(document, BASE)


MAILBOX_BODY = {"primaryMailboxId": "MBX:e0643f21-7a2b-4c1d-9f3e-5b8a1c2d3e4f@a7809c93-1111-4222-8333-944445555666"}
MALFORMED_PARTS = [
    None,
    {"id": "a"},
    {"status": 200},
    {"id": "a", "status": "soon"},
    {"id": ["a"], "status": 200},
    {"id": "a", "status": 200, "headers": ["x"]},
]


@pytest.mark.parametrize("part", MALFORMED_PARTS)
@pytest.mark.parametrize("alone", [200, 404])
async def test_a_malformed_part_is_requested_alone(part, alone):
    def answer(request):
        if request.path.endswith("$batch"):
            return web.json_response({"responses": [part, {"id": "b", "status": 200, "body": MAILBOX_BODY}]})
        return web.json_response(MAILBOX_BODY if alone == 200 else {}, status=alone)

    async with serving(answer) as served, open_http(trusted_authorities(None)) as http:
        mailboxes = await graph_of(http, served.url).get_mailboxes(["a", "b"])

    assert isinstance(mailboxes["a"], Mailbox if alone == 200 else Unknown)
    assert mailboxes["b"] == Mailbox(UUID("e0643f21-7a2b-4c1d-9f3e-5b8a1c2d3e4f"))
    assert [path.rpartition("/v1.0")[2] for path in served.paths] == ["/$batch", "/users/a/settings/exchange"]


async def test_every_page_is_requested_with_the_consistency_header():
    def answer(request):
        link = None if "skiptoken" in request.raw_path else f"{base[0]}/v1.0/users?$skiptoken=x"
        return web.json_response({"value": [USER], "@odata.nextLink": link})

    base = []
    async with serving(answer) as served, open_http(trusted_authorities(None)) as http:
        base.append(served.url)
        graph = graph_of(http, served.url)
        page = await graph.get_licensed_page(None)
        await graph.get_licensed_page(page.next_link)

    assert [headers["consistencylevel"] for _, _, headers, _ in served.requests] == ["eventual", "eventual"]
    assert [headers["authorization"] for _, _, headers, _ in served.requests] == ["Bearer a-token"] * 2
    assert " " not in served.paths[0]


async def test_a_batch_has_at_most_twenty_parts():
    def answer(_):
        parts = [{"id": str(n), "status": 200, "body": MAILBOX_BODY} for n in range(45)]
        return web.json_response({"responses": parts})

    async with serving(answer) as served, open_http(trusted_authorities(None)) as http:
        await graph_of(http, served.url).get_mailboxes([str(n) for n in range(45)])

    assert sorted(len(json.loads(body)["requests"]) for *_, body in served.requests) == [5, 20, 20]
