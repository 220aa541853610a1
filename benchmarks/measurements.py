"""The measurements of `make bench`: each starts the complete product, and compares within one run."""

import statistics
import time
from collections import Counter
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from atlas.microsoft365.connections import open_session, trusted_authorities
from atlas.settings import StorageByConnectionString
from atlas.tables.store import open_tables
from benchmarks.deployment import Deployment, Setup, deployed
from benchmarks.figures import Figure, Results, Target
from benchmarks.profile import profiled
from benchmarks.rivals import bare_loop_in_a_process, page_address, script
from benchmarks.table_stand_in import StandIn
from local.host.child import host_child
from local.run_host import CHECKOUT, UNSET

LATENCY_MS = 200.0
CONCURRENCIES = (4, 16, 64)
MIN_PROBE_SECONDS = 20
"""How long the probes of a measurement of efficiency take at least, so that start and end count little."""
BARE_APP = CHECKOUT / "benchmarks" / "bare_app"
WITH_PAGE = {"published"}
WITHOUT_REQUEST = {"noMailbox"}


async def cost_of_a_scan(users: int, runs: int, lookups: int) -> Results:
    """Requests, CPU and storage operations per user, and lookups, on one tenant without latency."""
    async with deployed(Setup(users)) as product:
        first = await product.scan()
        needed = _needed_requests(product)
        overheads, requests, excess, cpu, operations, census = [], [], [], [], [], 0.0
        for _ in range(runs):
            cost = await product.scan()
            requests.append(product.requests() / users)
            excess.append(product.requests("bookings") / needed)
            census = (product.requests("graph") + product.requests("exchange")) / users
            operations.append(await _operations(product))
            bare = await bare_loop_in_a_process(_same_requests(product), product.setup.concurrency)
            overheads.append(cost.cpu_seconds / bare)
            cpu.append(cost.cpu_seconds / users * 1e3)
        lookup = await _lookups(product, lookups)
    medians = {name: statistics.median(one[name] for one in operations) / users for name in operations[0]}
    ops_text = ", ".join(f"{name} {value:.2f}" for name, value in sorted(medians.items()))
    total = [sum(value for name, value in one.items() if name != "row in a transaction") / users for one in operations]
    return Results(
        [
            Figure("requests per user", tuple(requests), f"{users:,} users; census share {census:.3f}"),
            Figure(
                "page requests, of those needed",
                tuple(excess),
                "Bookings requests, divided by 1 for each user without a page and 2 for each with one",
                Target(1.0),
                "x",
            ),
            Figure(
                "overhead",
                tuple(overheads),
                f"CPU of a scan, {statistics.median(cpu):.2f} ms a user, divided by that of a bare loop of its page "
                f"requests on the same HTTP stack; the first scan took {first.cpu_seconds / users * 1e3:.2f} ms a user",
                Target(3.0),
                "x",
            ),
            Figure("storage requests per user", tuple(total), ops_text),
            *lookup,
        ]
    )


async def efficiency(concurrency: int, runs: int, users: int) -> Results:
    """How much of a scan's time is the latency of the requests to Bookings."""
    async with deployed(Setup(users, LATENCY_MS, concurrency)) as product:
        values, walls = [], []
        for _ in range(runs):
            cost = await product.scan()
            ideal = product.requests("bookings") * LATENCY_MS / 1e3 / concurrency
            values.append(ideal / cost.wall_seconds)
            walls.append(cost.wall_seconds)
    how = f"{users:,} users, all services with {LATENCY_MS:.0f} ms; a scan took {statistics.median(walls):.1f} s"
    figure = Figure(f"efficiency at {concurrency}", tuple(values), how, Target(0.9, at_least=True))
    return Results([figure], {"scans": product.scans[-1:]})


async def against_the_script(users: int, script_users: int, runs: int) -> Results:
    """How much faster than one user after another, at concurrency 16."""
    async with deployed(Setup(users, LATENCY_MS, 16)) as product:
        values = []
        for _ in range(runs):
            theirs = await script(product.tenant, script_users) / script_users
            ours = (await product.scan()).wall_seconds / users
            values.append(theirs / ours)
    how = f"wall time of one user: the script's, from {script_users} users, divided by ours, from {users:,}"
    return Results([Figure("against the script", tuple(values), how, Target(20, at_least=True), "x")])


async def growth(small: int, large: int, runs: int) -> Results:
    """Wall time and peak memory of ten times as many users, on storage whose cost per operation is constant.

    The large tenant takes minutes, so it is scanned once, and compared with each scan of the small one.
    """
    costs, scans = [], []
    for users in (*[small] * runs, large):
        async with deployed(Setup(users, concurrency=16)) as product:
            costs.append(await product.scan())
        scans += product.scans
    *few, big = costs
    last = few[-1]
    return Results(
        [
            Figure(
                "growth of wall time",
                tuple(big.wall_seconds / one.wall_seconds for one in few),
                f"{large:,} users {big.wall_seconds:.1f} s, {small:,} users {last.wall_seconds:.1f} s",
                Target(1.05 * large / small),
                "x",
            ),
            Figure(
                "growth of the host's CPU",
                tuple(big.cpu_seconds / one.cpu_seconds for one in few),
                f"{big.cpu_seconds:.1f} s and {last.cpu_seconds:.1f} s; the stand-in's {big.storage_cpu_seconds:.1f} s",
                unit="x",
            ),
            Figure(
                "growth of memory",
                tuple(big.peak_bytes / one.peak_bytes for one in few),
                f"{big.peak_bytes / 2**20:.0f} MiB and {last.peak_bytes / 2**20:.0f} MiB",
                Target(1.3),
                "x",
            ),
        ],
        {"scans": scans[-2:]},
    )


async def growth_on_azurite(small: int, large: int) -> Results:
    """The same on Azurite, for comparison: it becomes slower with every row that it holds."""
    costs = []
    for users in (small, large):
        async with deployed(Setup(users, concurrency=16, azurite=True)) as product:
            costs.append(await product.scan())
    few, big = costs
    share = big.storage_cpu_seconds / big.wall_seconds
    how = (
        f"{large:,} users {big.wall_seconds:.1f} s, {small:,} users {few.wall_seconds:.1f} s; in the former, Azurite "
        f"took {share:.0%} of a core and the host {big.cpu_seconds / big.wall_seconds:.0%}"
    )
    return Results([Figure("growth of wall time on Azurite", (big.wall_seconds / few.wall_seconds,), how, unit="x")])


async def shared_pages(pages: int, users: int) -> Results:
    """What the inventory of shared pages adds to a scan, per page."""
    added = []
    for count in (0, pages):
        async with deployed(Setup(users, shared_pages=count)) as product:
            await product.scan()
            added.append(product.requests())
    how = f"requests of a scan of {users} users with {pages} shared pages, less those without the inventory"
    return Results([Figure("requests per shared page", ((added[1] - added[0]) / pages,), how)])


async def rechecks(users: int, days: int) -> Results:
    """Requests of a scan in the steady state with NOT_SET_UP_RECHECK_DAYS, measured on rows of every age."""
    setup = Setup(users, settings=(("NOT_SET_UP_RECHECK_DAYS", str(days)),))
    async with deployed(setup) as product:
        await product.scan()
        every = product.requests()
        await _age_rows(product, days)
        await product.scan()
        values = (product.requests() / every,)
    how = f"{users:,} users, {days} days: requests of a scan, divided by those of a scan that requests every page"
    return Results([Figure("requests with rechecks", values, how, unit="x")])


async def time_of_a_user(users: int) -> Results:
    """Where the CPU of the host goes, by profile."""
    async with deployed(Setup(users)) as product:
        await product.scan()
        async with profiled(product.host.pid) as profile:
            cost = await product.scan()
    per_user = cost.cpu_seconds / users * 1e3
    rows = [
        {"part": part, "share": round(share, 3), "milliseconds": round(share * per_user, 3)}
        for part, share in profile.shares().items()
    ]
    return Results([], {"time of one user": rows})


def _needed_requests(product: Deployment) -> int:
    statuses = Counter(user["expected"]["status"] for user in product.tenant.users(top=product.setup.users))
    return sum(
        count * (2 if status in WITH_PAGE else 0 if status in WITHOUT_REQUEST else 1)
        for status, count in statuses.items()
    )


def _same_requests(product: Deployment) -> list[tuple[str, str]]:
    """The requests to Bookings that the scan has sent."""
    made: list[tuple[str, str]] = []
    for user in product.tenant.users(top=product.setup.users):
        status, guid = user["expected"]["status"], user["expected"]["mailbox_guid"]
        if guid and status not in WITHOUT_REQUEST:
            made.append(("GET", f"{page_address(product.tenant, guid)}/services"))
            if status in WITH_PAGE:
                made.append(("POST", f"{page_address(product.tenant, guid)}/getStaffAvailability"))
    return made


async def _operations(product: Deployment) -> Counter[str]:
    return await product.storage.operations() if isinstance(product.storage, StandIn) else Counter()


async def _lookups(product: Deployment, count: int) -> list[Figure]:
    """A lookup from the row and a bare point read, one after the other, through the same kind of host."""
    users = product.tenant.users(top=count)
    settings = {**UNSET, "AzureWebJobsStorage": product.storage.connection_string}
    with host_child(BARE_APP, settings={**settings, "PYTHONPATH": str(CHECKOUT)}) as bare:
        async with httpx.AsyncClient(base_url=bare.url, timeout=60) as http:
            ours, theirs = [], []
            for user in users:
                ours.append(await _milliseconds(product.http.get(_route(user["upn"]))))
                theirs.append(await _milliseconds(http.get(f"/api/rows/{product.tenant.tenant_id}/{user['id']}")))
    return [
        Figure(
            f"lookup p{percent}",
            (_percentile(ours, percent) / _percentile(theirs, percent),),
            f"{_percentile(ours, percent):.1f} ms; a bare point read {_percentile(theirs, percent):.1f} ms; "
            f"{count} of each, in turn",
            Target(1.5) if percent == 50 else None,
            "x",
        )
        for percent in (50, 95)
    ]


async def _milliseconds(request: Awaitable[httpx.Response]) -> float:
    started_at = time.perf_counter()
    (await request).raise_for_status()
    return (time.perf_counter() - started_at) * 1e3


def _route(upn: str) -> str:
    return f"/api/users/{upn.replace('#', '%23').replace('+', '%2B')}/bookings?availability=false"


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


async def _age_rows(product: Deployment, days: int) -> None:
    """Date the rows as after weeks of daily scans: each was last requested 1 to ``days`` days ago."""
    now = datetime.now(UTC)
    storage = StorageByConnectionString(SecretStr(product.storage.connection_string))
    async with open_session(trusted_authorities(None)) as session:
        store = open_tables(storage, session)
        aged: list[dict[str, Any]] = []
        async for row in store.iterate("PersonalBookings", product.tenant.tenant_id):
            age = timedelta(days=1 + len(aged) % days)
            aged.append({**row, "CheckedAt": now - age, "StatusSince": now - timedelta(days=60)})
        await store.upsert_all("PersonalBookings", aged)
        await store.aclose()


def users_for(concurrency: int, share: float) -> int:
    """How many users keep this many calls in flight for ``MIN_PROBE_SECONDS``."""
    return max(40, round(MIN_PROBE_SECONDS * concurrency / (LATENCY_MS / 1e3) / 1.5 * share))
