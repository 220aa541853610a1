"""The recipes of docs/power-automate.md that react to a withdrawn page or to a scan."""

from pathlib import Path

from local.azurite import Azurite
from tests.connector.recipes import recipe
from tests.connector.simulated_platform import GATEWAY, runs_until
from tests.connector.test_simulated_platform import connect
from tests.connector.workflow_expressions import Run, evaluate, render
from tests.e2e.deployment import deployed, tenant_of

TEAMS = recipe("Post to a Teams channel when a page is withdrawn")
TOTALS = recipe("Email the totals of each scan")
SCAN = recipe("Start a scan and wait until it ends")


async def test_a_withdrawn_page_is_posted_once(tmp_path: Path, azurite: Azurite) -> None:
    first, following = TEAMS.requests
    async with tenant_of(tmp_path, users=30) as tenant, deployed(tenant, azurite) as product:
        platform = connect(product, tmp_path)
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
    narrow, wide = ([run for run in runs if evaluate(condition, Run(trigger=run))] for condition in TEAMS.expressions)
    assert [run["userId"] for run in narrow] == [withdrawn, at_last]
    assert sorted(run["userId"] for run in wide) == sorted([withdrawn, unlicensed, at_last])
    message = render(TEAMS.texts[0], Run(trigger=narrow[0]))
    assert tenant.user(withdrawn).display_name in message
    assert narrow[0]["previousUrl"] in message
    assert "@{" not in message


def test_a_withdrawn_page_without_a_name_can_be_posted() -> None:
    nothing = dict.fromkeys(("displayName", "fromStatus", "previousUrl", "url", "anonymousUrl", "department"))
    change = {**nothing, "kind": "gone", "userPrincipalName": "a@contoso.com", "toStatus": "gone"}
    narrow, wide = (evaluate(condition, Run(trigger=change)) for condition in TEAMS.expressions)
    message = render(TEAMS.texts[0], Run(trigger=change))

    assert (narrow, wide) == (False, True)
    assert "a@contoso.com" in message
    assert "not known" in message


async def test_each_scan_is_reported_once_however_it_ends(tmp_path: Path, azurite: Azurite) -> None:
    first, following = TOTALS.requests
    async with tenant_of(tmp_path, users=60) as tenant, deployed(tenant, azurite) as product:
        platform = connect(product, tmp_path)
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
    assert [evaluate(not_well, Run(trigger=run)) for run in (completed, *runs)] == [False, True]
    texts = [render(TOTALS.texts[0], Run(trigger=run)) for run in (completed, *runs)]
    assert f"Published: {completed['byStatus']['published']}," in texts[0]
    assert "60 of 60 users checked" in texts[0]
    assert "Error: none" in texts[0]
    assert not any("@{" in text or "None" in text for text in texts)


def test_a_failed_scan_without_totals_can_be_reported() -> None:
    nothing = dict.fromkeys(("finishedAt", "usersListed", "usersProbed", "byStatus", "throttledWaits", "estimatedEnd"))
    run = {**nothing, "state": "failed", "startedAt": "2026-11-21T08:41:59Z", "warnings": [], "error": "no tables"}
    text = render(TOTALS.texts[0], Run(trigger=run))

    assert "0 of 0 users checked" in text
    assert "Error: no tables" in text
    assert "None" not in text


async def test_a_scan_is_followed_through_the_gateway(tmp_path: Path, azurite: Azurite) -> None:
    start, follow = SCAN.requests
    async with tenant_of(tmp_path, users=30) as tenant, deployed(tenant, azurite) as product:
        platform = connect(product, tmp_path)
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
    assert evaluate(SCAN.expressions[0], Run(outputs={"Start_scan": {"body": scan}}))
    assert not evaluate(SCAN.expressions[0], Run(outputs={"Start_scan": {"body": {"state": "failed"}}}))
