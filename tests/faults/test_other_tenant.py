"""A scan of a tenant that is not our simulator: malformed records, throttling, and an outage of 20 seconds."""

import httpx

from local.azurite import Azurite
from local.run_host import UNSET
from tests.e2e.deployment import ROOT, Deployment, statuses
from tests.faults.other_tenant import expected_statuses, other_tenant
from tests.forked import forked_host

TIMER_SPEED = 10
OUTAGE_SECONDS = 20


async def test_every_user_of_another_tenant_is_correct(azurite: Azurite) -> None:
    """Durable timers run ten times faster, so the outage lasts as long for the scan as 20 seconds do in reality."""
    async with other_tenant() as tenant:
        settings = {**UNSET, **tenant.settings(), "AzureWebJobsStorage": azurite.connection_string}
        with forked_host(ROOT, settings=settings, arguments=("--timer-speed", str(TIMER_SPEED))) as host:
            async with httpx.AsyncClient(base_url=host.url, timeout=60) as http:
                product = Deployment(None, host, http, settings)  # type: ignore[arg-type] # has no simulated tenant
                scan_id = (await http.post("/api/scans")).json()["id"]
                await product.wait_until_probed(scan_id, 10)
                tenant.begin_outage(OUTAGE_SECONDS / TIMER_SPEED)
                scan = await product.wait_for_end(scan_id)
                rows = await product.rows()

    found = statuses(rows)
    assert {
        key: (found.get(key), status) for key, status in expected_statuses().items() if found.get(key) != status
    } == {}
    assert found.keys() == expected_statuses().keys()
    assert scan["state"] == "completed", scan
    assert tenant.refused_in_outage > 0
    assert tenant.throttled > 10
    assert tenant.writes == []
