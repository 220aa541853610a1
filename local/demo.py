"""The demo: starts a simulated tenant, Azurite and the local host, runs a full scan, and shows the result."""

import asyncio
import contextlib
import os
import signal
import socket
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from atlas import wiring
from atlas.cli.shared import pages_screen
from atlas.domain.shared_pages.filters import SharedPageFilter
from atlas.domain.shared_pages.findings import worst_first
from atlas.domain.shared_pages.rows import SharedPageRow
from atlas.domain.statuses import Status
from atlas.settings import Settings
from atlas.shared_pages.listing import iterate_shared_pages
from local.azurite import AzuriteNotThere, azurite_tables
from local.host.child import HostDidNotStart, host_child
from local.run_host import CHECKOUT, UNSET, private_folder
from local.scan_result import Result
from local.simulator import SimulatedTenant, TenantPlan, running

LOG_FILE = CHECKOUT / ".local" / "demo.log"
SETTINGS_FILE = CHECKOUT / ".local" / "demo.env"
"""The settings that connect `atlas` to the simulated tenant, for a shell to read."""
LATENCY = {"latency_ms": 20, "jitter_ms": 40}
"""Slow enough to watch a scan progress."""
TIMER_SPEED = 100
"""Some simulated pages fail for ever. The scan's waits for them, which take minutes, would only delay the demo."""
POLL_SECONDS = 0.3
MAX_MISMATCHES = 20
DEFAULT_USERS = 200
MAX_SHARED_PAGES = 3


class DemoFailed(Exception):
    """The demo cannot continue; the message says why."""


def main(*, users: int, once: bool, port: int, show_all: bool) -> int:
    """Run the demo; returns 0 if the scan completed and found every simulated user as it was created."""
    console = Console(highlight=False)
    try:
        return asyncio.run(_demo(console, users, port, once=once, show_all=show_all))
    except (DemoFailed, AzuriteNotThere, HostDidNotStart) as failure:
        console.print(f"The demo stopped: {failure}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 0


async def _demo(console: Console, users: int, port: int, *, once: bool, show_all: bool) -> int:
    _check_port(port, users=users, once=once, show_all=show_all)
    with tempfile.TemporaryDirectory(prefix="bookings-atlas-") as folder:
        private_folder(LOG_FILE.parent)
        console.print(
            f"Starting a simulated tenant ({users:,} user{'s' if users != 1 else ''}), Azurite and the local host …"
        )
        async with running(TenantPlan(users=users), folder=Path(folder)) as tenant:
            tenant.behave(graph=LATENCY, exchange=LATENCY, bookings=LATENCY)
            with azurite_tables() as azurite:
                settings = {**tenant.settings(), "AzureWebJobsStorage": azurite.connection_string}
                arguments = ("--log-file", str(LOG_FILE), "--timer-speed", str(TIMER_SPEED))
                host = host_child(CHECKOUT, settings={**UNSET, **settings}, arguments=arguments, port=port)
                with host as started:
                    async with httpx.AsyncClient(base_url=started.url, timeout=60) as http:
                        scan = await _scan(console, http, users)
                    result = Result(show_all=show_all)
                    succeeded = await _show(console, scan, settings, tenant, result)
                    if not once:
                        try:
                            await _stay(console, started.url, settings, result)
                        finally:
                            SETTINGS_FILE.unlink(missing_ok=True)  # the tenant that it connects to has ended
                    return 0 if succeeded else 1


async def _scan(console: Console, http: httpx.AsyncClient, users: int) -> Mapping[str, Any]:
    started = await http.post("/api/scans")
    if started.status_code != httpx.codes.ACCEPTED:
        raise DemoFailed(f"the scan did not start: {started.text}")
    address = f"/api/scans/{started.json()['id']}"
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        bar = progress.add_task("listing mailboxes and users", total=users)
        printed = 0
        while True:
            scan: dict[str, Any] = (await http.get(address)).json()
            probed = scan["usersProbed"] or 0
            progress.update(bar, completed=probed, description="checking pages" if probed else None)
            if scan["state"] not in {"pending", "running"}:
                return scan
            if not console.is_terminal and probed >= printed + max(1, users // 10):
                printed = probed
                console.print(f"  {probed:,} of {users:,} users checked")
            await asyncio.sleep(POLL_SECONDS)


async def _show(
    console: Console, scan: Mapping[str, Any], settings: Mapping[str, str], tenant: SimulatedTenant, result: Result
) -> bool:
    """Print what the tables contain; returns whether every user has the expected status."""
    mismatches: list[str] = []
    pages: list[SharedPageRow] = []
    count = 0
    async with wiring.open_resources(Settings.load(settings)) as opened:
        async for stored in opened.resources.rows.iterate():
            count += 1
            result.add(stored.row)
            expected = tenant.expected(stored.row.user.user_id).status
            if expected != stored.row.status:
                mismatches.append(f"{stored.row.user.upn} is {stored.row.status}, but must be {expected}")
        pages += [row async for row in iterate_shared_pages(opened.resources, SharedPageFilter())]
    for part in result.parts(scan["byStatus"] or {}):
        console.print(part, soft_wrap=isinstance(part, Text))
    _show_shared_pages(console, pages)
    for warning in (*scan["warnings"], *([scan["error"]] if scan["error"] else []), *mismatches[:MAX_MISMATCHES]):
        console.print(f"! {warning}", style="red", markup=False)
    duration = datetime.fromisoformat(scan["finishedAt"]) - datetime.fromisoformat(scan["startedAt"])
    console.print(f"Scan {scan['id']}: {scan['state']} in {duration.total_seconds():.1f} s.")
    succeeded = scan["state"] == "completed" and not mismatches and count == scan["usersListed"]
    if succeeded:
        console.print("Every simulated user has the expected status.")
    else:
        console.print(f"{len(mismatches):,} users have an unexpected status; {count:,} rows were found.", style="red")
    return succeeded


def _show_shared_pages(console: Console, pages: Sequence[SharedPageRow]) -> None:
    """The first few shared pages, those with findings first."""
    if not pages:
        return
    found = sum(1 for page in pages if page.findings)
    console.print(f"Shared pages: {len(pages):,}, {found:,} of them with findings", style="bold")
    for part in pages_screen(worst_first(pages)[:MAX_SHARED_PAGES]):
        console.print(part, soft_wrap=True)
    if len(pages) > MAX_SHARED_PAGES:
        console.print(f"  … and {len(pages) - MAX_SHARED_PAGES:,} more: atlas shared")


async def _stay(console: Console, url: str, settings: Mapping[str, str], result: Result) -> None:
    """Suggest what to try, and wait for Ctrl-C."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    _write_settings(settings)
    page, user = result.first(Status.PUBLISHED), result.first(Status.SWITCHED_OFF, Status.NOT_SET_UP, *Status)
    suggestions = [
        ("In a browser: the report", f"{url}/api/report"),
        ("In a browser: a published page", page.url if page else None),
        (
            "In another terminal: connect `atlas` to the simulated tenant",
            f"source {SETTINGS_FILE.relative_to(CHECKOUT)}",
        ),
        (
            "  one user: is there a page and, if not, why?",
            f".venv/bin/atlas user {quote(user.user.upn)}" if user else None,
        ),
        ("  what the organisation allows", ".venv/bin/atlas policy"),
        ("  shared pages: who can open them, and what is wrong", ".venv/bin/atlas shared --findings"),
        ("  whether all permissions are granted", ".venv/bin/atlas doctor"),
    ]
    console.print("\nTry next:\n", style="bold")
    for title, command in suggestions:
        if command:
            console.print(f"{title}\n    {command}", soft_wrap=True, markup=False)
    console.print(
        f"\nAPI: {url}/api (docs/api.md). All users: make demo ALL=1.\n"
        f"Log: {LOG_FILE.relative_to(CHECKOUT)}. Press Ctrl-C to stop.",
        soft_wrap=True,
        markup=False,
    )
    await stop.wait()


def _write_settings(settings: Mapping[str, str]) -> None:
    lines = [f"export {name}={quote(value)}\n" for name, value in settings.items()]
    SETTINGS_FILE.unlink(missing_ok=True)
    with os.fdopen(os.open(SETTINGS_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(lines)


def _check_port(port: int, *, users: int, once: bool, show_all: bool) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return
    given = {"USERS": str(users) if users != DEFAULT_USERS else "", "ONCE": "1" * once, "ALL": "1" * show_all}
    again = " ".join(f"{name}={value}" for name, value in {"PORT": "0", **given}.items() if value)
    raise DemoFailed(f"port {port} is in use. Free it, or take any free port: make demo {again}")
