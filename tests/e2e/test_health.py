"""``GET /api/health``: what works, and how old the last scan is."""

from pathlib import Path

from local.azurite import Azurite
from local.simulator import Fault
from tests.e2e.deployment import deployed, tenant_of


async def test_health_reports_each_service_and_the_last_scan(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=5) as tenant, deployed(tenant, azurite) as product:
        tenant.behave(exchange={"role": None})
        await product.scan()
        response = await product.http.get("/api/health")
        requests_before = tenant.metrics()["services"]
        again = await product.http.get("/api/health")
        requests_after = tenant.metrics()["services"]

    health = response.json()
    assert response.status_code == 200
    assert health["status"] == "degraded"
    assert {name for name, check in health["checks"].items() if check["ok"]} == {
        "signIn",
        "graph",
        "bookings",
        "tables",
    }
    assert "Exchange.ManageAsApp" in health["checks"]["exchange"]["detail"]
    assert health["lastScan"]["state"] == "completed"
    assert again.json()["status"] == "degraded"
    assert requests_after == requests_before


async def test_health_is_degraded_while_a_service_throttles(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=3) as tenant, deployed(tenant, azurite) as product:
        tenant.add_fault(Fault("graph.users", status=429, retry_after="60", times=None))
        response = await product.http.get("/api/health")

    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["checks"]["graph"]["ok"] is False
    assert "429" in response.json()["checks"]["graph"]["detail"]
