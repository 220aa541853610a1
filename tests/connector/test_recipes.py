"""Runs the recipes of docs/power-automate.md against the complete product, as the platform would.

Requests, responses, conditions and texts are read from the document; the simulated tenant knows the correct results.
"""

import asyncio
import base64
import csv
import io
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
from tests.e2e.scanned import only_reads
from tests.forked import forked_host

SIGNATURE = recipe("A booking page in a signature")
FILE = recipe("As a file")
LIST = recipe("As a list")
MAIL = recipe("Email everyone without a page")
TEAMS = recipe("Post to a Teams channel when a page is withdrawn")
FREE_TIMES = recipe("Offer free times in an email")
TOTALS = recipe("Email the totals of each scan")
SCAN = recipe("Start a scan and wait until it ends")
HTTP_PAGE = recipe("The URL of a page")
HTTP_LIST = recipe("Everyone without a page")
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


@only_reads
async def test_signatures_have_links_to_bookable_pages_only(tmp_path: Path, scanned: Deployment) -> None:
    platform = connected(scanned, tmp_path)
    people = {user["upn"]: user["expected"] for user in scanned.tenant.control.users(0, 60, licensed=True)}
    links = {upn: await link_by_connector(platform, upn) for upn in people}
    special = [upn for upn in people if re.search(r"['+#]", upn)] + [next(iter(people))]
    otherwise = {upn: (await link_by_http(scanned, upn), await link_by_preauthorized(scanned, upn)) for upn in special}

    bookable = {upn for upn, truth in people.items() if truth["status"] == "published"}
    assert bookable
    assert {upn for upn, link in links.items() if link} == bookable
    for upn in bookable:
        address = urlsplit(re.findall(r'href="(.+)"', links[upn])[0])
        assert (address.path, address.query) == (people[upn]["url_path"], "anonymous")
        assert links[upn] in rendered(SIGNATURE.texts[0], Run(outputs={"Link": links[upn]}))
    assert otherwise == {upn: (links[upn], links[upn]) for upn in special}


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


# Keep the links of all staff in SharePoint


type Item = dict[str, str]


class SharePointList:
    """A list whose column Title requires unique values."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}

    def create(self, item: Item) -> None:
        assert item["Title"] not in self.items, "SharePoint refuses a second item with this title"
        self.items[item["Title"]] = {**item, "ID": f"id of {item['Title']}"}

    def get(self, title: str) -> Document:
        """The step ``Get_items`` with a filter for this title."""
        return {"Get_items": {"body": {"value": [self.items[title]] if title in self.items else []}}}


def item_of(page: Document) -> Item:
    """The columns of steps 4 and 1."""
    _, _, name, department, link = LIST.expressions
    run = Run(trigger=page)
    columns = {"Name": name, "Department": department, "Link": link}
    return {"Title": page["userId"], **{column: evaluated(text, run) for column, text in columns.items()}}


def follow(kept: SharePointList, change: Document) -> None:
    """One run of the flow."""
    belongs, is_new, *_ = LIST.expressions
    run = Run(trigger=change, outputs=kept.get(change["userId"]))
    if not evaluated(belongs, run):
        for item in run.outputs["Get_items"]["body"]["value"]:
            del kept.items[evaluated("@items('Apply_to_each')?['Title']", Run(item=item))]
    elif evaluated(is_new, run):
        kept.create(item_of(change))
    else:
        found = evaluated("@first(outputs('Get_items')?['body/value'])?['ID']", run)
        assert found == kept.items[change["userId"]]["ID"]
        kept.items[change["userId"]] |= item_of(change)


async def test_a_list_of_links_follows_the_pages(tmp_path: Path, azurite: Azurite) -> None:
    fill, poll = LIST.requests
    async with tenant_of(tmp_path, users=45, mix="default") as tenant, deployed(tenant, azurite) as product:
        platform, kept = connected(product, tmp_path), SharePointList()
        await product.scan()
        flow = platform.trigger("WhenPageChanges")
        await flow.poll()
        pages = await platform.pages("ListPages", status="published")
        fill.assert_is(platform.sent[-1], platform.address)
        for user in (user for page in pages for user in page["value"]):
            kept.create(item_of(user))
        cursor = flow.state["since"] if flow.state else ""
        await flow.poll()
        poll.assert_is(platform.sent[-1], platform.address, {"triggerstate"}, cursor=cursor)
        filled = dict(kept.items)

        published = [user["id"] for user in tenant.users() if user["expected"]["status"] == "published"]
        new = next(user["id"] for user in tenant.users() if user["expected"]["status"] == "notSetUp")
        withdrawn, troubled, at_last, *_ = published
        tenant.change_user(withdrawn, "delete_page")
        tenant.change_user(troubled, "set_page", page="refused403")
        tenant.change_user(new, "open_bookings")
        await product.scan()
        tenant.change_user(at_last, "delete_page")
        await product.scan()
        for change in await runs_until(flow, at_last):
            follow(kept, change)
        rows = await product.rows()

    assert filled.keys() == set(published)
    links = {user_id: row["AnonymousUrl"] for user_id, row in rows.items() if row["Status"] == "published"}
    assert {title: item["Link"] for title, item in kept.items.items() if title != troubled} == links
    assert troubled in kept.items
    assert new in kept.items


def test_changes_without_a_name_or_a_department_fit_into_the_list() -> None:
    kept, nothing = SharePointList(), {"displayName": None, "department": None, "url": None, "anonymousUrl": None}
    page = {
        **nothing,
        "userId": "u",
        "userPrincipalName": "a@contoso.com",
        "toStatus": "published",
        "anonymousUrl": "x",
    }
    follow(kept, {**nothing, "userId": "u", "toStatus": "gone"})
    follow(kept, page)
    follow(kept, {**page, "anonymousUrl": "y"})

    assert kept.items == {"u": {"Title": "u", "ID": "id of u", "Name": "a@contoso.com", "Department": "", "Link": "y"}}
    follow(kept, {**nothing, "userId": "u", "toStatus": "notSetUp"})
    assert kept.items == {}


@only_reads
async def test_the_file_has_a_line_for_each_published_page(tmp_path: Path, scanned: Deployment) -> None:
    (documented,), (content,) = FILE.requests, FILE.expressions
    platform = connected(scanned, tmp_path)
    response = await platform.call("ExportPages", status="published")
    rows = await scanned.rows()

    documented.assert_is(platform.sent[-1], platform.address)
    text = evaluated(content, Run(outputs={"Export_pages": {"body": response.content.decode("utf-8-sig")}}))
    lines = {line["UserId"]: line["AnonymousUrl"] for line in csv.DictReader(io.StringIO(text))}
    assert lines == {user_id: row["AnonymousUrl"] for user_id, row in rows.items() if row["Status"] == "published"}
    assert lines


# Email everyone without a page


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


def mails(users: list[Document], reminded: SharePointList | None = None) -> Iterator[tuple[str, str]]:
    """Filters, address and text of the recipe: whom it emails, and what. Each is added to the list before the email."""
    condition, title, is_new, address = MAIL.expressions
    reminded = reminded or SharePointList()
    already = [evaluated(title, Run(item=item)) for item in reminded.items.values()]
    for user in users:
        run = Run(item=user, outputs={"Already": {"body": already}})
        if evaluated(condition, run) and evaluated(is_new, run):
            reminded.create({"Title": rendered("@{items('Apply_to_each')?['userId']}", run)})
            yield evaluated(address, run), rendered(MAIL.texts[0], run)


async def test_nobody_is_emailed_twice(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=60, mix="default") as tenant, deployed(tenant, azurite) as product:
        platform, reminded = connected(product, tmp_path), SharePointList()

        async def users() -> list[Document]:
            pages = await platform.pages("ListPages", status="notSetUp", enabled=True, userType="Member")
            return [user for page in pages for user in page["value"]]

        before_any_scan = list(mails(await users(), reminded))
        empty_file = await platform.call("ExportPages", status="published")
        await product.scan()
        one_month = mails(await users(), reminded)
        first_address, _ = next(one_month)  # the run fails after its first email
        rest = list(mails(await users(), reminded))
        withdrawn = next(user["id"] for user in tenant.users() if user["expected"]["status"] == "published")
        tenant.change_user(withdrawn, "delete_page")
        await product.scan()
        next_month = list(mails(await users(), reminded))
        wanted = who_should_be_mailed(tenant)

    assert before_any_scan == []
    assert list(csv.DictReader(io.StringIO(empty_file.content.decode("utf-8-sig")))) == []
    assert len(rest) > 1
    assert [address for address, _ in next_month] == [tenant_address(tenant, withdrawn)]
    emailed = [first_address, *(address for address, _ in (*rest, *next_month))]
    assert sorted(emailed) == sorted(wanted)


def tenant_address(tenant: SimulatedTenant, user_id: str) -> str:
    """The address of one user's mailbox."""
    return tenant.user(user_id).primary_smtp


def test_a_user_without_address_and_name_is_emailed_by_principal_name() -> None:
    unknown = {"primarySmtpAddress": None, "displayName": None, "userPrincipalName": "a@contoso.com", "userId": "u"}
    ((address, text),) = mails([{**unknown, "policyVerdict": "on"}, {**unknown, "policyVerdict": "unknown"}])

    assert address == "a@contoso.com"
    assert "Hello there" in text


@pytest.mark.parametrize("page_size", [None, 7])
@only_reads
async def test_only_users_whom_one_step_helps_are_emailed(
    tmp_path: Path, scanned: Deployment, page_size: int | None
) -> None:
    first, following = MAIL.requests
    platform = connected(scanned, tmp_path)
    size = {"limit": page_size} if page_size else {}
    pages = await platform.pages("ListPages", status="notSetUp", enabled=True, userType="Member", **size)
    wanted = who_should_be_mailed(scanned.tenant)

    sized = {"limit=1000": f"limit={page_size or 1000}"}
    first.changed(sized).assert_is(platform.sent[0], platform.address)
    for request, page in zip(platform.sent[1:], pages, strict=False):
        following.changed(sized).assert_is(request, platform.address, continuation=page["continuation"])
    assert (len(pages) > 1) == (page_size is not None)
    first.response.assert_is_like(platform.responses[0])
    sent = list(mails([user for page in pages for user in page["value"]]))
    assert sorted(address for address, _ in sent) == sorted(wanted)
    assert 0 < len(wanted) < len([user for page in pages for user in page["value"]])
    assert all("<b>Go to my booking page</b>" in text and "@{" not in text for _, text in sent)


@only_reads
async def test_the_http_action_emails_the_same_users(scanned: Deployment) -> None:
    is_at_end, next_one = HTTP_LIST.expressions
    first, following = HTTP_LIST.requests
    app = scanned.host.url
    address = str(first.filled(app).url)
    assert PREAUTHORIZED.requests[1].address == first.address
    found: list[Document] = []
    while not evaluated(is_at_end, Run(variables={"Next": address})):
        response = await scanned.http.get(address, headers=first.filled(app).headers)
        found += response.json()["value"]
        address = evaluated(next_one, Run(outputs={"Users": {"body": response.json()}}))
    narrow = (await scanned.http.get(f"{first.filled(app).url}".replace("limit=1000", "limit=3"))).json()
    wanted = who_should_be_mailed(scanned.tenant)

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


def test_a_withdrawn_page_without_a_name_can_be_posted() -> None:
    nothing = dict.fromkeys(("displayName", "fromStatus", "previousUrl", "url", "anonymousUrl", "department"))
    change = {**nothing, "kind": "gone", "userPrincipalName": "a@contoso.com", "toStatus": "gone"}
    narrow, wide = (evaluated(condition, Run(trigger=change)) for condition in TEAMS.expressions)
    message = rendered(TEAMS.texts[0], Run(trigger=change))

    assert (narrow, wide) == (False, True)
    assert "a@contoso.com" in message
    assert "not known" in message


# Offer free times in an email


def offered(body: Document) -> tuple[list[str], str, str]:
    """The times, and what is sent if there are some, or else if there are none."""
    free, start, is_empty, why = FREE_TIMES.expressions
    looked_up = {"Get_availability": {"body": body}}
    slots = evaluated(free, Run(outputs=looked_up))
    times = [evaluated(start, Run(item=slot)) for slot in slots]
    run = Run(outputs={**looked_up, "Times": {"body": times}})
    return (
        (times, "", evaluated(why, run))
        if evaluated(is_empty, run)
        else (times, rendered(FREE_TIMES.texts[0], run), "")
    )


@only_reads
async def test_free_times_are_offered_or_their_absence_is_explained(tmp_path: Path, scanned: Deployment) -> None:
    (documented,) = FREE_TIMES.requests
    platform = connected(scanned, tmp_path)
    people = {truth["status"]: user_id for user_id, truth in scanned.expected().items()}
    people["published"] = scanned.user_with("published")["id"]
    responses = {}
    for status, user in {**people, "notFound": "nobody@contoso.com"}.items():
        given = {"user": user, "timeZone": "Europe/Zurich", "ifNotFound": "status"}
        responses[status] = await platform.call("GetAvailability", **given)
        documented.assert_is(platform.sent[-1], platform.address, userEncodedTwice=twice(user))

    documented.response.assert_is_like(responses["published"])
    outcomes = {status: offered(response.json()) for status, response in responses.items()}
    times, email, _ = outcomes["published"]
    body = responses["published"].json()
    assert times == [slot["start"][:16].replace("T", " ") for slot in body["availability"]["free"][:5]]
    assert times
    assert all(time in email for time in times)
    assert body["url"] in email
    for status in ("notSetUp", "noMailbox", "signInRequired", "noPublicTypes", "notFound"):
        times, email, why = outcomes[status]
        assert (times, email) == ([], "")
        assert why
    assert outcomes["notFound"][2].startswith("no time is free")
    assert "signed in" in outcomes["signInRequired"][2]


# Email the totals of each scan


async def test_each_scan_is_reported_once_however_it_ends(tmp_path: Path, azurite: Azurite) -> None:
    first, following = TOTALS.requests
    async with tenant_of(tmp_path, users=60) as tenant, deployed(tenant, azurite) as product:
        platform = connected(product, tmp_path)
        flow = platform.trigger("WhenScanEnds")
        before_any_scan = await flow.poll()
        first.assert_is(platform.sent[-1], platform.address, {"triggerstate"})
        cursor = platform.responses[-1].json()["cursor"]
        completed = await product.scan()
        tenant.behave(bookings={"latency_ms": 100})
        running = (await product.http.post("/api/scans")).json()["id"]
        while_running = await flow.poll()
        following.assert_is(platform.sent[-1], platform.address, {"triggerstate"}, cursor=cursor)
        following.response.assert_is_like(platform.responses[-1])
        await product.http.delete(f"/api/scans/{running}")
        runs = await flow.poll()
        again = await flow.poll()

    assert (before_any_scan, while_running, again) == ([], [completed], [])
    assert [(run["id"], run["state"]) for run in runs] == [(running, "cancelled")]
    (not_well,) = TOTALS.expressions
    assert [evaluated(not_well, Run(trigger=run)) for run in (completed, *runs)] == [False, True]
    texts = [rendered(TOTALS.texts[0], Run(trigger=run)) for run in (completed, *runs)]
    assert f"Published: {completed['byStatus']['published']}," in texts[0]
    assert "60 of 60 users checked" in texts[0]
    assert "Error: none" in texts[0]
    assert not any("@{" in text or "None" in text for text in texts)


def test_a_failed_scan_without_totals_can_be_reported() -> None:
    nothing = dict.fromkeys(("finishedAt", "usersListed", "usersProbed", "byStatus", "throttledWaits", "estimatedEnd"))
    run = {**nothing, "state": "failed", "startedAt": "2026-11-21T08:41:59Z", "warnings": [], "error": "no tables"}
    text = rendered(TOTALS.texts[0], Run(trigger=run))

    assert "0 of 0 users checked" in text
    assert "Error: no tables" in text
    assert "None" not in text


# Start a scan and wait until it ends


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
    for request in platform.sent[1:]:
        follow.assert_is(request, platform.address, scan=scan["id"], gateway=GATEWAY)
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
    assert len(named) == 7
