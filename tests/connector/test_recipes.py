"""Plays the recipes of docs/power-automate.md on the whole product, as the platform would: nothing is retold here.

Requests, answers, conditions and texts are read out of the document; the simulated tenant knows who is right.
"""

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest

from api.access import EASY_AUTH_IS_ON, PRINCIPAL_HEADER, AppRole
from connector.steps import STEPS
from local.azurite import Azurite
from local.simulator import SimulatedTenant
from tests.connector.recipes import BLANK, DOCUMENT, Document, Request, recipe, requests_by_chapter, roles
from tests.connector.simulated_platform import GATEWAY, Platform, Polling
from tests.connector.test_simulated_platform import connected
from tests.connector.workflow_expressions import Run, evaluated, rendered
from tests.e2e.deployment import ROOT, UNSET, Deployment, deployed, tenant_of
from tests.forked import forked_host

SIGNATURE = recipe("A booking page in a signature")
MAIL = recipe("Mail everybody who has no page")
TEAMS = recipe("Post to a Teams channel when a page is withdrawn")
SCAN = recipe("Start a scan and wait for its end")
HTTP_PAGE = recipe("The address of a page")
HTTP_LIST = recipe("Everybody who has no page")
PREAUTHORIZED = recipe("By HTTP with Microsoft Entra ID (preauthorized)")
WRITTEN_HOST = "https://atlas-contoso.azurewebsites.net"


# A booking page in a signature


def once(text: str) -> str:
    return quote(text, safe="")


def twice(text: str) -> str:
    return once(once(text))


async def link_by_connector(platform: Platform, colleague: str) -> str:
    """The recipe with the connector: a look-up, and the expression of the step ``Link``."""
    answer = await platform.call("GetBookingPage", user=colleague)
    (documented,) = SIGNATURE.requests
    documented.assert_is(platform.sent[-1], platform.address, userEncodedTwice=twice(colleague))
    documented.answer.assert_is_like(answer)
    return str(evaluated(SIGNATURE.expressions[0], Run(outputs={"Get_booking_page": {"body": answer.json()}})))


async def link_by_http(product: Deployment, colleague: str) -> str:
    """The recipe with the action ``HTTP``."""
    address, link = HTTP_PAGE.expressions
    body = await asked_as_written(product, address, HTTP_PAGE.requests[0], colleague, userEncodedOnce=once(colleague))
    return str(evaluated(link, Run(outputs={"Page": {"body": body}})))


async def link_by_preauthorized(product: Deployment, colleague: str) -> str:
    """The recipe with ``HTTP with Microsoft Entra ID``."""
    request = PREAUTHORIZED.requests[0]
    (address,) = PREAUTHORIZED.expressions
    body = await asked_as_written(product, address, request, colleague, userEncodedTwice=twice(colleague))
    return str(evaluated(HTTP_PAGE.expressions[1], Run(outputs={"Page": {"body": body}})))


async def asked_as_written(
    product: Deployment, address: str, request: Request, colleague: str, **blanks: str
) -> Document:
    """What the address, as a maker writes it, is answered; it is that of the request."""
    written = evaluated(address, Run(variables={"Colleague": colleague})).replace(WRITTEN_HOST, product.host.url)
    request.assert_is(httpx.Request(request.method, written, headers=request.headers), product.host.url, **blanks)
    answer = await product.http.send(request.filled(product.host.url, **blanks))
    SIGNATURE.requests[0].answer.assert_is_like(answer)
    return dict(answer.json())


async def test_a_signature_has_a_link_exactly_where_a_page_can_be_booked(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=60, mix="default") as tenant, deployed(tenant, azurite) as product:
        platform = connected(product, tmp_path)
        await product.scan()
        people = {
            user["upn"]: user["expected"] for user in tenant.users() if user["expected"]["status"] != "notLicensed"
        }
        links = {upn: await link_by_connector(platform, upn) for upn in people}
        odd = [upn for upn in people if re.search(r"['+#]", upn)] + [next(iter(people))]
        otherwise = {upn: (await link_by_http(product, upn), await link_by_preauthorized(product, upn)) for upn in odd}

    bookable = {upn for upn, truth in people.items() if truth["status"] == "published"}
    assert bookable
    assert {upn for upn, link in links.items() if link} == bookable
    for upn in bookable:
        address = urlsplit(re.findall(r'href="(.+)"', links[upn])[0])
        assert (address.path, address.query) == (people[upn]["url_path"], "anonymous")
        assert links[upn] in rendered(SIGNATURE.texts[0], Run(outputs={"Link": links[upn]}))
    assert otherwise == {upn: (links[upn], links[upn]) for upn in odd}


async def test_a_signature_keeps_its_link_while_the_service_does_not_answer(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=10) as tenant, deployed(tenant, azurite) as product:
        platform = connected(product, tmp_path)
        await product.scan()
        upn = next(user["upn"] for user in tenant.users() if user["expected"]["status"] == "published")
        before = await link_by_connector(platform, upn)
        tenant.change_user(upn, "set_page", page="refused403")
        status = (await product.lookup(once(upn), fresh="true", availability="false")).json()["status"]
        after = await link_by_connector(platform, upn)

    assert status == "unknown"
    assert after == before != ""


# Mail everybody who has no page


def who_should_be_mailed(tenant: SimulatedTenant) -> set[str]:
    """Enabled members without a page whom nothing keeps from having one, by their mail address."""
    people = [(tenant.user(user["index"]), user["expected"]) for user in tenant.users(top=1000)]
    return {
        person.primary_smtp
        for person, truth in people
        if truth["status"] == "notSetUp"
        and truth["policy_verdict"] == "on"
        and person.account_enabled
        and person.user_type == "Member"
    }


def mails(users: list[Document]) -> Iterator[tuple[str, str]]:
    """Filter, address and text of the recipe: whom it mails, and what."""
    condition, address = MAIL.expressions
    for user in users:
        run = Run(item=user)
        if evaluated(condition, run):
            yield evaluated(address, run), rendered(MAIL.texts[0], run)


@pytest.mark.parametrize("page_size", [None, 7])
async def test_exactly_those_are_mailed_whom_one_step_would_help(
    tmp_path: Path, azurite: Azurite, page_size: int | None
) -> None:
    first, following = MAIL.requests
    async with tenant_of(tmp_path, users=100, mix="default") as tenant, deployed(tenant, azurite) as product:
        platform = connected(product, tmp_path)
        await product.scan()
        size = {"limit": page_size} if page_size else {}
        pages = await platform.pages("ListPages", status="notSetUp", enabled=True, userType="Member", **size)
        wanted = who_should_be_mailed(tenant)

    first.assert_is(platform.sent[0], platform.address, {"limit"})
    for asked, page in zip(platform.sent[1:], pages, strict=False):
        following.assert_is(asked, platform.address, {"limit"}, continuation=page["continuation"])
    assert (len(pages) > 1) == (page_size is not None)
    first.answer.assert_is_like(platform.answers[0])
    sent = list(mails([user for page in pages for user in page["value"]]))
    assert sorted(address for address, _ in sent) == sorted(wanted)
    assert 0 < len(wanted) < len([user for page in pages for user in page["value"]])
    assert all("<b>Go to my booking page</b>" in text and "@{" not in text for _, text in sent)


async def test_the_loop_of_the_http_action_mails_the_same(tmp_path: Path, azurite: Azurite) -> None:
    is_at_end, next_one = HTTP_LIST.expressions
    first, following = HTTP_LIST.requests
    async with tenant_of(tmp_path, users=100, mix="default") as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        app = product.host.url
        address = str(first.filled(app).url)
        assert PREAUTHORIZED.requests[1].address == first.address
        found: list[Document] = []
        while not evaluated(is_at_end, Run(variables={"Next": address})):
            answer = await product.http.get(address, headers=first.filled(app).headers)
            found += answer.json()["value"]
            address = evaluated(next_one, Run(outputs={"Users": {"body": answer.json()}}))
        narrow = (await product.http.get(f"{first.filled(app).url}".replace("limit=1000", "limit=3"))).json()
        wanted = who_should_be_mailed(tenant)

    assert sorted(address for address, _ in mails(found)) == sorted(wanted)
    link = httpx.Request("GET", narrow["nextLink"].replace("limit=3", "limit=1000"), headers=following.headers)
    following.assert_is(link, app, continuation=narrow["continuation"])


# Post to a Teams channel when a page is withdrawn


async def told(flow: Polling, last: str) -> list[Document]:
    """What the flow runs for, one run each, until the change of this user has come."""
    runs: list[Document] = []
    while last not in [run["userId"] for run in runs]:
        runs += await flow.poll()
        await asyncio.sleep(0.2)
    return runs


async def test_a_withdrawn_page_is_posted_exactly_once(tmp_path: Path, azurite: Azurite) -> None:
    first, following = TEAMS.requests
    async with tenant_of(tmp_path, users=30) as tenant, deployed(tenant, azurite) as product:
        platform = connected(product, tmp_path)
        await product.scan()
        flow = platform.trigger("WhenPageChanges")
        at_first = await flow.poll()
        first.assert_is(platform.sent[-1], platform.address)
        cursor = platform.answers[-1].json()["cursor"]
        await flow.poll()
        following.assert_is(platform.sent[-1], platform.address, cursor=cursor)

        by_status = {
            status: [user["id"] for user in tenant.users() if user["expected"]["status"] == status]
            for status in ("published", "notSetUp")
        }
        withdrawn, unlicensed, troubled, at_last, *_ = by_status["published"]
        tenant.change_user(withdrawn, "delete_page")
        tenant.change_user(unlicensed, "lose_licence")
        tenant.change_user(troubled, "set_page", page="refused403")
        tenant.change_user(by_status["notSetUp"][0], "open_bookings")
        await product.scan()
        tenant.change_user(troubled, "restore")
        tenant.change_user(at_last, "delete_page")
        await product.scan()
        runs = await told(flow, at_last)
        changes = await product.rows("BookingsChanges")

    assert at_first == []
    assert len(runs) == len(changes) == 4
    following.answer.assert_is_like(next(answer for answer in platform.answers if runs[-1] in answer.json()["value"]))
    narrow, wide = ([run for run in runs if evaluated(condition, Run(trigger=run))] for condition in TEAMS.expressions)
    assert [run["userId"] for run in narrow] == [withdrawn, at_last]
    assert sorted(run["userId"] for run in wide) == sorted([withdrawn, unlicensed, at_last])
    message = rendered(TEAMS.texts[0], Run(trigger=narrow[0]))
    assert tenant.user(withdrawn).display_name in message
    assert narrow[0]["previousUrl"] in message
    assert "@{" not in message


# Start a scan and wait for its end


async def test_a_scan_is_followed_to_its_end_through_the_gateway(tmp_path: Path, azurite: Azurite) -> None:
    start, follow = SCAN.requests
    async with tenant_of(tmp_path, users=30) as tenant, deployed(tenant, azurite) as product:
        platform = connected(product, tmp_path)
        scan = await platform.run("StartScan")

    assert platform.led_past == []
    start.assert_is(platform.sent[0], platform.address, gateway=GATEWAY)
    start.answer.assert_is_like(platform.answers[0])
    location = start.answer.headers["Location"].replace("{{gateway}}", GATEWAY)
    assert platform.answers[0].headers["Location"] == location.replace(start.answer.body["id"], scan["id"])
    assert platform.answers[0].headers["Retry-After"] == start.answer.headers["Retry-After"]
    for asked in platform.sent[1:]:
        follow.assert_is(asked, platform.address, scan=scan["id"], gateway=GATEWAY)
    assert [answer.status_code for answer in platform.answers[-2:]] == [202, 200]
    follow.answer.assert_is_like(platform.answers[-1])
    assert evaluated(SCAN.expressions[0], Run(outputs={"Start_scan": {"body": scan}}))
    assert not evaluated(SCAN.expressions[0], Run(outputs={"Start_scan": {"body": {"state": "failed"}}}))


# The document itself


@pytest.fixture(scope="module")
def with_easy_auth() -> Iterator[str]:
    """The app behind Easy Auth, without settings: whoever is let in is answered 503."""
    settings = {**UNSET, "API_ACCESS": "entra", EASY_AUTH_IS_ON: "True"}
    with forked_host(ROOT, settings=settings) as host:
        yield host.url


def asked_with(url: str, request: Request, granted: set[str]) -> int:
    """The status that a caller with these app roles is answered."""
    blanks = dict.fromkeys([name for name in BLANK.findall(request.address) if name != "app"] + ["gateway"], "adele")
    principal = {"role_typ": "roles", "claims": [{"typ": "roles", "val": role} for role in granted]}
    header = {PRINCIPAL_HEADER: base64.b64encode(json.dumps(principal).encode()).decode()}
    filled = request.filled(url, **blanks)
    return httpx.request(filled.method, filled.url, headers=header, timeout=30).status_code


@pytest.mark.parametrize("title", requests_by_chapter())
def test_a_recipe_needs_the_app_roles_that_it_names_and_each_of_them(with_easy_auth: str, title: str) -> None:
    requests, granted = requests_by_chapter()[title], roles()[title]

    assert {asked_with(with_easy_auth, request, granted) for request in requests} == {503}
    for role in granted:
        others = {str(other) for other in AppRole} - {role}
        assert 403 in {asked_with(with_easy_auth, request, others) for request in requests}


def test_the_table_names_every_recipe_and_no_other() -> None:
    assert list(roles()) == list(requests_by_chapter())


def test_every_step_of_the_connector_that_a_recipe_names_is_there() -> None:
    named = set(re.findall(r"\*([^*]+)\* \(Bookings Atlas\)", DOCUMENT.read_text(encoding="utf-8")))

    assert named <= {step.summary for step in STEPS}
    assert len(named) == 4
