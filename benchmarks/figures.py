"""The figures that `make bench` reports, each from one run of the whole product."""

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable
from dataclasses import dataclass

from azure.data.tables.aio import TableServiceClient

from benchmarks.deployment import CONCURRENCY, Deployment, deployed
from benchmarks.rivals import page_address, script

LATENCY_MS = 200.0
LOOK_UPS = 300


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    value: float
    unit: str
    how: str


async def cost_of_a_scan(users: int) -> list[Figure]:
    """Requests per user, overhead over a bare loop, and look-ups, on one tenant without latency."""
    async with deployed(users) as product:
        cost = await product.scan()
        requests = product.requests()
        addresses = [
            f"{page_address(product.tenant, user['expected']['mailbox_guid'])}/services"
            for user in product.tenant.users(top=users)
            if user["expected"]["mailbox_guid"]
        ]
        asked = (addresses * 2)[: product.requests("bookings")]
        bare = await _in_its_own_process(asked)
        look_ups = await _look_ups(product)
    return [
        Figure("requests per user", requests / users, "", f"{requests:,} requests for {users:,} users"),
        Figure(
            "overhead",
            cost.cpu_seconds / bare,
            "x",
            f"{cost.cpu_seconds / users * 1e3:.1f} ms CPU a user, bare loop {bare / users * 1e3:.1f} ms",
        ),
        *look_ups,
    ]


async def efficiency(users: int) -> list[Figure]:
    """How much of a scan's time is the probes' own latency, and how the known script's way compares."""
    async with deployed(users, LATENCY_MS) as product:
        cost = await product.scan()
        ideal = product.requests("bookings") * LATENCY_MS / 1e3 / CONCURRENCY
        few = max(1, users // 10)
        rival = await script(product.tenant, few) / few * users
    return [
        Figure("efficiency", ideal / cost.wall_seconds, "", f"{ideal:.1f} s of {cost.wall_seconds:.1f} s"),
        Figure("against the script", rival / cost.wall_seconds, "x", f"{rival:.0f} s, from {few} of {users} users"),
    ]


async def growth(users: int) -> list[Figure]:
    """Wall time and peak memory of ten times as many users."""
    costs = []
    for size in (users // 10, users):
        async with deployed(size) as product:
            costs.append(await product.scan())
    small, large = costs
    return [
        Figure(
            "growth of wall time",
            large.wall_seconds / small.wall_seconds,
            "x",
            f"{large.wall_seconds:.0f} s for {users:,} users, {small.wall_seconds:.0f} s for {users // 10:,}",
        ),
        Figure(
            "growth of memory",
            large.peak_bytes / small.peak_bytes,
            "x",
            f"{large.peak_bytes / 2**20:.0f} MiB, {small.peak_bytes / 2**20:.0f} MiB",
        ),
    ]


async def _look_ups(product: Deployment) -> list[Figure]:
    users = product.tenant.users(top=LOOK_UPS)
    service = TableServiceClient.from_connection_string(product.connection_string)
    async with service, service.get_table_client("PersonalBookings") as table:
        told = [await _milliseconds(product.http.get(_route(user["upn"]))) for user in users]
        read = [await _milliseconds(table.get_entity(product.tenant.tenant_id, user["id"])) for user in users]
    return [
        Figure(
            f"look-up p{percent}",
            _percentile(told, percent) / _percentile(read, percent),
            "x",
            f"{_percentile(told, percent):.1f} ms, a bare point read {_percentile(read, percent):.1f} ms",
        )
        for percent in (50, 95)
    ]


async def _milliseconds(question: Awaitable[object]) -> float:
    started_at = time.perf_counter()
    await question
    return (time.perf_counter() - started_at) * 1e3


def _route(upn: str) -> str:
    return f"/api/users/{upn.replace('#', '%23').replace('+', '%2B')}/bookings?availability=false"


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


async def _in_its_own_process(addresses: list[str]) -> float:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.rivals", str(CONCURRENCY)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await child.communicate("\n".join(addresses).encode())
    return float(said)
