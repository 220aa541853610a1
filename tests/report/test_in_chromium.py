"""The report in Chromium, served by the complete product: what visitors do, at both widths and in both schemes."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from atlas.domain.shared_pages.findings import RULES, Severity
from atlas.exports.csv_file import USERS, csv_file, each
from atlas.report.page import Access, ReportData, content_security_policy, render_report
from local.chromium import chromium
from tests.docs.complete_examples import POLICY, ROW, SCAN
from tests.e2e.deployment import ROOT, Deployment, deployed, tenant_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]

AXE = ROOT / ".local" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
APPEARANCES = [(size, scheme) for size in (WIDE, PHONE) for scheme in ("light", "dark")]
APPEARANCE_NAMES = [f"{size['width']} px, {scheme}" for size, scheme in APPEARANCES]
HOSTILE = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
FORMULA = "=cmd|'/c calc'!A0"
TENANT_ID = "72f988bf-86f1-41af-91ab-2d7cd011db47"


@dataclass
class Visit:
    """A page, with its requests and errors."""

    page: Page
    url: str
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def mock_response(self, path: str, status: int = 200, **more: Any) -> None:
        """Let the API return this for a path."""

        async def respond(route: Route) -> None:
            await route.fulfill(status=status, content_type="application/json", **more)

        await self.page.route(re.compile(rf"/api{path}(\?|$)"), respond)

    async def open(self) -> Page:
        await self.page.goto(f"{self.url}/api/report")
        return self.page

    async def loaded(self) -> Page:
        """The page once it shows users."""
        await self.open()
        await self.page.locator("#users-table tbody tr").first.wait_for()
        await expect(self.page.locator("#users-scroll")).not_to_have_attribute("aria-busy", "true")
        return self.page


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as open_visit:
        yield open_visit


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=[None], ids=["shared report"])
async def product(storage_accounts, tmp_path_factory) -> AsyncIterator[Deployment]:
    """60 users, so that there are two pages of them; scanned once."""
    async with (
        tenant_of(tmp_path_factory.mktemp("tenant"), users=60, mix="default") as tenant,
        deployed(tenant, next(storage_accounts), SHARED_PAGES="true") as running,
    ):
        await running.scan()
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def visit(browser: Browser, product: Deployment) -> AsyncIterator[Any]:
    """Opens tabs; at the end there must be no error and no request to another host."""
    visits: list[Visit] = []
    async with AsyncExitStack() as stack:

        async def open_visit(size: Any = WIDE, scheme: Any = "light", **more: Any) -> Visit:
            context = await browser.new_context(viewport=size, color_scheme=scheme, accept_downloads=True, **more)
            stack.push_async_callback(context.close)
            one = Visit(await context.new_page(), product.host.url)
            one.page.on("request", lambda request: one.requests.append(request.url))
            one.page.on("pageerror", lambda error: one.errors.append(str(error)))
            one.page.on("console", lambda message: one.errors.append(message.text) if message.type == "error" else None)
            one.page.set_default_timeout(20_000)
            visits.append(one)
            return one

        yield open_visit
        for one in visits:
            expected = [text for text in one.errors if "Failed to load resource" not in text]
            assert expected == []
            hosts = {urlsplit(url).netloc for url in one.requests if not url.startswith(("data:", "blob:", "file:"))}
            assert hosts <= {urlsplit(one.url).netloc}
            assert await one.page.evaluate("window.hacked") is None


async def names(page: Page) -> list[str]:
    return await page.locator("#users-table tbody th .sub").all_inner_texts()


async def wait_for_users(page: Page, act: Any) -> None:
    """Do something that requests users, and wait until they are shown."""
    async with page.expect_response(re.compile(r"/api/users\?")):
        await act
    await expect(page.locator("#users-scroll")).not_to_have_attribute("aria-busy", "true")


async def test_the_report_shows_what_the_api_returns(visit, product: Deployment) -> None:
    page = await (await visit()).loaded()

    scan = (await product.http.get("/api/scans")).json()["value"][0]
    totals = await page.locator(".totals tbody tr").evaluate_all(
        "rows => rows.map(row => Number(row.cells[1].textContent))"
    )
    assert sorted(totals) == sorted(scan["byStatus"].values())
    assert await page.locator(".totals tfoot").inner_text() == f"Licensed users\t{scan['usersListed']}\t\t"
    await expect(page.locator("#age")).to_contain_text("Scan finished")
    await expect(page.locator("#adoption-body table")).to_have_count(2)
    await expect(page.locator("#policy-body dl").first).to_contain_text("Personal bookings")
    await expect(page.locator("#shared-state")).not_to_be_empty()
    await expect(page.locator("#trend svg rect").first).to_be_attached()


async def test_users_are_searched_sorted_filtered_and_paged_by_the_api(visit, product: Deployment) -> None:
    one = await visit()
    page = await one.loaded()
    assert len(await names(page)) == 50

    await wait_for_users(page, page.get_by_role("button", name="Next").first.click())
    second = await names(page)
    await wait_for_users(page, page.get_by_role("button", name="Previous").first.click())
    first = await names(page)
    everyone = [user["userPrincipalName"] for user in (await product.http.get("/api/users?limit=1000")).json()["value"]]
    assert sorted(first + second) == sorted(everyone)

    await wait_for_users(page, page.get_by_role("button", name="Status", exact=True).click())
    await expect(page.locator("#users-table th[aria-sort=ascending]")).to_have_text("Status")
    assert any("order=status" in url for url in one.requests)

    word = (await page.locator("#users-table tbody th button").first.inner_text()).split()[-1]
    await wait_for_users(page, page.get_by_label("Name or address begins with").first.fill(word))
    found = (await product.http.get("/api/users", params={"search": word, "limit": 50})).json()["value"]
    assert sorted(await names(page)) == sorted(user["userPrincipalName"] for user in found)

    await wait_for_users(page, page.locator(".totals button", has_text="Not set up").click())
    statuses = set(await page.locator("#users-table tbody .status").all_inner_texts())
    assert statuses == {"Not set up"}
    await wait_for_users(page, page.get_by_role("button", name="Clear").click())
    assert len(await names(page)) == 50


async def test_a_user_opens_with_reason_and_fix_and_closes_by_escape(visit, product: Deployment) -> None:
    user = product.user_with("switchedOff")
    page = await (await visit()).loaded()
    await wait_for_users(page, page.get_by_label("Name or address begins with").first.fill(user["upn"]))

    opener = page.locator("#users-table tbody th button").first
    await opener.click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("EwsApplicationAccessPolicy")
    await expect(dialog.locator("pre.fix").first).to_contain_text("Set-CASMailbox")
    await page.keyboard.press("Escape")

    await expect(dialog).to_be_hidden()
    await expect(opener).to_be_focused()


async def test_the_download_contains_what_is_filtered(visit, product: Deployment) -> None:
    page = await (await visit()).loaded()
    await wait_for_users(page, page.locator("#filters [name=status]").select_option("published"))

    async with page.expect_download() as started:
        await page.get_by_role("button", name="Download CSV").click()
    download = await started.value

    assert download.suggested_filename == "personal-bookings.csv"
    expected = (await product.http.get("/api/users.csv?status=published")).content
    assert (await download.path()).read_bytes() == expected


async def test_the_keyboard_reaches_everything(visit) -> None:
    page = await (await visit()).loaded()

    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#main")).to_be_focused()
    for _ in range(200):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.name === 'search'"):
            break
    await wait_for_users(page, page.keyboard.type("a"))
    for _ in range(40):
        await page.keyboard.press("Tab")
        if await page.evaluate("Boolean(document.activeElement.closest('#users-table tbody'))"):
            break
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await expect(page.locator("#detail-title")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.parametrize(("size", "scheme"), APPEARANCES, ids=APPEARANCE_NAMES)
async def test_axe_finds_no_violation(visit, size, scheme) -> None:
    page = await (await visit(size, scheme, bypass_csp=True)).loaded()
    await page.locator("#policy-body dl").first.wait_for()
    for summary in await page.locator("summary").all():
        await summary.click()
    await page.evaluate(AXE.read_text(encoding="utf-8"))

    found = await page.evaluate("axe.run()")
    await page.locator("#users-table tbody th button").first.click()
    await page.locator("#detail h3").last.wait_for()
    inside = await page.evaluate("axe.run('#detail')")

    problems = [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in (*found["violations"], *inside["violations"])
        for node in one["nodes"]
    ]
    assert problems == []
    assert await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


OVERLAPPING = """cells => {
    const boxes = cells.map(cell => {
        const range = document.createRange();
        range.selectNodeContents(cell);
        return [cell.textContent, range.getBoundingClientRect()];
    });
    const overlaps = ([, one], [, other]) =>
        one.left < other.right - 0.5 && other.left < one.right - 0.5 &&
        one.top < other.bottom - 0.5 && other.top < one.bottom - 0.5;
    return boxes.flatMap((one, index) =>
        boxes.slice(index + 1).filter(other => overlaps(one, other)).map(other => [one[0], other[0]]));
}"""
"""Pairs of cells whose texts overlap on the screen."""


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["1440 px", "390 px"])
async def test_no_names_and_values_of_the_policy_overlap(visit, size) -> None:
    page = await (await visit(size)).loaded()
    await page.locator("#policy-body dl").first.wait_for()
    for summary in await page.locator("#policy-body summary").all():
        await summary.click()

    cells = page.locator("#policy-body .facts > *")

    await expect(cells.filter(has_text="BookingsCreationOfCustomQuestionsRestricted")).to_be_visible()
    assert await cells.evaluate_all(OVERLAPPING) == []
    await expect(page.locator("#policy-body")).to_contain_text("EwsApplicationAccessPolicy = not set")
    await expect(page.locator("#policy-body")).to_contain_text("EwsAllowedAppIDsnone")


async def test_shared_pages_with_the_worst_findings_come_first(visit, product: Deployment) -> None:
    listed = (await product.http.get("/api/shared-pages?limit=1000")).json()["value"]
    ranks = {str(rule.name): [*Severity].index(rule.severity) for rule in RULES}
    worst = [min([3, *(ranks[name] for name in one["findings"])]) for one in listed]
    rank_of = {one["id"]: rank for one, rank in zip(listed, worst, strict=True)}
    page = await (await visit()).loaded()
    addresses = page.locator("#shared-table tbody th .sub")
    await addresses.first.wait_for()

    assert len(set(worst)) > 1
    assert worst != sorted(worst)
    assert [rank_of[one] for one in await addresses.all_inner_texts()] == sorted(worst)[:50]

    await page.locator("#shared-filters [name=finding]").select_option("any finding")
    await expect(addresses).to_have_count(min(50, sum(1 for one in listed if one["findings"])))


async def test_hostile_names_do_nothing(visit, product: Deployment) -> None:
    listed = (await product.http.get("/api/users?limit=2&order=displayName")).json()
    texts = ("displayName", "userPrincipalName", "department", "reason", "policyReason", "url", "anonymousUrl")
    for user, text in zip(listed["value"], (HOSTILE, FORMULA), strict=True):
        user |= dict.fromkeys(texts, text) | {"findings": [HOSTILE], "url": f"javascript:window.hacked=1//{text}"}
    one = await visit()
    await one.mock_response("/users", body=json.dumps(listed))
    page = await one.loaded()

    for opener in await page.locator("#users-table tbody th button").all():
        await opener.click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.keyboard.press("Escape")

    assert await page.locator("#users-table tbody th button").all_inner_texts() == [HOSTILE, FORMULA]
    assert await page.locator("a[href^='javascript']").count() == 0


async def test_the_key_is_asked_for_and_sent_as_a_header_only(visit) -> None:
    one = await visit()
    keys: list[str | None] = []

    async def guard(route: Route) -> None:
        keys.append(route.request.headers.get("x-functions-key"))
        await (route.continue_() if keys[-1] == "right" else route.fulfill(status=401, body=""))

    await one.page.route(re.compile(r"/api/(?!report)"), guard)
    page = await one.open()
    await expect(page.get_by_label("Function key")).to_be_focused()
    await page.keyboard.type("wrong")
    await page.keyboard.press("Enter")
    await expect(page.locator("#gate [role=alert]")).to_contain_text("does not accept this key")
    await page.get_by_label("Function key").fill("right")
    await page.keyboard.press("Enter")
    await page.locator("#users-table tbody tr").first.wait_for()

    assert not any("right" in url or "wrong" in url for url in one.requests)
    await page.reload()
    await page.locator("#users-table tbody tr").first.wait_for()
    await page.get_by_role("button", name="Remove key").click()
    await expect(page.get_by_label("Function key")).to_be_visible()
    assert await page.evaluate("sessionStorage.length") == 0
    assert await page.evaluate("localStorage.length") == 0


async def test_with_easy_auth_the_page_links_to_its_sign_in(visit) -> None:
    one = await visit()
    body = render_report("abc", access=Access.ENTRA)

    async def serve(route: Route) -> None:
        headers = {"Content-Security-Policy": content_security_policy("abc")}
        await route.fulfill(content_type="text/html", headers=headers, body=body)

    await one.page.route(re.compile("/api/(?!report)"), lambda route: route.fulfill(status=401, body=""))
    await one.page.route(re.compile("/api/report"), serve)
    page = await one.open()

    target = "/.auth/login/aad?post_login_redirect_uri=%2Fapi%2Freport"
    await expect(page.get_by_role("link", name="Sign in")).to_have_attribute("href", target)
    await expect(page.get_by_label("Function key")).to_have_count(0)


@pytest.mark.parametrize(
    ("status", "detail", "headers"),
    [
        (403, "the token lacks the app role Bookings.Read", {}),
        (429, "another export is running", {"Retry-After": "20"}),
        (503, "Table Storage does not respond", {"Retry-After": "30"}),
        (502, "Exchange refused the request", {}),
    ],
)
async def test_a_failed_request_shows_its_reason_and_can_be_repeated(visit, status, detail, headers) -> None:
    one = await visit()
    await one.mock_response("/users", status, headers=headers, body=json.dumps({"detail": detail}))
    page = await one.open()
    state = page.locator("#users-state")

    await expect(state).to_contain_text(detail)
    if headers:
        await expect(state).to_contain_text(f"wait {headers['Retry-After']} seconds")
    await one.page.unroute_all()
    await state.get_by_role("button", name="Try again").click()

    await page.locator("#users-table tbody tr").first.wait_for()


async def test_the_report_shows_that_there_was_no_scan(visit) -> None:
    empty = json.dumps({"value": [], "continuation": None, "nextLink": None, "cursor": ""})
    none = {"licensed": 0, "hasPage": 0, "offersMeetings": 0, "onlyDefaultTypes": 0}
    one = await visit()
    for path in ("/scans", "/users", "/shared-pages"):
        await one.mock_response(path, body=empty)
    nothing = {"scanId": None, "countedAt": None, "total": none, "domains": [], "departments": []}
    await one.mock_response("/adoption", body=json.dumps({**nothing, "otherDomains": None, "otherDepartments": None}))
    page = await one.open()

    await expect(page.locator("#overview-state")).to_contain_text("No scan has finished yet")
    await expect(page.locator("#adoption-state")).to_contain_text("Nothing has been counted yet")
    await expect(page.locator("#users-state")).to_have_text("No user matches.")
    await expect(page.locator("#age")).to_have_text("No data yet.")


async def test_a_running_scan_shows_its_progress(visit, product: Deployment) -> None:
    scans = (await product.http.get("/api/scans")).json()
    running = {**scans["value"][0], "id": "running", "state": "running", "usersListed": 60, "usersProbed": 15}
    running |= {"finishedAt": None, "byStatus": None, "estimatedEnd": None}
    one = await visit()
    await one.page.clock.install()
    await one.mock_response("/scans", body=json.dumps({**scans, "value": [running, *scans["value"]]}))
    page = await one.loaded()
    await expect(page.locator("#running")).to_contain_text("15 of 60 users checked")

    await one.page.unroute_all()
    await one.page.clock.fast_forward(6000)

    await expect(page.locator("#running")).to_be_hidden()


def parse_cells(content: bytes) -> list[dict[str, Any]]:
    """The cells of a file: those of meeting types as they are written, and what they mean."""
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    return [
        row | {"MeetingTypes": json.loads(row["MeetingTypes"]), "signs": ";=" in row["MeetingTypes"]} for row in rows
    ]


async def test_a_report_file_needs_no_app(visit, tmp_path) -> None:
    people = [
        replace(ROW.user, user_id=f"id{n}", upn=f"user{n:03}@contoso.com", display_name=f"Person {n:03}")
        for n in range(120)
    ]
    rows = [replace(ROW, user=user) for user in people]
    rows[7] = replace(rows[7], user=replace(people[7], display_name=HOSTILE, department="Legal"))
    types = (replace(ROW.meeting_types[0], title=f";{FORMULA}"),)
    rows[8] = replace(rows[8], user=replace(people[8], display_name=FORMULA, department="Legal"), meeting_types=types)
    path = tmp_path / "report.html"
    data = ReportData(
        tenant_id=TENANT_ID, scans=[SCAN], users=rows, bookings_url="https://outlook.office.com", policy=POLICY
    )
    path.write_text(render_report("abc", data), encoding="utf-8")
    one = await visit()
    await one.page.goto(path.as_uri())
    page = one.page

    await expect(page.locator("#users-state")).to_have_text("Users 1 to 50 of 120")
    await page.get_by_role("button", name="Next").first.click()
    await expect(page.locator("#users-state")).to_have_text("Users 51 to 100 of 120")
    await page.get_by_label("Name or address begins with").first.fill("person 11")
    await expect(page.locator("#users-state")).to_have_text("10 users")
    await page.get_by_role("button", name="Clear").click()
    await page.locator("#filters [name=department]").select_option("Legal")
    await expect(page.locator("#users-state")).to_have_text("2 users")
    async with page.expect_download() as started:
        await page.get_by_role("button", name="Download CSV").click()
    downloaded = (await (await started.value).path()).read_bytes()
    assert f",'{FORMULA},".encode() in downloaded
    assert parse_cells(downloaded) == parse_cells(await csv_file(each(rows[7:9]), TENANT_ID, 2, USERS))
    await page.locator("#users-table tbody th button").first.click()
    await expect(page.get_by_role("dialog")).to_contain_text("Policy")
    assert [url for url in one.requests if not url.startswith(("file:", "data:", "blob:"))] == []
