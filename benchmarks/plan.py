"""How long a scan of N users takes, what it costs, and what limits it: `python -m benchmarks.plan`.

It calculates with published limits and with what `make bench` measures per user; nothing ran on Azure. Where a scan
would not end before the next one is due, it says what to change.
"""

import argparse
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.report import DATA, Bench

DURABLE_LIMITS = "https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-perf-and-scale"
DTS_LIMITS = (
    "https://learn.microsoft.com/azure/azure-functions/durable/durable-task-scheduler/durable-task-scheduler-billing"
)
TABLE_LIMITS = "https://learn.microsoft.com/azure/storage/tables/scalability-targets"
GRAPH_LIMITS = "https://learn.microsoft.com/graph/throttling-limits"
NO_LIMIT_PUBLISHED = "docs/microsoft-365.md: Microsoft publishes none"

TABLE_PARTITION_PER_SECOND = 2_000
"""Entities of 1 KiB. All rows of a tenant are in one partition."""
ROW_ENTITIES = 2
"""A row is read and written."""
ROW_REQUESTS = 1.1
"""The write of a row, and a share of the two reads that return users and rows for 25 probes."""
STORAGE_REQUESTS = 13
"""Billed requests of one user, estimated: 1.2 for rows (`make bench`), the rest for queues and tables of Durable."""
GRAPH_UNITS_PER_SECOND = 800
"""8,000 resource units in 10 seconds, for an app in a tenant with more than 500 users; a page of a list costs 2."""
LISTED_USERS_PER_PAGE = 999
MAILBOXES_PER_PAGE = 1_000
PRICE_EXECUTING = 0.000016
"""USD a GB-second on a ready instance, as docs/operate.md assumes; the next ones are a million executions and 10,000
storage requests."""
PRICE_EXECUTIONS = 0.40
PRICE_STORAGE = 0.004
MAX_CONCURRENCY = 64


class Backend(StrEnum):
    """Where Durable Functions keeps its state."""

    LOCAL = "local"
    STORAGE = "storage"
    DTS_CONSUMPTION = "dts-consumption"
    DTS_DEDICATED = "dts-dedicated"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a back end does, as its provider publishes it."""

    turn_seconds: float
    """What it adds to an activity that another one waits for."""
    probes_per_second: float
    """For each instance of the app or, with a scheduler, for the scheduler (one capacity unit)."""
    source: str


LIMITS: Mapping[Backend, Limits] = {
    Backend.LOCAL: Limits(0.0, math.inf, "no queue between orchestration and activity"),
    # Targets of Microsoft: 5 sequential activities a second, that is 0.2 s each, and 100 parallel ones an instance.
    Backend.STORAGE: Limits(1 / 5, 100, DURABLE_LIMITS),
    # Actions a second. A probe is two: one schedules it, one returns its result. The time of a turn is an assumption.
    Backend.DTS_CONSUMPTION: Limits(0.02, 500 / 2, DTS_LIMITS),
    Backend.DTS_DEDICATED: Limits(0.02, 2_000 / 2, DTS_LIMITS),
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """A tenant, the services it depends on, and the app that scans it."""

    users: int
    latency: float = 0.2
    """Seconds of a request to Microsoft 365."""
    concurrency: int = 4
    with_page: float = 0.5
    """The share of users with a page: they cost two requests instead of one."""
    backend: Backend = Backend.STORAGE
    instances: int = 1
    memory_gb: float = 2.0
    storage_latency: float = 0.01
    cpu_seconds: float = 0.012
    """CPU of one user."""
    bookings_per_second: float = math.inf
    """What Bookings accepts before it throttles: not published, so it is to be observed."""
    skipped: float = 0.0
    """The share of users whose page NOT_SET_UP_RECHECK_DAYS leaves out."""
    interval: float = 24 * 3600

    @property
    def requests(self) -> float:
        """Requests to Bookings for each user."""
        return (1 + self.with_page) * (1 - self.skipped)

    @property
    def waiting_seconds(self) -> float:
        """What a lane waits for, for each user."""
        return self.latency * self.requests + ROW_REQUESTS * self.storage_latency + LIMITS[self.backend].turn_seconds


@dataclass(frozen=True, slots=True)
class Limit:
    """What bounds the rate of probes."""

    name: str
    users_per_second: float
    source: str
    advice: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The result."""

    scenario: Scenario
    listing_seconds: float
    probing_seconds: float
    limit: Limit
    cost: float
    """USD for one scan, without what is paid in any case."""

    @property
    def seconds(self) -> float:
        """How long the scan takes."""
        return self.listing_seconds + self.probing_seconds

    @property
    def fits(self) -> bool:
        """Whether it ends before the next one is due."""
        return self.seconds <= self.scenario.interval


def plan(scenario: Scenario) -> Plan:
    """The duration and the cost of one scan."""
    probing, limit = _probing(scenario)
    listing = _listing_seconds(scenario)
    cpu = scenario.users * scenario.cpu_seconds
    executing = max(listing + probing, cpu) * scenario.memory_gb * scenario.instances * PRICE_EXECUTING
    executions = 2 * scenario.users / 1e6 * PRICE_EXECUTIONS
    requests = STORAGE_REQUESTS * scenario.users / 1e4 * PRICE_STORAGE
    return Plan(scenario, listing, probing, limit, executing + executions + requests)


def advice(made: Plan) -> Iterator[str]:
    """What to change so that the scan fits its interval; nothing if it does."""
    if made.fits:
        return
    yield f"{made.limit.name} limits it: {made.limit.advice}"
    scenario = made.scenario
    for concurrency in (8, 16, 32, MAX_CONCURRENCY):
        if concurrency > scenario.concurrency and plan(replace(scenario, concurrency=concurrency)).fits:
            yield f"PROBE_CONCURRENCY={concurrency} is enough, if Bookings does not throttle it"
            break
    skipped = replace(scenario, skipped=(1 - scenario.with_page) * 6 / 7)
    if scenario.skipped == 0 and plan(skipped).fits:
        yield "NOT_SET_UP_RECHECK_DAYS=7 is enough, once most pages have not been set up for two weeks"
    yield f"or scan at most every {math.ceil(made.seconds / 3600)} hours (SCAN_SCHEDULE)"


def _probing(scenario: Scenario) -> tuple[float, Limit]:
    limits = list(_limits(scenario))
    limit = min(limits, key=lambda limit: limit.users_per_second)
    rate = limit.users_per_second
    if limit.name in {"latency", "CPU"}:
        rate = min(_rate_of_both(scenario), *(other.users_per_second for other in limits))
    return scenario.users / rate, limit


def _limits(scenario: Scenario) -> Iterator[Limit]:
    yield Limit(
        "latency",
        scenario.concurrency / scenario.waiting_seconds if scenario.waiting_seconds else math.inf,
        "the latency given",
        "raise PROBE_CONCURRENCY, while throttling stays low",
    )
    yield Limit("CPU", scenario.instances / scenario.cpu_seconds, "`make bench`", "let the app have more instances")
    durable = LIMITS[scenario.backend]
    units = scenario.instances if scenario.backend is Backend.STORAGE else 1
    yield Limit(
        "Durable Functions",
        durable.probes_per_second * units,
        durable.source,
        "let the app have more instances, or choose another back end",
    )
    yield Limit(
        "the partition of the rows",
        TABLE_PARTITION_PER_SECOND / ROW_ENTITIES,
        TABLE_LIMITS,
        "scan less often: one partition holds all rows of a tenant",
    )
    per_user = scenario.bookings_per_second / scenario.requests if scenario.requests else math.inf
    yield Limit("Bookings", per_user, NO_LIMIT_PUBLISHED, "scan less often, or set NOT_SET_UP_RECHECK_DAYS")


def _rate_of_both(scenario: Scenario) -> float:
    """Users a second when lanes share the CPU: mean value analysis of a closed queue with one server."""
    cpu, waits = scenario.cpu_seconds / scenario.instances, scenario.waiting_seconds
    queue, rate = 0.0, 0.0
    for population in range(1, scenario.concurrency + 1):
        response = cpu * (1 + queue)
        rate = population / (waits + response)
        queue = rate * response
    return rate


def _listing_seconds(scenario: Scenario) -> float:
    """Mailboxes, their policies and users, one page after the other. Joining them takes seconds."""
    users = math.ceil(scenario.users / LISTED_USERS_PER_PAGE)
    pages = 2 * math.ceil(scenario.users / MAILBOXES_PER_PAGE) + users
    turn = scenario.latency + scenario.storage_latency + LIMITS[scenario.backend].turn_seconds
    return pages * turn + 2 * users / GRAPH_UNITS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Checked:
    """A measured scan, and what the calculation says about it."""

    users: int
    concurrency: int
    latency: float
    measured_seconds: float
    planned_seconds: float

    @property
    def ratio(self) -> float:
        """Measured, divided by planned."""
        return self.measured_seconds / self.planned_seconds


def check(bench: Bench) -> list[Checked]:
    """The scans that `make bench` has measured, compared with the calculation for the same tenant."""
    return [
        Checked(
            scan["users"],
            scan["concurrency"],
            scan["latency"],
            scan["seconds"],
            plan(_measured_scenario(scan)).seconds,
        )
        for scan in bench.tables.get("scans", [])
    ]


def _measured_scenario(scan: Mapping[str, float]) -> Scenario:
    return Scenario(
        users=int(scan["users"]),
        latency=scan["latency"],
        concurrency=int(scan["concurrency"]),
        backend=Backend.LOCAL,
        storage_latency=0.003,
        cpu_seconds=scan["cpu"] / scan["users"],
    )


def _show(scenarios: list[Scenario], console: Console) -> bool:
    table = Table("users", "back end", "hours", "USD a scan", "limited by")
    plans = [plan(scenario) for scenario in scenarios]
    for made in plans:
        scenario = made.scenario
        table.add_row(
            f"{scenario.users:,}",
            scenario.backend,
            f"{made.seconds / 3600:.2f}",
            f"{made.cost:.2f}",
            made.limit.name,
        )
    console.print(table)
    for name, source in dict.fromkeys((made.limit.name, made.limit.source) for made in plans):
        console.print(f"{name}: {source}", soft_wrap=True)
    for made in plans:
        for sentence in advice(made):
            console.print(f"{made.scenario.users:,} users on {made.scenario.backend}: {sentence}.")
    return all(made.fits for made in plans)


def main(arguments: list[str]) -> int:
    """Print the plan; the exit code is 1 if a scan would not fit its interval."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plan", description=__doc__)
    parser.add_argument("--users", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--backend", type=Backend, choices=list(Backend), nargs="+", default=list(Backend)[1:])
    parser.add_argument("--latency", type=float, default=0.2, help="seconds of a request to Microsoft 365")
    parser.add_argument("--concurrency", type=int, default=4, help="PROBE_CONCURRENCY")
    parser.add_argument("--with-page", type=float, default=0.5, help="the share of users with a page")
    parser.add_argument("--instances", type=int, default=1)
    parser.add_argument("--hours", type=float, default=24, help="between two due times")
    parser.add_argument("--bookings-per-second", type=float, default=math.inf, help="observed limit of Bookings")
    parser.add_argument("--check", type=Path, nargs="?", const=DATA, help="compare with the scans in a bench.json")
    given = parser.parse_args(arguments)
    console = Console()
    if given.check:
        table = Table("users", "concurrent", "latency", "measured", "planned", "ratio")
        for one in check(Bench.read(given.check)):
            seconds = (f"{one.measured_seconds:.1f} s", f"{one.planned_seconds:.1f} s", f"{one.ratio:.2f}")
            table.add_row(f"{one.users:,}", str(one.concurrency), f"{one.latency:g} s", *seconds)
        console.print(table)
        return 0
    scenarios = [
        Scenario(
            users,
            given.latency,
            given.concurrency,
            given.with_page,
            backend,
            given.instances,
            interval=given.hours * 3600,
            bookings_per_second=given.bookings_per_second,
        )
        for users in given.users
        for backend in given.backend
    ]
    return int(not _show(scenarios, console))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
