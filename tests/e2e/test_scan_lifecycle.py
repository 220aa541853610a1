"""Scans as their routes report them: one at a time, with progress, stopped completely, taken over when lost."""

import asyncio
import os
import signal
from pathlib import Path

import httpx

from local.azurite import Azurite
from tests.e2e.deployment import deployed, expected_statuses, statuses, tenant_of

INSTANCES = "/runtime/webhooks/durabletask/instances"
SLOW = {"latency_ms": 60}


async def test_only_one_scan_runs_at_a_time(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=30) as tenant, deployed(tenant, azurite) as product:
        tenant.behave(bookings=SLOW)
        responses = await asyncio.gather(*(product.http.post("/api/scans") for _ in range(6)))
        scan_id = responses[0].json()["id"]
        scan = await product.wait_for_end(scan_id)
        scans = (await product.http.get("/api/scans")).json()

    assert {response.status_code for response in responses} == {202}
    assert {response.json()["id"] for response in responses} == {scan_id}
    assert scan["state"] == "completed"
    assert [scan["id"] for scan in scans["value"]] == [scan_id]
    assert scans["continuation"] is None


async def test_a_started_scan_is_polled_as_flows_do(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=30) as tenant, deployed(tenant, azurite) as product:
        tenant.behave(bookings=SLOW)
        started = await product.http.post("/api/scans")
        location = started.headers["Location"]
        while_running = await product.http.get(location)
        plainly = await product.http.get(location.partition("?")[0])
        await product.wait_for_end(started.json()["id"])
        at_the_end = await product.http.get(location)

    assert started.status_code == 202
    assert int(started.headers["Retry-After"]) > 0
    assert location == f"{product.host.url}/api/scans/{started.json()['id']}?async=true"
    assert while_running.status_code == 202
    assert while_running.headers["Location"] == location
    assert plainly.status_code == 200
    assert at_the_end.status_code == 200
    assert at_the_end.json()["state"] == "completed"


async def test_progress_moves_while_a_scan_runs(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=40) as tenant, deployed(tenant, azurite) as product:
        tenant.behave(bookings=SLOW)
        scan_id = (await product.http.post("/api/scans")).json()["id"]
        early = await product.wait_until_probed(scan_id, 4)
        later = await product.wait_until_probed(scan_id, early["usersProbed"] + 8)
        end = await product.wait_for_end(scan_id)

    assert 4 <= early["usersProbed"] < later["usersProbed"] < 40
    assert later["usersListed"] == 40
    assert sum(later["byStatus"].values()) == later["usersProbed"]
    assert later["estimatedEnd"] is not None
    assert end["usersProbed"] == 40
    assert end["estimatedEnd"] is None


async def test_a_stopped_scan_admits_the_next_one(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=80) as tenant, deployed(tenant, azurite) as product:
        tenant.behave(bookings=SLOW)
        scan_id = (await product.http.post("/api/scans")).json()["id"]
        await product.wait_until_probed(scan_id, 5)
        stopped = await product.http.delete(f"/api/scans/{scan_id}")
        request_count = tenant.metrics()["services"]["bookings"]["requests"]
        again = await product.http.delete(f"/api/scans/{scan_id}")
        tenant.behave(bookings={"latency_ms": 0})
        other = await product.scan()
        census = await product.rows("BookingsCensus")

    assert stopped.status_code == 202
    assert stopped.json()["state"] == "cancelled"
    assert request_count < 40
    assert again.status_code == 409
    assert again.json()["code"] == "scanNotRunning"
    assert other["id"] != scan_id
    assert other["state"] == "completed"
    assert census == {}


async def test_a_host_killed_during_a_scan_loses_nothing(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=40) as tenant:
        async with deployed(tenant, azurite) as product:
            tenant.behave(bookings=SLOW)
            lost = (await product.http.post("/api/scans")).json()["id"]
            await product.wait_until_probed(lost, 10)
            os.kill(product.host.pid, signal.SIGKILL)
            before = await product.rows()
        tenant.behave(bookings={"latency_ms": 0})
        async with deployed(tenant, azurite) as product:
            scan = await product.scan()
            lost_scan = await product.get_scan(lost)
            rows, changes = await product.rows(), await product.rows("BookingsChanges")

    assert 0 < len(before) < 40
    assert scan["id"] != lost
    assert scan["state"] == "completed"
    assert statuses(rows) == expected_statuses(product.expected())
    assert changes == {}
    assert lost_scan["state"] == "failed"
    assert "host" in lost_scan["error"]


async def test_an_unknown_scan_is_not_found(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=1) as tenant, deployed(tenant, azurite) as product:
        responses = [
            await product.http.get("/api/scans/nonsense"),
            await product.http.delete("/api/scans/scan-20260101T000000000-00000000"),
        ]

    for response in responses:
        assert response.status_code == 404
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.json()["code"] == "scanNotFound"


async def test_unavailable_storage_is_reported_in_one_sentence(tmp_path: Path, azurite: Azurite) -> None:
    nowhere = {"AzureWebJobsStorage": azurite.connection_string.replace(f":{azurite.port}/", ":9/")}
    async with tenant_of(tmp_path, users=1) as tenant, deployed(tenant, azurite, **nowhere) as product:
        started = await product.http.post("/api/scans")
        health = await product.http.get("/api/health")

    assert started.status_code == 503
    assert started.json()["code"] == "upstreamUnavailable"
    assert "AzureWebJobsStorage" in started.json()["detail"]
    assert health.status_code == 503
    assert health.json()["checks"]["tables"]["ok"] is False


async def test_invalid_settings_are_a_503_on_every_route(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=1) as tenant, deployed(tenant, azurite, TENANT_ID="x") as product:
        responses: list[httpx.Response] = [
            await product.http.get("/api/health"),
            await product.http.post("/api/scans"),
            await product.http.get("/api/scans"),
            await product.lookup("adele@contoso.com"),
        ]

    for response in responses:
        assert response.status_code == 503
        assert response.json()["code"] == "notConfigured"
        assert "TENANT_ID" in response.json()["detail"]


async def test_a_stopped_scan_stops_all_its_orchestrations(tmp_path: Path, azurite: Azurite) -> None:
    """The scan has continued as new while it listed users, and its lanes after eight turns."""
    async with tenant_of(tmp_path, users=60) as tenant, deployed(tenant, azurite) as product:
        tenant.behave(graph={"max_page_size": 4})
        scan_id = (await product.http.post("/api/scans")).json()["id"]
        await product.wait_until_probed(scan_id, 41)
        tenant.behave(bookings={"latency_ms": 2000})
        stopped = await product.http.delete(f"/api/scans/{scan_id}")
        orchestrations = (
            await product.http.get(INSTANCES, params={"instanceIdPrefix": scan_id, "code": product.host.code})
        ).json()

    assert stopped.json()["state"] == "cancelled"
    assert len(orchestrations) == 1 + 4
    assert {flow["runtimeStatus"] for flow in orchestrations} <= {"Completed", "Terminated"}


async def test_a_lane_that_fails_delays_only_the_next_scan(tmp_path: Path, azurite: Azurite) -> None:
    """Its scan fails; the next one starts when the other lanes have ended, and finds everything."""
    async with tenant_of(tmp_path, users=40) as tenant, deployed(tenant, azurite) as product:
        tenant.behave(bookings={"latency_ms": 100})
        scan_id = (await product.http.post("/api/scans")).json()["id"]
        await product.wait_until_probed(scan_id, 5)
        lane = f"/runtime/webhooks/durabletask/instances/{scan_id}:1:0"
        await product.http.post(f"{lane}/terminate", params={"reason": "test", "code": product.host.code})
        failed = await product.wait_for_end(scan_id)
        next_scan = await product.scan()
        rows = await product.rows()

    assert failed["state"] == "failed"
    assert next_scan["state"] == "completed"
    assert statuses(rows) == expected_statuses(product.expected())
