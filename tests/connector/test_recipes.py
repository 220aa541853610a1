"""Runs the recipes of docs/power-automate.md against the complete product, as the platform would.

Requests, responses, conditions and texts are read from the document; the simulated tenant knows the correct results.
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
HTTP_PAGE = recipe("The URL of a page")
HTTP_LIST = recipe("Everybody who has no page")
PREAUTHORIZED = recipe("By HTTP with Microsoft Entra ID (preauthorized)")
WRITTEN_HOST = "https://atlas-contoso.azurewebsites.net"


# A booking page in a signature


def once(text: str) -> str:
    return quote(text, safe="")


def twice(text: str) -> str:
    return once(once(text))


async def link_by_connector(platform: Platform, colleague: str) -> str:
    """The recipe with the connector: a lookup, and the expression of the step ``Link``."""
    response = await platform.call("GetBookingPage", user=colleague, ifNotFound="status")
    (documented,) = SIGNATURE.requests
    documented.assert_is(platform.sent[-1], platform.address, userEncodedTwice=twice(colleague))
    documented.response.assert_is_like(response)
    return str(evaluated(SIGNATURE.expressions[0], Run(outputs={"Get_booking_page": {"body": response.json()}})))


async def link_by_http(product: Deployment, colleague: str) -> str:
    """The recipe with the action ``HTTP``."""
    address, link = HTTP_PAGE.expressions
    body = await sent_as_written(product, address, HTTP_PAGE.requests[0], colleague, userEncodedOnce=once(colleague))
    return str(evaluated(link, Run(outputs={"Page": {"body": body}})))


async def link_by_preauthorized(product: Deployment, colleague: str) -> str:
    """The recipe with ``HTTP with Microsoft Entra ID``."""
    request = PREAUTHORIZED.requests[0]
    (address,) = PREAUTHORIZED.expressions
    body = await sent_as_written(product, address, request, colleague, userEncodedTwice=twice(colleague))
    return str(evaluated(HTTP_PAGE.expressions[1], Run(outputs={"Page": {"body": body}})))


async def sent_as_written(
    product: Deployment, address: str, request: Request, colleague: str, **blanks: str
) -> Document:
    """The response to the URL that a maker writes, which is that of the documented request."""
    written = evaluated(address, Run(variables={"Colleague": colleague})).replace(WRITTEN_HOST, product.host.url)
    request.assert_is(httpx.Request(request.method, written, headers=request.headers), product.host.url, **blanks)
    response = await product.http.send(request.filled(product.host.url, **blanks))
    SIGNATURE.requests[0].response.assert_is_like(response)
    return dict(response.json())


async def test_signatures_have_links_to_bookable_pages_only(tmp_path: Path, azurite: Azurite) -> None:
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


async def test_a_signature_keeps_its_link_during_an_outage(tmp_path: Path, azurite: Azurite) -> None:
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
    """Enabled members without a page whose policy allows one, by their email address."""
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
    """Filter, address and text of the recipe: whom it emails, and what."""
    condition, address = MAIL.expressions
    for user in users:
        run = Run(item=user)
        if evaluated(condition, run):
            yield evaluated(address, run), rendered(MAIL.texts[0], run)


@pytest.mark.parametrize("page_size", [None, 7])
async def test_only_users_whom_one_step_helps_are_emailed(
    tmp_path: Path, azurite: Azurite, page_size: int | None
) -> None:
    first, following = MAIL.requests
    async with tenant_of(tmp_path, users=100, mix="default") as tenant, deployed(tenant, azurite) as product:
        platform = connected(product, tmp_path)
        await product.scan()
        size = {"limit": page_size} if page_size else {}
        pages = await platform.pages("ListPages", status="notSetUp", enabled=True, userType="Member", **size)
        wanted = who_should_be_mailed(tenant)

    sized = {"limit=1000": f"limit={page_size or 1000}"}
    first.changed(sized).assert_is(platform.sent[0], platform.address)
    for asked, page in zip(platform.sent[1:], pages, strict=False):
        following.changed(sized).assert_is(asked, platform.address, continuation=page["continuation"])
    assert (len(pages) > 1) == (page_size is not None)
    first.response.assert_is_like(platform.responses[0])
    sent = list(mails([user for page in pages for user in page["value"]]))
    assert sorted(address for address, _ in sent) == sorted(wanted)
    assert 0 < len(wanted) < len([user for page in pages for user in page["value"]])
    assert all("<b>Go to my booking page</b>" in text and "@{" not in text for _, text in sent)


async def test_the_http_action_emails_the_same_users(tmp_path: Path, azurite: Azurite) -> None:
    is_at_end, next_one = HTTP_LIST.expressions
    first, following = HTTP_LIST.requests
    async with tenant_of(tmp_path, users=100, mix="default") as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        app = product.host.url
        address = str(first.filled(app).url)
        assert PREAUTHORIZED.requests[1].address == first.address
        found: list[Document] = []
        while not evaluated(is_at_end, Run(variables={"Next": address})):
            response = await product.http.get(address, headers=first.filled(app).headers)
            found += response.json()["value"]
            address = evaluated(next_one, Run(outputs={"Users": {"body": response.json()}}))
        narrow = (await product.http.get(f"{first.filled(app).url}".replace("limit=1000", "limit=3"))).json()
        wanted = who_should_be_mailed(tenant)

    assert sorted(address for address, _ in mails(found)) == sorted(wanted)
    link = httpx.Request("GET", narrow["nextLink"].replace("limit=3", "limit=1000"), headers=following.headers)
    following.assert_is(link, app, continuation=narrow["continuation"])


# Post to a Teams channel when a page is withdrawn


async def runs_until(flow: Polling, last: str) -> list[Document]:
    """The changes that start a run, until there is one of this user."""
    runs: list[Document] = []
    while last not in [run["userId"] for run in runs]:
        runs += await flow.poll()
        await asyncio.sleep(0.2)
    return runs


async def test_a_withdrawn_page_is_posted_once(tmp_path: Path, azurite: Azurite) -> None:
    first, following = TEAMS.requests
    async with tenant_of(tmp_path, users=30) as tenant, deployed(tenant, azurite) as product:
        platform = connected(product, tmp_path)
        await product.scan()
        flow = platform.trigger("WhenPageChanges")
        at_first = await flow.poll()
        first.assert_is(platform.sent[-1], platform.address, {"triggerstate"})
        cursor = platform.responses[-1].json()["cursor"]
        await flow.poll()
        following.assert_is(platform.sent[-1], platform.address, {"triggerstate"}, cursor=cursor)

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
        runs = await runs_until(flow, at_last)
        changes = await product.rows("BookingsChanges")

    assert at_first == []
    assert len(runs) == len(changes) == 4
    following.response.assert_is_like(
        next(response for response in platform.responses if runs[-1] in response.json()["value"])
    )
    narrow, wide = ([run for run in runs if evaluated(condition, Run(trigger=run))] for condition in TEAMS.expressions)
    assert [run["userId"] for run in narrow] == [withdrawn, at_last]
    assert sorted(run["userId"] for run in wide) == sorted([withdrawn, unlicensed, at_last])
    message = rendered(TEAMS.texts[0], Run(trigger=narrow[0]))
    assert tenant.user(withdrawn).display_name in message
    assert narrow[0]["previousUrl"] in message
    assert "@{" not in message


# Start a scan and wait for its end


async def test_a_scan_is_followed_through_the_gateway(tmp_path: Path, azurite: Azurite) -> None:
    start, follow = SCAN.requests
    async with tenant_of(tmp_path, users=30) as tenant, deployed(tenant, azurite) as product:
        platform = connected(product, tmp_path)
        scan = await platform.run("StartScan")

    assert platform.bypassed == []
    start.assert_is(platform.sent[0], platform.address, gateway=GATEWAY)
    start.response.assert_is_like(platform.responses[0])
    location = start.response.headers["Location"].replace("{{gateway}}", GATEWAY)
    assert platform.responses[0].headers["Location"] == location.replace(start.response.body["id"], scan["id"])
    assert platform.responses[0].headers["Retry-After"] == start.response.headers["Retry-After"]
    for asked in platform.sent[1:]:
        follow.assert_is(asked, platform.address, scan=scan["id"], gateway=GATEWAY)
    assert [response.status_code for response in platform.responses[-2:]] == [202, 200]
    follow.response.assert_is_like(platform.responses[-1])
    assert evaluated(SCAN.expressions[0], Run(outputs={"Start_scan": {"body": scan}}))
    assert not evaluated(SCAN.expressions[0], Run(outputs={"Start_scan": {"body": {"state": "failed"}}}))


# The document itself


@pytest.fixture(scope="module")
def with_easy_auth() -> Iterator[str]:
    """The app with Easy Auth and without settings: callers with the role get 503."""
    settings = {**UNSET, "API_ACCESS": "entra", EASY_AUTH_IS_ON: "True"}
    with forked_host(ROOT, settings=settings) as host:
        yield host.url


def status_with(url: str, request: Request, granted: set[str]) -> int:
    """The status for a caller with these app roles."""
    blanks = dict.fromkeys([name for name in BLANK.findall(request.address) if name != "app"] + ["gateway"], "adele")
    principal = {"role_typ": "roles", "claims": [{"typ": "roles", "val": role} for role in granted]}
    header = {PRINCIPAL_HEADER: base64.b64encode(json.dumps(principal).encode()).decode()}
    filled = request.filled(url, **blanks)
    return httpx.request(filled.method, filled.url, headers=header, timeout=30).status_code


@pytest.mark.parametrize("title", requests_by_chapter())
def test_a_recipe_needs_exactly_the_roles_it_names(with_easy_auth: str, title: str) -> None:
    requests, granted = requests_by_chapter()[title], roles()[title]

    assert {status_with(with_easy_auth, request, granted) for request in requests} == {503}
    for role in granted:
        others = {str(other) for other in AppRole} - {role}
        assert 403 in {status_with(with_easy_auth, request, others) for request in requests}


def test_the_table_lists_every_recipe() -> None:
    assert list(roles()) == list(requests_by_chapter())


def test_recipes_name_existing_steps() -> None:
    named = set(re.findall(r"\*([^*]+)\* \(Bookings Atlas\)", DOCUMENT.read_text(encoding="utf-8")))

    assert named <= {step.summary for step in STEPS}
    assert len(named) == 4
