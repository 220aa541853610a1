"""A scan of the complete product inventories shared pages, and its routes return them."""

import asyncio
import csv
import io
import json
from urllib.parse import quote

import httpx

from local.azurite import Azurite
from local.simulator import SharedPageKind
from local.simulator.shared_pages import FINDINGS
from tests.e2e.deployment import deployed, tenant_of

Kind = SharedPageKind
NEAR_MISSES = {
    Kind.SIGN_IN_UNKNOWN: "signInEnabled",
    Kind.NEARLY_RESERVED_ADDRESS: "reservedAddress",
    Kind.NEARLY_LOOK_ALIKE_ADDRESS: "lookAlikeAddress",
    Kind.NEARLY_DUPLICATE_NAME: "duplicateName",
    Kind.SOMEBODY_LEFT: "nobodyLeft",
    Kind.ENOUGH_HOLDERS: "tooManyHolders",
    Kind.INTERNAL_GUEST_STAFF: "externalStaff",
    Kind.UNPUBLISHED_EMPTY: "publishedEmpty",
    Kind.NOT_IN_GRAPH: "notInExchange",
    Kind.HIDDEN_AND_UNPUBLISHED: "hiddenButPublished",
}
"""The finding that a page of this kind nearly has."""


async def test_a_scan_inventories_shared_pages(tmp_path, azurite: Azurite):
    async with (
        tenant_of(tmp_path, users=40, shared_pages=len(SharedPageKind) - 1) as tenant,
        deployed(tenant, azurite, SHARED_PAGES="true") as atlas,
    ):
        scan = await atlas.scan()
        pages = {page.kind: page for page in tenant.shared_pages()}
        page = pages[SharedPageKind.EXTERNAL_STAFF]

        first = (await atlas.http.get("/api/shared-pages", params={"limit": 20})).json()
        rest = (await atlas.http.get(first["nextLink"])).json()
        found = (await atlas.http.get("/api/shared-pages", params={"finding": "externalStaff"})).json()["value"]
        details = (await atlas.http.get(f"/api/shared-pages/{quote(page.address, safe='')}")).json()
        missing = await atlas.http.get("/api/shared-pages/nobody%40contoso.com")
        mine = (await atlas.http.get(f"/api/users/{quote(page.full_access[0], safe='')}/shared-pages")).json()
        account = (await atlas.lookup(page.account_id, availability="false")).json()
        changes = (await atlas.http.get("/api/shared-page-changes")).json()
        rows = await atlas.rows("SharedBookings")
        by_header = await atlas.http.get("/api/shared-pages", headers={"Accept": "text/csv"})
        by_route = await atlas.http.get("/api/shared-pages.csv")
        by_format = await atlas.http.get("/api/shared-pages?format=csv&limit=7&published=true")

    assert (scan["state"], scan["warnings"]) == ("completed", [])
    assert len(first["value"]) + len(rest["value"]) == len(pages)
    findings = {one["id"]: set(one["findings"]) for one in (*first["value"], *rest["value"])}
    assert {kind: name for kind, name in FINDINGS.items() if name not in findings[pages[kind].address]} == {}
    assert {kind: name for kind, name in NEAR_MISSES.items() if name in findings[pages[kind].address]} == {}
    assert page.address in {one["id"] for one in found}
    assert details["id"] == page.address
    assert [one["role"] for one in details["staff"]] == [role for _, _, role in page.staff]
    assert {one["name"] for one in details["findingDetails"]} == set(details["findings"])
    assert all(one["fix"] and one["evidence"] for one in details["findingDetails"])
    assert (missing.status_code, missing.json()["code"]) == (404, "sharedPageNotFound")
    assert page.address in {one["id"] for one in mine["value"]}
    assert account["status"] == "notLicensed"
    assert page.address in account["reason"]
    assert changes["value"] == []
    assert by_header.content == by_route.content
    table = csv_rows(by_route)
    assert [line["PrimarySmtpAddress"] for line in table] == [rows[key]["PrimarySmtpAddress"] for key in sorted(rows)]
    line = next(line for line in table if line["PrimarySmtpAddress"] == page.address)
    assert (line["TenantId"], line["Published"], line["StaffCount"]) == (tenant.tenant_id, "true", str(len(page.staff)))
    assert {holder["upn"] for holder in json.loads(line["Holders"])} >= set(page.full_access)
    assert len(csv_rows(by_format)) == 7
    assert 'rel="next"' in by_format.headers["Link"]


async def test_changes_are_listed_by_kind(tmp_path, azurite: Azurite):
    async with (
        tenant_of(tmp_path, users=4, shared_pages=4) as tenant,
        deployed(tenant, azurite, SHARED_PAGES="true") as atlas,
    ):
        await atlas.scan()
        first, second, *_ = tenant.shared_pages()
        start = (await atlas.http.get("/api/shared-page-changes")).json()["cursor"]
        tenant.change_shared_page(first.index, "unpublish")
        tenant.change_shared_page(second.index, "grant", trustee="new@contoso.com")
        await atlas.scan()
        everything: dict = {"value": []}
        while len(everything["value"]) < 2:  # a change is served 10 s after it was written
            everything = (await atlas.http.get("/api/shared-page-changes", params={"since": start})).json()
            await asyncio.sleep(0.2)
        one_kind = await atlas.http.get(
            "/api/shared-page-changes", params={"since": start, "kind": "accessGranted,created"}
        )
        invalid = await atlas.http.get("/api/shared-page-changes", params={"kind": "renamed"})

    assert {(one["kind"], one["pageId"]) for one in everything["value"]} == {
        ("unpublished", first.address),
        ("accessGranted", second.address),
    }
    assert [one["kind"] for one in one_kind.json()["value"]] == ["accessGranted"]
    assert one_kind.json()["cursor"] == everything["cursor"]
    assert (invalid.status_code, invalid.json()["errors"][0]["field"]) == (400, "kind")


def csv_rows(response: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"), newline="")))
