"""The complete product for one test: a simulated tenant, Azurite, and the local host with the unmodified app."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from azure.data.tables.aio import TableServiceClient

from local.azurite import Azurite
from local.host.child import HostChild
from local.run_host import UNSET
from local.simulator import MIXES, Evidence, SimulatedTenant, TenantPlan, running
from local.simulator.user_mixes import Mix
from tests.forked import forked_host
from tests.openapi_responses import check_against_the_description

ROOT = Path(__file__).parents[2]
TIMER_SPEED = 1000
"""How many times sooner durable timers fire: a wait of minutes takes a fraction of a second."""
RETRY_SPEED = 20
"""How many times sooner requests are repeated."""
type Document = dict[str, Any]


@dataclass(frozen=True)
class Deployment:
    """A running product and the tenant that it scans."""

    tenant: SimulatedTenant
    host: HostChild
    http: httpx.AsyncClient
    settings: Mapping[str, str]

    @asynccontextmanager
    async def beside(self, **settings: str) -> AsyncIterator["Deployment"]:
        """Another host for the same tenant and tables, with these settings on top."""
        async with _hosted(self.tenant, {**self.settings, **settings}) as other:
            yield other

    async def scan(self) -> Document:
        """Start a scan and wait for its end."""
        return await self.wait_for_end((await self.http.post("/api/scans")).json()["id"])

    async def wait_for_end(self, scan_id: str) -> Document:
        """The scan of this id once it has ended."""
        while (scan := await self.get_scan(scan_id))["state"] in {"pending", "running"}:
            await asyncio.sleep(0.15)
        return scan

    async def orchestration_ended(self, scan_id: str) -> None:
        """Wait until the orchestration of a scan has ended, whatever its row says."""
        address = f"/runtime/webhooks/durabletask/instances/{scan_id}"
        while (await self.http.get(address, params={"code": self.host.code})).status_code == httpx.codes.ACCEPTED:
            await asyncio.sleep(0.05)

    async def get_scan(self, scan_id: str) -> Document:
        """The scan as its route reports it now."""
        return (await self.http.get(f"/api/scans/{scan_id}")).json()

    async def wait_until_probed(self, scan_id: str, least: int) -> Document:
        """The scan once it has probed at least this many users."""
        while ((scan := await self.get_scan(scan_id))["usersProbed"] or 0) < least:
            assert scan["state"] in {"pending", "running"}, scan
            await asyncio.sleep(0.02)
        return scan

    async def lookup(self, user: str, **query: str) -> httpx.Response:
        """One user's page."""
        return await self.http.get(f"/api/users/{user}/bookings", params=query)

    async def rows(self, table: str = "PersonalBookings") -> dict[str, Document]:
        """All rows of a table by their row keys, read by a plain client of the storage."""
        service = TableServiceClient.from_connection_string(self.settings["AzureWebJobsStorage"])
        async with service, service.get_table_client(table) as client:
            return {row["RowKey"]: dict(row) async for row in client.list_entities()}

    async def table_names(self) -> set[str]:
        """The tables of the storage account."""
        async with TableServiceClient.from_connection_string(self.settings["AzureWebJobsStorage"]) as service:
            return {table.name async for table in service.list_tables()}

    def user_with(self, status: str) -> Document:
        """A user for whom a scan must find this status."""
        return next(user for user in self.tenant.users(top=5000) if user["expected"]["status"] == status)

    def expected(self, **evidence: bool) -> dict[str, Any]:
        """What a scan must find for each licensed user, by object ID."""
        users = self.tenant.control.users(0, 5000, Evidence(**evidence), licensed=True)
        return {user["id"]: user["expected"] for user in users}


def statuses(rows: Mapping[str, Document]) -> dict[str, str]:
    """The status of each row."""
    return {user_id: row["Status"] for user_id, row in rows.items()}


def expected_statuses(truths: Mapping[str, Document]) -> dict[str, str]:
    """The status that each row must have."""
    return {user_id: truth["status"] for user_id, truth in truths.items()}


@asynccontextmanager
async def tenant_of(
    folder: Path, users: int = 40, mix: Mix | str = "healthy", **plan: Any
) -> AsyncIterator[SimulatedTenant]:
    """A simulated tenant. Pages that are always throttled ask for short waits."""
    mix = MIXES[mix] if isinstance(mix, str) else mix
    async with running(TenantPlan(users=users, mix=mix, **plan), folder=folder) as tenant:
        tenant.behave(bookings={"page_retry_after": "0.05"})
        yield tenant


@asynccontextmanager
async def deployed(
    tenant: SimulatedTenant, azurite: Azurite, *arguments: str, **settings: str
) -> AsyncIterator[Deployment]:
    """The product on the local host, with the tenant's settings and these on top; its timers and retries are fast."""
    # A test changes its tenant between two lookups, so no result is reused unless the test is about that.
    given = {
        **tenant.settings(),
        "AzureWebJobsStorage": azurite.connection_string,
        "SHARED_PAGES": "false",  # tests of shared pages turn it on
        "LIVE_REUSE_SECONDS": "0",
        **settings,
    }
    async with _hosted(tenant, given, *arguments) as product:
        yield product


@asynccontextmanager
async def _hosted(tenant: SimulatedTenant, settings: Mapping[str, str], *arguments: str) -> AsyncIterator[Deployment]:
    fast = ("--timer-speed", str(TIMER_SPEED), *arguments)
    with forked_host(ROOT, settings={**UNSET, **settings}, arguments=fast, retry_speed=RETRY_SPEED) as host:
        described = {"response": [check_against_the_description]}
        async with httpx.AsyncClient(base_url=host.url, timeout=60, event_hooks=described) as http:
            yield Deployment(tenant, host, http, settings)
