"""The whole product for one measurement: simulated tenant, Azurite and local host, and what the host costs."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from local.azurite import azurite_tables
from local.host.child import host_child
from local.run_host import CHECKOUT, UNSET
from local.simulator import MIXES, SimulatedTenant, TenantPlan, running

CONCURRENCY = 4
POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Cost:
    """What a whole scan took."""

    wall_seconds: float
    cpu_seconds: float
    """Of the host's process alone."""
    peak_bytes: int
    """The host's largest resident size, looked at twice a second."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A running product and the tenant that it scans."""

    tenant: SimulatedTenant
    http: httpx.AsyncClient
    host: psutil.Process
    connection_string: str

    async def scan(self) -> Cost:
        """Scan the tenant once. Raises RuntimeError if that does not complete."""
        self.tenant.reset_metrics()
        cpu_before, started_at, peak = _cpu(self.host), time.perf_counter(), 0
        address = f"/api/scans/{(await self.http.post('/api/scans')).json()['id']}"
        while (scan := (await self.http.get(address)).json())["state"] in {"pending", "running"}:
            peak = max(peak, self.host.memory_info().rss)
            await asyncio.sleep(POLL_SECONDS)
        if scan["state"] != "completed":
            raise RuntimeError(f"the scan ended as {scan}")
        return Cost(time.perf_counter() - started_at, _cpu(self.host) - cpu_before, peak)

    def requests(self, service: str | None = None) -> int:
        """Requests to Microsoft 365 since the scan began."""
        services = self.tenant.metrics()["services"]
        return sum(counted["requests"] for name, counted in services.items() if service in (None, name))


@asynccontextmanager
async def deployed(users: int, latency_ms: float = 0) -> AsyncIterator[Deployment]:
    """A tenant without failing pages, and the product that scans it with four calls in flight."""
    plan = TenantPlan(users=users, mix=MIXES["healthy"])
    with tempfile.TemporaryDirectory() as folder, azurite_tables() as azurite:
        async with running(plan, folder=Path(folder)) as tenant:
            pace = {"latency_ms": latency_ms}
            tenant.behave(graph=pace, exchange=pace, bookings=pace)
            settings = {**tenant.settings(), "AzureWebJobsStorage": azurite.connection_string, "SHARED_PAGES": "false"}
            concurrency = {"PROBE_CONCURRENCY": str(CONCURRENCY)}
            with host_child(CHECKOUT, settings={**UNSET, **settings, **concurrency}) as host:
                async with httpx.AsyncClient(base_url=host.url, timeout=60) as http:
                    yield Deployment(tenant, http, psutil.Process(host.pid), azurite.connection_string)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
