"""`make soak USERS=100000`: scans a large simulated tenant once, and prints the host's memory as the scan progresses.

Each line states the host's resident memory, the longest activity and the largest history so far. The tables are in a
SQLite file, because Azurite needs longer for each row the more rows it has.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.soak_host import SQLITE_FILE
from local.host.child import HostChild, host_child
from local.run_host import CHECKOUT, UNSET
from local.simulator import MIXES, TenantPlan, running

CONCURRENCY = 64
"""The largest PROBE_CONCURRENCY: more probes per turn of an orchestration, so the run takes less time."""
POLL_SECONDS = 2.0
SAMPLES = (500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
"""A line is printed after so many users."""


async def soak(users: int) -> bool:
    """Scan once; returns whether the scan completed with a row for every user."""
    with tempfile.TemporaryDirectory() as folder:
        async with running(TenantPlan(users=users, mix=MIXES["healthy"]), folder=Path(folder)) as tenant:
            settings = {
                **tenant.settings(),
                "AzureWebJobsStorage": "UseDevelopmentStorage=true",
                "PROBE_CONCURRENCY": str(CONCURRENCY),
                SQLITE_FILE: str(Path(folder, "tables.sqlite")),
            }
            with host_child(CHECKOUT, settings={**UNSET, **settings}, module="benchmarks.soak_host") as host:
                async with httpx.AsyncClient(base_url=host.url, timeout=300) as http:
                    return await _scan(http, host, users)


async def _scan(http: httpx.AsyncClient, host: HostChild, users: int) -> bool:
    process, started, peak = psutil.Process(host.pid), time.monotonic(), 0
    _show("before the scan", 0.0, process.memory_info().rss, await _measured(http, host))
    scan = (await http.post("/api/scans")).json()
    address, samples = f"/api/scans/{scan['id']}", list(SAMPLES)
    while scan["state"] in {"pending", "running"}:
        await asyncio.sleep(POLL_SECONDS)
        scan = (await http.get(address)).json()
        memory = process.memory_info().rss
        peak = max(peak, memory)
        probed = scan["usersProbed"] or 0
        if samples and probed >= samples[0]:
            samples = [sample for sample in samples if sample > probed]
            _show(f"{probed:,} users", time.monotonic() - started, memory, await _measured(http, host))
    measured = await _measured(http, host)
    _show(f"{scan['state']}, {scan['usersProbed']:,} users", time.monotonic() - started, peak, measured)
    for kind in measured.values():
        for name, figures in kind.items():
            _print(f"  {name}: " + ", ".join(f"{key} {value:,.1f}" for key, value in figures.items()))
    return bool(scan["state"] == "completed" and scan["usersProbed"] == users)


async def _measured(http: httpx.AsyncClient, host: HostChild) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    status = (await http.get("/admin/host/status", params={"code": host.code})).json()
    measured: Mapping[str, Mapping[str, Mapping[str, Any]]] = status["measured"]
    return measured


def _show(when: str, seconds: float, memory: int, measured: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    longest = max((one["longest_seconds"] for one in measured["activities"].values()), default=0)
    events = max((one["most_events"] for one in measured["orchestrators"].values()), default=0)
    _print(
        f"{seconds:7.0f} s  {when:<28} {memory / 2**20:6.0f} MiB  longest activity {longest:5.1f} s  "
        f"largest history {events} events"
    )


def _print(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(not asyncio.run(soak(int(os.environ["USERS"]))))
