"""Live lookups are shared, reused and limited, and each lookup with availability emits one event without a person."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import httpx

from local.azurite import Azurite
from tests.e2e.deployment import Deployment, deployed, tenant_of
from tests.e2e.scanned import only_reads


def services(product: Deployment) -> int:
    """How many requests the tenant's services have received."""
    return sum(_numbers(product.tenant.metrics()["services"]))


def _numbers(part: Any) -> list[int]:
    if isinstance(part, dict):
        return [number for inner in part.values() for number in _numbers(inner)]
    return [part] if isinstance(part, int) else []


async def test_concurrent_lookups_of_one_user_share_one_query(tmp_path: Path, azurite: Azurite) -> None:
    """300 fresh lookups of one user at once sent 1,847 requests; now all share those of one."""
    async with (
        tenant_of(tmp_path, users=5) as tenant,
        deployed(tenant, azurite, LIVE_LOOKUPS_PER_MINUTE="1000") as product,
    ):
        await product.scan()
        user = product.user_with("published")["id"]
        before = services(product)
        await product.lookup(user, fresh="true")
        alone = services(product) - before
        responses = await asyncio.gather(*(product.lookup(user, fresh="true") for _ in range(60)))
        together = services(product) - before - alone

    assert {response.status_code for response in responses} == {200}
    assert alone > 2
    assert together <= 5 * alone


async def test_a_live_result_is_reused(tmp_path: Path, azurite: Azurite) -> None:
    async with (
        tenant_of(tmp_path, users=5) as tenant,
        deployed(tenant, azurite, LIVE_REUSE_SECONDS="60") as product,
    ):
        await product.scan()
        user = product.user_with("published")["id"]
        before = services(product)
        first = (await product.lookup(user, fresh="true")).json()
        policy = (await product.http.get("/api/policy")).json()
        queried = services(product)
        again = (await product.lookup(user, fresh="true")).json()
        same_policy = (await product.http.get("/api/policy")).json()
        after = services(product)

    assert before < queried == after
    assert first == again
    assert first["source"] == "live"
    assert policy == same_policy


async def test_too_many_live_lookups_are_rejected(tmp_path: Path, azurite: Azurite) -> None:
    async with (
        tenant_of(tmp_path, users=5) as tenant,
        deployed(tenant, azurite, LIVE_LOOKUPS_PER_MINUTE="2") as product,
    ):
        await product.scan()
        user = product.user_with("published")["id"]
        lookups: list[httpx.Response] = [await product.lookup(user, fresh="true") for _ in range(3)]
        availability = await product.http.get(f"/api/users/{user}/availability")
        from_the_row = await product.lookup(user, availability="false")

    assert [response.status_code for response in lookups] == [200, 200, 429]
    assert lookups[2].json()["code"] == "tooManyRequests"
    assert 0 < int(lookups[2].headers["Retry-After"]) <= 60
    assert availability.status_code == 429
    assert from_the_row.status_code == 200


@only_reads
async def test_a_lookup_with_availability_emits_an_event(scanned: Deployment) -> None:
    """It shows who requested whose availability to those who can hash a name, and names no person."""
    user = scanned.user_with("published")
    before = events(scanned)
    await scanned.lookup(user["id"], availability="false")
    without_availability = events(scanned)
    await scanned.lookup(user["id"])
    await scanned.http.get(f"/api/users/{user['id']}/availability")
    after = events(scanned)[len(before) :]

    assert without_availability == before
    assert len(after) == 2
    assert {event["known"] for event in after} == {"true"}
    assert len({(event["caller"], event["user"]) for event in after}) == 1
    assert user["id"] not in json.dumps(after)
    assert user["upn"] not in json.dumps(after)


def events(product: Deployment) -> list[dict[str, Any]]:
    """The events of lookups with availability in the log of the app."""
    found = re.findall(r"AvailabilityQueried (\{.*?\})", product.host.log())
    return [json.loads(text) for text in found]


@only_reads
async def test_a_user_who_does_not_exist_can_be_a_result(scanned: Deployment) -> None:
    rejected = await scanned.lookup("nobody@contoso.com")
    page = await scanned.lookup("nobody@contoso.com", ifNotFound="status")
    times = await scanned.http.get("/api/users/nobody@contoso.com/availability?ifNotFound=status")

    assert (rejected.status_code, rejected.json()["code"]) == (404, "userNotFound")
    for response in (page, times):
        document = response.json()
        assert response.status_code == 200
        assert document.pop("status") == "notFound"
        assert set(document.values()) == {None}


@only_reads
async def test_availability_is_that_of_the_lookup(scanned: Deployment) -> None:
    window = {"from": "2026-11-23T08:00:00Z", "to": "2026-11-24T08:00:00Z"}
    user = scanned.user_with("published")["id"]
    page = (await scanned.lookup(user, **window)).json()
    times = (await scanned.http.get(f"/api/users/{user}/availability", params=window)).json()

    assert times["availability"]["items"]
    assert times == {name: page[name] for name in times}
    assert list(times) == ["userId", "userPrincipalName", "status", "url", "availability", "availabilityProblem"]


@only_reads
async def test_csv_has_a_route_and_parts(scanned: Deployment) -> None:
    by_route = await scanned.http.get("/api/users.csv")
    by_format = await scanned.http.get("/api/users?format=csv", headers={"Accept-Encoding": "identity"})
    parts, url = [], f"{scanned.host.url}/api/users.csv?limit=80"
    while url:
        part = await scanned.http.get(url)
        parts += part.text.removeprefix("\ufeff").splitlines()[1:]
        url = part.links.get("next", {}).get("url", "")

    assert by_route.headers["Content-Encoding"] == "gzip"
    assert by_route.text == by_format.text
    assert parts == by_route.text.splitlines()[1:]
    assert by_route.headers["x-content-type-options"] == "nosniff"


async def test_changes_are_filtered_by_kind(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=10) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        start = (await product.http.get("/api/changes")).json()["cursor"]
        user = product.user_with("published")["id"]
        tenant.change_user(user, "delete_page")
        await product.lookup(user, fresh="true", availability="false")
        query = {"since": start}
        while not (found := (await product.http.get("/api/changes", params=query)).json())["value"]:
            await asyncio.sleep(0.5)
        withdrawn = (await product.http.get("/api/changes", params={**query, "kind": "withdrawn,gone"})).json()
        set_up = (await product.http.get("/api/changes", params={**query, "kind": "setUp"})).json()

    assert [change["kind"] for change in withdrawn["value"]] == ["withdrawn"]
    assert set_up["value"] == []
    assert set_up["cursor"] == withdrawn["cursor"] == found["cursor"]
