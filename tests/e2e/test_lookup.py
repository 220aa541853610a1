"""One user's page on demand: from the row, or live by the same path as a scan."""

from pathlib import Path
from urllib.parse import quote

from local.azurite import Azurite
from local.simulator import Fault
from tests.e2e.deployment import Deployment, deployed, tenant_of
from tests.e2e.scanned import only_reads

LOOK_UP_MEMBERS = {
    "userId, userPrincipalName, displayName, department, accountEnabled, userType, recipientType, primarySmtpAddress",
    "mailboxGuid, status, reason, url, anonymousUrl, meetingTypes, bookable, policyVerdict, policyReason, findings",
    "lastKnownStatus, lastKnownAt, checkedAt, changedAt, scanId, fix, source, availability, availabilityProblem",
}


def percent_encoded(text: str) -> str:
    """One path segment."""
    return quote(text, safe="")


@only_reads
async def test_the_row_is_found_by_every_form_of_a_user(scanned: Deployment) -> None:
    user = scanned.user_with("published")
    row = (await scanned.rows())[user["id"]]
    requests_before = scanned.tenant.metrics()
    responses = [
        await scanned.lookup(percent_encoded(form), availability="false")
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
    requests_after = scanned.tenant.metrics()

    for response in responses:
        assert response.status_code == 200, response.text
        assert response.json()["userId"] == user["id"]
        assert response.json()["source"] == "row"
        assert response.json()["url"] == row["Url"]
    assert set(responses[0].json()) == {name for names in LOOK_UP_MEMBERS for name in names.split(", ")}
    assert requests_after["services"] == requests_before["services"]


@only_reads
async def test_names_with_special_characters_are_found(scanned: Deployment) -> None:
    licensed = scanned.tenant.control.users(0, 5000, licensed=True)
    special = [next(user for user in licensed if sign in user["upn"]) for sign in ("'", "+", "#EXT#")]
    responses = [await scanned.lookup(percent_encoded(user["upn"])) for user in special]

    assert [response.json()["userId"] for response in responses] == [user["id"] for user in special]


async def test_a_fresh_lookup_writes_the_row_but_not_its_scan_id(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=30) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        user = product.user_with("notSetUp")
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


async def test_a_user_without_a_row_is_queried_live(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=30) as tenant, deployed(tenant, azurite) as product:
        user = product.user_with("published")
        first = await product.lookup(user["upn"])
        second = await product.lookup(user["id"])

    assert first.json()["source"] == "live"
    assert first.json()["status"] == "published"
    assert first.json()["scanId"] is None
    assert second.json()["source"] == "row"


@only_reads
async def test_unlicensed_and_unknown_users_are_distinguished(scanned: Deployment) -> None:
    rows_before = await scanned.rows()
    without_plan = await scanned.lookup(scanned.user_with("notLicensed")["upn"])
    by_name = await scanned.lookup("nobody@contoso.com")
    by_id = await scanned.lookup("00000000-0000-4000-8000-000000000001", fresh="true")
    rows_after = await scanned.rows()

    assert without_plan.json()["status"] == "notLicensed"
    assert by_name.status_code == by_id.status_code == 404
    assert by_name.json()["code"] == by_id.json()["code"] == "userNotFound"
    assert rows_after.keys() == rows_before.keys()


async def test_a_user_who_lost_the_plan_becomes_gone(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=20) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        user = product.user_with("published")
        tenant.change_user(user["index"], "lose_licence")
        response = await product.lookup(user["upn"], fresh="true")
        again = await product.lookup(user["upn"], fresh="true")
        changes = await product.rows("BookingsChanges")
        everyone = (await product.http.get("/api/users")).json()["value"]
        only_gone = (await product.http.get("/api/users?status=GONE&limit=10")).json()["value"]

    assert [one["userId"] for one in only_gone] == [user["id"]]
    assert user["id"] not in {one["userId"] for one in everyone}
    assert response.json()["status"] == again.json()["status"] == "gone"
    assert response.json()["url"] is None
    assert [change["Kind"] for change in changes.values()] == ["gone"]


async def test_a_row_is_served_while_the_directory_is_unavailable(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=20) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        user = product.user_with("published")
        tenant.add_fault(Fault("graph", status=503, times=None))
        with_row = await product.lookup(user["upn"], fresh="true")
        without_row = await product.lookup("new.user@contoso.com")

    assert with_row.status_code == 200
    assert with_row.json()["status"] == "published"
    assert without_row.status_code == 503
    assert without_row.json()["code"] == "upstreamUnavailable"


async def test_a_gone_user_stays_gone_while_the_directory_fails(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=10) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        user = product.user_with("published")
        tenant.change_user(user["index"], "lose_licence")
        gone = await product.lookup(user["upn"], fresh="true")
        tenant.add_fault(Fault("graph", status=403, times=None))
        away = await product.lookup(user["upn"], fresh="true")
        row, changes = (await product.rows())[user["id"]], await product.rows("BookingsChanges")

    assert gone.json()["status"] == away.json()["status"] == row["Status"] == "gone"
    assert away.json()["source"] == "row"
    assert [change["Kind"] for change in changes.values()] == ["gone"]


async def test_a_404_from_a_proxy_makes_no_user_gone(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=10) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        user = product.user_with("published")
        tenant.add_fault(Fault("graph.user", status=404, error="UnknownError", times=None))
        with_row = await product.lookup(user["upn"], fresh="true")
        without_row = await product.lookup("new.user@contoso.com")
        row = (await product.rows())[user["id"]]

    assert with_row.json()["status"] == row["Status"] == "published"
    assert without_row.status_code == 502
    assert without_row.json()["code"] == "upstreamNotUnderstood"
