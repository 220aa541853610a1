"""The complete product for one measurement: simulated tenant, storage and local host, and what the host costs."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.table_stand_in import StandIn, table_stand_in
from local.azurite import Azurite, azurite_tables
from local.host.child import host_child
from local.run_host import CHECKOUT, UNSET
from local.simulator import MIXES, SimulatedTenant, TenantPlan, running

POLL_SECONDS = 1.0
"""Rarely: each request for the status is work of the host."""
SCAN_TIMEOUT_SECONDS = 560.0


@dataclass(frozen=True, slots=True)
class Setup:
    """What is measured."""

    users: int
    latency_ms: float = 0
    """Of every service of Microsoft 365."""
    concurrency: int = 4
    shared_pages: int = 0
    azurite: bool = False
    """Otherwise the stand-in, whose cost per operation is constant."""
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Cost:
    """What a complete scan took."""

    wall_seconds: float
    cpu_seconds: float
    """Of the host's process alone."""
    peak_bytes: int
    """The host's largest resident size during the scan."""
    storage_cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Deployment:
    """A running product and the tenant that it scans."""

    setup: Setup
    tenant: SimulatedTenant
    http: httpx.AsyncClient
    host: psutil.Process
    storage: StandIn | Azurite
    scans: list[dict[str, float]]
    """Every scan of this run, for `benchmarks.plan`."""

    async def scan(self) -> Cost:
        """Scan the tenant once. Raises RuntimeError if that does not complete, TimeoutError if it takes too long."""
        self.tenant.reset_metrics()
        if isinstance(self.storage, StandIn):
            await self.storage.reset()
        storage = psutil.Process(self.storage.pid)
        cpu_before, storage_before = _cpu(self.host), _cpu(storage)
        address = f"/api/scans/{(await self.http.post('/api/scans')).json()['id']}"
        peak = 0
        async with asyncio.timeout(SCAN_TIMEOUT_SECONDS):
            while (scan := await self._state(address))["state"] in {"pending", "running"}:
                peak = max(peak, self.host.memory_info().rss)
                await asyncio.sleep(POLL_SECONDS)
        if scan["state"] != "completed":
            raise RuntimeError(f"the scan ended as {scan}")
        wall_seconds = (_moment(scan["finishedAt"]) - _moment(scan["startedAt"])).total_seconds()
        cost = Cost(wall_seconds, _cpu(self.host) - cpu_before, peak, _cpu(storage) - storage_before)
        setup = {
            "users": self.setup.users,
            "concurrency": self.setup.concurrency,
            "latency": self.setup.latency_ms / 1e3,
        }
        self.scans.append({**setup, "seconds": round(wall_seconds, 2), "cpu": round(cost.cpu_seconds, 2)})
        return cost

    def requests(self, service: str | None = None) -> int:
        """Requests to Microsoft 365 since the scan began."""
        services = self.tenant.metrics()["services"]
        names = {"graph", "exchange", "bookings"}
        return sum(
            counted["requests"] for name, counted in services.items() if name in names and service in (None, name)
        )

    def pages_requested(self) -> dict[str, int]:
        """Requests to Bookings by operation since the scan began."""
        return dict(self.tenant.metrics()["services"]["bookings"]["by_operation"])

    async def _state(self, address: str) -> dict[str, Any]:
        state: dict[str, Any] = (await self.http.get(address)).json()
        return state


@asynccontextmanager
async def deployed(setup: Setup) -> AsyncIterator[Deployment]:
    """A tenant without failing pages, and the product that scans it."""
    plan = TenantPlan(users=setup.users, mix=MIXES["healthy"], shared_pages=setup.shared_pages)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        storage: StandIn | Azurite
        if setup.azurite:
            storage = stack.enter_context(azurite_tables())
        else:
            storage = await stack.enter_async_context(table_stand_in())
        tenant = await stack.enter_async_context(running(plan, folder=Path(folder)))
        pace = {"latency_ms": setup.latency_ms}
        tenant.behave(graph=pace, exchange=pace, bookings=pace)
        settings = {
            **UNSET,
            **tenant.settings(),
            "AzureWebJobsStorage": storage.connection_string,
            "PROBE_CONCURRENCY": str(setup.concurrency),
            "SHARED_PAGES": "true" if setup.shared_pages else "false",
            **dict(setup.settings),
        }
        host = stack.enter_context(host_child(CHECKOUT, settings=settings))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=host.url, timeout=60))
        yield Deployment(setup, tenant, http, psutil.Process(host.pid), storage, [])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
