"""A scan of the whole product inventories shared pages, and its routes return them."""

from urllib.parse import quote

from local.azurite import Azurite
from local.simulator import SharedPageKind
from tests.e2e.deployment import deployed, tenant_of

PERMITTED = ["User.Read.All", "Bookings.Read.All", "GroupMember.Read.All", "AuditLogsQuery-Exchange.Read.All"]


async def test_a_scan_inventories_shared_pages(tmp_path, azurite: Azurite):
    async with tenant_of(tmp_path, users=12, shared_pages=len(SharedPageKind) - 1) as tenant:
        tenant.behave(sign_in={"graph_roles": PERMITTED}, graph={"audit_polls": 0})
        async with deployed(tenant, azurite, SHARED_PAGES="true") as atlas:
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

    assert (scan["state"], scan["warnings"]) == ("completed", [])
    assert len(first["value"]) + len(rest["value"]) == len(pages)
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
