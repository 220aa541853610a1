"""One user's page on demand: from the row, or live by the same path as a scan."""

from pathlib import Path
from urllib.parse import quote

from local.azurite import Azurite
from local.simulator import Fault
from tests.e2e.deployment import deployed, tenant_of

LOOK_UP_MEMBERS = {
    "userId, userPrincipalName, displayName, department, accountEnabled, userType, recipientType, primarySmtpAddress",
    "mailboxGuid, status, reason, url, anonymousUrl, meetingTypes, bookable, policyVerdict, policyReason, findings",
    "lastKnownStatus, lastKnownAt, checkedAt, changedAt, scanId, fix, source, availability, availabilityProblem",
}


def percent_encoded(text: str) -> str:
    """One path segment."""
    return quote(text, safe="")


async def test_the_row_answers_by_upn_in_any_case_object_id_and_pasted_url(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=40) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        user = product.somebody("published")
        row = (await product.rows())[user["id"]]
        asked_before = tenant.metrics()
        answers = [
            await product.lookup(percent_encoded(form), availability="false")
            for form in (
                user["upn"],
                user["upn"].upper(),
                percent_encoded(user["upn"]),
                user["id"],
                row["Url"],
                row["AnonymousUrl"],
                row["Url"].replace("@", "%40") + "/meetingtype/some-id?anonymous&ep=mlink",
            )
        ]
        asked_after = tenant.metrics()

    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert answer.json()["userId"] == user["id"]
        assert answer.json()["source"] == "row"
        assert answer.json()["url"] == row["Url"]
    assert set(answers[0].json()) == {name for names in LOOK_UP_MEMBERS for name in names.split(", ")}
    assert asked_after["services"] == asked_before["services"]


async def test_names_with_odd_characters_are_found(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=200) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        users = tenant.users(top=5000)
        licensed = [user for user in users if user["expected"]["status"] != "notLicensed"]
        odd = [next(user for user in licensed if sign in user["upn"]) for sign in ("'", "+", "#EXT#")]
        answers = [await product.lookup(percent_encoded(user["upn"])) for user in odd]

    assert [answer.json()["userId"] for answer in answers] == [user["id"] for user in odd]


async def test_fresh_asks_microsoft_365_and_writes_the_row_without_a_scan_id(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=30) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        user = product.somebody("notSetUp")
        before = (await product.rows())[user["id"]]
        tenant.change_user(user["index"], "open_bookings")
        stale = await product.lookup(user["upn"])
        fresh = await product.lookup(user["upn"], fresh="true")
        row = (await product.rows())[user["id"]]
        changes = await product.rows("BookingsChanges")

    assert stale.json()["status"] == "notSetUp"
    assert fresh.json()["status"] == "published"
    assert fresh.json()["source"] == "live"
    assert row["Status"] == "published"
    assert row["ScanId"] == before["ScanId"]
    assert [change["Kind"] for change in changes.values()] == ["setUp"]


async def test_a_user_whom_no_scan_has_seen_is_asked_for(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=30) as tenant, deployed(tenant, azurite) as product:
        user = product.somebody("published")
        first = await product.lookup(user["upn"])
        second = await product.lookup(user["id"])

    assert first.json()["source"] == "live"
    assert first.json()["status"] == "published"
    assert first.json()["scanId"] is None
    assert second.json()["source"] == "row"


async def test_who_has_no_plan_is_not_licensed_and_who_does_not_exist_is_not_found(
    tmp_path: Path, azurite: Azurite
) -> None:
    async with tenant_of(tmp_path, users=10) as tenant, deployed(tenant, azurite) as product:
        user = product.somebody("notLicensed")
        without_plan = await product.lookup(user["upn"])
        nobody = await product.lookup("nobody@contoso.com")
        nobodys_id = await product.lookup("00000000-0000-4000-8000-000000000001", fresh="true")
        rows = await product.rows()

    assert without_plan.json()["status"] == "notLicensed"
    assert nobody.status_code == nobodys_id.status_code == 404
    assert nobody.json()["code"] == nobodys_id.json()["code"] == "userNotFound"
    assert rows == {}


async def test_a_row_whose_user_lost_the_plan_becomes_gone(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=20) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        user = product.somebody("published")
        tenant.change_user(user["index"], "lose_licence")
        answer = await product.lookup(user["upn"], fresh="true")
        again = await product.lookup(user["upn"], fresh="true")
        changes = await product.rows("BookingsChanges")

    assert answer.json()["status"] == again.json()["status"] == "gone"
    assert answer.json()["url"] is None
    assert [change["Kind"] for change in changes.values()] == ["gone"]


async def test_a_directory_that_cannot_be_asked_leaves_a_user_with_a_row_answered(
    tmp_path: Path, azurite: Azurite
) -> None:
    async with tenant_of(tmp_path, users=20) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        user = product.somebody("published")
        tenant.add_fault(Fault("graph", status=503, times=None))
        with_row = await product.lookup(user["upn"], fresh="true")
        without_row = await product.lookup("somebody.new@contoso.com")

    assert with_row.status_code == 200
    assert with_row.json()["status"] == "published"
    assert without_row.status_code == 503
    assert without_row.json()["code"] == "upstreamUnavailable"


async def test_a_user_who_is_gone_stays_gone_while_the_directory_is_away(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=10) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        user = product.somebody("published")
        tenant.change_user(user["index"], "lose_licence")
        gone = await product.lookup(user["upn"], fresh="true")
        tenant.add_fault(Fault("graph", status=403, times=None))
        away = await product.lookup(user["upn"], fresh="true")
        row, changes = (await product.rows())[user["id"]], await product.rows("BookingsChanges")

    assert gone.json()["status"] == away.json()["status"] == row["Status"] == "gone"
    assert away.json()["source"] == "row"
    assert [change["Kind"] for change in changes.values()] == ["gone"]


async def test_a_404_that_is_not_of_graph_itself_makes_nobody_gone(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=10) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        user = product.somebody("published")
        tenant.add_fault(Fault("graph.user", status=404, error="UnknownError", times=None))
        with_row = await product.lookup(user["upn"], fresh="true")
        without_row = await product.lookup("somebody.new@contoso.com")
        row = (await product.rows())[user["id"]]

    assert with_row.json()["status"] == row["Status"] == "published"
    assert without_row.status_code == 502
    assert without_row.json()["code"] == "upstreamNotUnderstood"
