"""The demonstration: a simulated tenant, Azurite and the local host, one scan through the real flow, and its result."""

import asyncio
import contextlib
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from atlas import wiring
from atlas.cli.terminal import totals_table, users_table
from atlas.domain.statuses import Status
from atlas.domain.user_rows import UserRow
from atlas.settings import Settings
from local.azurite import AzuriteNotThere, azurite_tables
from local.host.child import HostDidNotStart, host_child
from local.run_host import CHECKOUT, UNSET
from local.simulator import SimulatedTenant, TenantPlan, running

LOG_FILE = CHECKOUT / ".local" / "demo.log"
LATENCY = {"latency_ms": 20, "jitter_ms": 40}
"""Enough to see a scan move."""
MAX_LINES = 250
WIDE = 340
"""Columns of an output that is no terminal: enough for a whole page address."""
POLL_SECONDS = 0.3


class DemoFailed(Exception):
    """The demonstration cannot go on; the message says why."""


def main(*, users: int, once: bool, port: int) -> int:
    """Run the demonstration; 0 if the scan completed and found every simulated user as it was made."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
    try:
        return asyncio.run(_demo(console, users, port, once=once))
    except (DemoFailed, AzuriteNotThere, HostDidNotStart) as failure:
        console.print(f"The demo cannot go on: {failure}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 0


async def _demo(console: Console, users: int, port: int, *, once: bool) -> int:
    with tempfile.TemporaryDirectory(prefix="bookings-atlas-") as folder:
        LOG_FILE.parent.mkdir(exist_ok=True)
        console.print(f"A simulated tenant with {users:,} licensed users, Azurite, and the local host …")
        async with running(TenantPlan(users=users), folder=Path(folder)) as tenant:
            tenant.behave(graph=LATENCY, exchange=LATENCY, bookings=LATENCY)
            with azurite_tables() as azurite:
                settings = {**tenant.settings(), "AzureWebJobsStorage": azurite.connection_string}
                host = host_child(
                    CHECKOUT, settings={**UNSET, **settings}, arguments=("--log-file", str(LOG_FILE)), port=_free(port)
                )
                with host as answering:
                    async with httpx.AsyncClient(base_url=answering.url, timeout=60) as http:
                        scan = await _scan(console, http, users)
                    succeeded = await _show(console, scan, settings, tenant)
                    if not once:
                        await _stay(console, answering.url, tenant)
                    return 0 if succeeded else 1


async def _scan(console: Console, http: httpx.AsyncClient, users: int) -> Mapping[str, Any]:
    started = await http.post("/api/scans")
    if started.status_code != httpx.codes.ACCEPTED:
        raise DemoFailed(f"the scan did not start: {started.text}")
    address = f"/api/scans/{started.json()['id']}"
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        bar = progress.add_task("listing mailboxes and users", total=users)
        told = 0
        while True:
            scan: dict[str, Any] = (await http.get(address)).json()
            probed = scan["usersProbed"] or 0
            progress.update(bar, completed=probed, description="asking pages" if probed else None)
            if scan["state"] not in {"pending", "running"}:
                return scan
            if not console.is_terminal and probed >= told + max(1, users // 10):
                told = probed
                console.print(f"  {probed:,} of {users:,} asked")
            await asyncio.sleep(POLL_SECONDS)


async def _show(
    console: Console, scan: Mapping[str, Any], settings: Mapping[str, str], tenant: SimulatedTenant
) -> bool:
    """Print what the tables hold; answers whether all of it is as the tenant was made."""
    shown: list[UserRow] = []
    wrong: list[str] = []
    count = 0
    async with wiring.open_resources(Settings.load(settings)) as opened:
        async for kept in opened.resources.rows.iterate():
            count += 1
            expected = tenant.expected(kept.row.user.user_id)
            if expected.status != kept.row.status:
                wrong.append(f"{kept.row.user.upn}: {kept.row.status}, but made as {expected.status}")
            if len(shown) < MAX_LINES:
                shown.append(kept.row)
    order = list(Status)
    console.print(users_table(sorted(shown, key=lambda row: (order.index(row.status), row.user.upn))))
    if count > len(shown):
        console.print(f"… and {count - len(shown):,} more users.\n")
    console.print(totals_table(scan["byStatus"] or {}))
    for warning in (*scan["warnings"], *([scan["error"]] if scan["error"] else []), *wrong[:20]):
        console.print(f"! {warning}", style="red", markup=False)
    took = datetime.fromisoformat(scan["finishedAt"]) - datetime.fromisoformat(scan["startedAt"])
    succeeded = scan["state"] == "completed" and not wrong and count == scan["usersListed"]
    console.print(
        f"Scan {scan['id']}: {scan['state']} in {took.total_seconds():.1f} s. "
        + ("Every simulated user has the status it was made with." if succeeded else f"{len(wrong)} are wrong.")
    )
    return succeeded


async def _stay(console: Console, url: str, tenant: SimulatedTenant) -> None:
    """Say what to try, and stay until Ctrl-C."""
    users = tenant.users(top=5000)
    with_page = next((user for user in users if user["expected"]["status"] == "published"), users[0])
    without = next((user for user in users if user["expected"]["status"] == "notSetUp"), users[0])
    console.print(
        f"""
Try next, in another terminal:

  one user's page, from the table         curl '{url}/api/users/{with_page["upn"]}/bookings'
  somebody without one, asked right now   curl '{url}/api/users/{without["upn"]}/bookings?fresh=true'
    … who then opens Bookings             curl '{tenant.control_url}/control/users/{without["index"]}' -d '{{"action":"open_bookings"}}'
    … and is asked again                  curl '{url}/api/users/{without["upn"]}/bookings?fresh=true'
  another scan, and all scans             curl -X POST '{url}/api/scans'; curl '{url}/api/scans'
  can it do its work?                     curl '{url}/api/health'

The log is {LOG_FILE}. Stop with Ctrl-C.""",  # noqa: E501 - commands to copy
        soft_wrap=True,
        markup=False,
    )
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def _free(port: int) -> int:
    """This port, or a free one where it is taken."""
    for candidate in (port, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", candidate))
                taken: int = probe.getsockname()[1]
                return taken
    raise DemoFailed("there is no free port on 127.0.0.1")
