"""Lists of users, CSV files and the feed of changes."""

import asyncio
import csv
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.azurite import Azurite
from local.simulator import Fault
from tests.e2e.deployment import Deployment, deployed, tenant_of
from tests.e2e.scanned import only_reads


async def read_all_pages(http: httpx.AsyncClient, first: str) -> list[dict[str, Any]]:
    """All items, following `nextLink` to the end."""
    found: list[dict[str, Any]] = []
    address: str | None = first
    while address:
        response = await http.get(address)
        assert response.status_code == 200, response.text
        found += response.json()["value"]
        address = response.json()["nextLink"]
    return found


def ids(users: list[dict[str, Any]]) -> list[str]:
    return [user["userId"] for user in users]


@only_reads
@pytest.mark.parametrize("size", [7, 200, 1000])
async def test_every_page_size_lists_all_users(scanned: Deployment, size: int) -> None:
    users = await read_all_pages(scanned.http, f"/api/users?limit={size}")

    assert ids(users) == sorted(await scanned.rows())


@only_reads
async def test_pages_of_one_user_list_every_match(scanned: Deployment) -> None:
    users = await read_all_pages(scanned.http, "/api/users?status=noMailbox,signInRequired&limit=1")

    rows = await scanned.rows()
    assert ids(users) == sorted(key for key in rows if rows[key]["Status"] in {"noMailbox", "signInRequired"})
    assert len(users) > 5


async def test_paging_during_a_scan_lists_each_user_once(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=36) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        tenant.behave(bookings={"latency_ms": 20})
        for user in tenant.users(top=36)[::3]:
            tenant.change_user(user["index"], "delete_page")
        scan_id = (await product.http.post("/api/scans")).json()["id"]
        listings = []
        while (await product.get_scan(scan_id))["state"] in {"pending", "running"}:
            listings.append(ids(await read_all_pages(product.http, "/api/users?limit=9")))
        rows = await product.rows()

    assert len(listings) > 1
    for listing in listings:
        assert listing == sorted(rows)


@only_reads
async def test_filters_select_the_matching_users(scanned: Deployment) -> None:
    everyone = await read_all_pages(scanned.http, "/api/users?limit=1000")

    async def found(query: str) -> list[str]:
        return ids(await read_all_pages(scanned.http, f"/api/users?{query}&limit=10"))

    def ids_where(condition: Any) -> list[str]:
        return [user["userId"] for user in everyone if condition(user)]

    some = everyone[5]
    last_name = some["displayName"].split()[-1]
    expected = {
        "status=published,notSetUp": ids_where(lambda user: user["status"] in {"published", "notSetUp"}),
        "domain=Contoso.com": ids_where(lambda user: user["userPrincipalName"].lower().endswith("@contoso.com")),
        "enabled=false": ids_where(lambda user: user["accountEnabled"] is False),
        "userType=guest": ids_where(lambda user: user["userType"] == "Guest"),
        "enabled=true&status=published": ids_where(
            lambda user: user["accountEnabled"] is True and user["status"] == "published"
        ),
    }
    by_upn = await found(f"search={some['userPrincipalName'][:8].upper().replace('+', '%2B')}")
    by_word = await found(f"search={last_name}")

    assert {query: await found(query) for query in expected} == expected
    assert all(expected.values())
    assert some["userId"] in by_upn
    assert some["userId"] in by_word


@only_reads
async def test_a_csv_file_holds_the_complete_result(scanned: Deployment) -> None:
    rows = await scanned.rows()
    response = await scanned.http.get("/api/users", headers={"Accept": "text/csv"})
    part = await scanned.http.get("/api/users?format=csv&limit=12&status=published")

    assert response.headers["Content-Type"].startswith("text/csv")
    assert response.content.startswith(b"\xef\xbb\xbf")
    assert response.content.count(b"\r\n") >= len(rows) + 1
    table = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"), newline="")))
    assert [line["UserId"] for line in table] == sorted(rows)
    assert [line["Status"] for line in table] == [rows[key]["Status"] for key in sorted(rows)]
    assert {line["TenantId"] for line in table} == {scanned.tenant.tenant_id}
    assert len(list(csv.reader(io.StringIO(part.content.decode("utf-8-sig"), newline="")))) == 13
    assert 'rel="next"' in part.headers["Link"]


async def poll(product: Deployment, cursor: str | None) -> tuple[list[dict[str, Any]], str]:
    """What a polling trigger receives, and its new state."""
    response = await product.http.get("/api/changes", params={"since": cursor, "limit": "3"} if cursor else {})
    assert response.status_code == 200, response.text
    return response.json()["value"], response.json()["cursor"]


async def test_a_feed_polled_during_a_scan_is_complete(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=30) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        received, cursor = await poll(product, None)
        before = list(received)
        changed = [user for user in tenant.users(top=30) if user["expected"]["status"] == "published"]
        for user in changed:
            tenant.change_user(user["index"], "delete_page")
        tenant.behave(bookings={"latency_ms": 30})
        scan_id = (await product.http.post("/api/scans")).json()["id"]
        await product.wait_for_end(scan_id)
        # A change is served 10 s after it was written: polls go on until all have come, and a few more.
        received, quiet = [], 0
        while quiet < 3:
            news, cursor = await poll(product, cursor)
            received += news
            quiet = quiet + 1 if len(received) >= len(changed) and not news else 0
            await asyncio.sleep(0.2)
        newest, _ = await poll(product, None)

    assert before == []
    assert sorted(change["userId"] for change in received) == sorted(user["id"] for user in changed)
    assert {change["kind"] for change in received} == {"withdrawn"}
    assert [change["at"] for change in received] == sorted(change["at"] for change in received)
    assert {change["scanId"] for change in received} == {scan_id}
    assert newest == received[-1:]


INVALID_REQUESTS = (
    ("/api/users?limit=0", "invalidParameter", "limit"),
    ("/api/users?limit=1001", "invalidParameter", "limit"),
    ("/api/users?limit=ten", "invalidParameter", "limit"),
    ("/api/users?status=publisht", "invalidParameter", "status"),
    ("/api/users?status=notLicensed", "invalidParameter", "status"),
    ("/api/users?stauts=published", "invalidParameter", "stauts"),
    ("/api/users?enabled=maybe", "invalidParameter", "enabled"),
    ("/api/users?userType=Robot", "invalidParameter", "userType"),
    ("/api/users?domain=not%20a%20domain", "invalidParameter", "domain"),
    ("/api/users?domain=", "invalidParameter", "domain"),
    ("/api/users.csv?format=csv", "invalidParameter", "format"),
    ("/api/users?format=xlsx", "invalidParameter", "format"),
    ("/api/users?search=%20", "invalidParameter", "search"),
    ("/api/users?continuation=nonsense", "invalidContinuation", "continuation"),
    ("/api/changes?since=nonsense", "invalidCursor", "since"),
    ("/api/changes?since=", "invalidParameter", "since"),
    ("/api/changes?limit=-1", "invalidParameter", "limit"),
    ("/api/scans?limit=1.5", "invalidParameter", "limit"),
    ("/api/users/nobody/bookings", "invalidParameter", "user"),
    ("/api/users/https%3A%2F%2Fbook.ms%2Fabc/bookings", "invalidParameter", "user"),
    ("/api/users/https%3A%2F%2Foutlook.office.com%2Fowa%2F/bookings", "invalidParameter", "user"),
    ("/api/users/adele@contoso.com/bookings?fresh=perhaps", "invalidParameter", "fresh"),
)


@only_reads
async def test_invalid_parameters_are_named(scanned: Deployment) -> None:
    for path, code, field in INVALID_REQUESTS:
        response = await scanned.http.get(path)

        assert response.status_code == 400, path
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.json()["code"] == code
        assert [error["field"] for error in response.json()["errors"]] == [field], path


@only_reads
async def test_unknown_routes_and_methods_are_problems(scanned: Deployment) -> None:
    unknown_route = await scanned.http.get("/api/no/such/route")
    put = await scanned.http.put("/api/scans")
    deleting = await scanned.http.delete("/api/users/adele@contoso.com/bookings")

    assert unknown_route.status_code == 404
    assert unknown_route.json()["code"] == "routeNotFound"
    assert put.status_code == 405
    assert put.headers["Allow"] == "GET, POST"
    assert deleting.status_code == 405
    assert deleting.json()["code"] == "methodNotAllowed"


async def test_a_name_with_a_lone_surrogate_is_listed_and_exported(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=3) as tenant, deployed(tenant, azurite) as product:
        user = product.user_with("published")
        plan = {"servicePlanId": "199a5c09-e0ca-4e37-8f7c-b05d533e1ea2", "capabilityStatus": "Enabled"}
        cut = {"id": user["id"], "userPrincipalName": user["upn"], "displayName": "Ad\ud83d", "assignedPlans": [plan]}
        tenant.add_fault(Fault("graph.users", status=200, body=json.dumps({"value": [cut]}), times=None))
        scan = await product.scan()
        listed = await product.http.get("/api/users")
        exported = await product.http.get("/api/users", params={"format": "csv"})

    assert scan["state"] == "completed"
    assert [one["displayName"] for one in listed.json()["value"]] == ["Ad?"]
    (row,) = csv.DictReader(io.StringIO(exported.text.removeprefix("\ufeff")))
    assert row["DisplayName"] == "Ad?"
