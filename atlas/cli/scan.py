"""``atlas scan``: scans the tenant from this machine, without Azure, and writes the result to files."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.text import Text

from atlas import wiring
from atlas.cli.connection import Connection, connect
from atlas.cli.grants import NO_IDENTITY_HERE, how_to_grant
from atlas.cli.local_state import log_file, log_to, state_file
from atlas.cli.output_files import Outputs, UnusableOutput, write_outputs
from atlas.cli.scan_progress import ScanDisplay, duration_text
from atlas.cli.screen import INVALID_ARGUMENT, Screen, plain, print_error, section, show_on
from atlas.cli.statuses import totals_table
from atlas.domain.scans import Scan, ScanState
from atlas.domain.unknown import Reason
from atlas.health.checks import Check, check_permissions
from atlas.health.permissions import Permission
from atlas.resources import Resources
from atlas.scans.local_run import LocalScans
from atlas.scans.progress import ScanNotClosed, ScanProgress
from atlas.scans.selection import InvalidSelection, Selection
from atlas.settings import ManagedIdentity, Settings
from atlas.tables.change_feed import time_key
from atlas.tables.checkpoints import Checkpoints
from atlas.tables.sqlite_store import SqliteStore, StorageInUse, open_sqlite
from atlas.tables.store import StorageFailure

CHANGES = {
    "setUp": "set up",
    "withdrawn": "withdrawn",
    "urlChanged": "moved to another address",
    "switchedOff": "switched off",
    "gone": "gone",
    "statusChanged": "changed otherwise",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions:
    """The options of the command."""

    tenant: str | None = None
    client_id: str | None = None
    users: Path | None = None
    shared: bool | None = None
    """``None``: as SHARED_PAGES says, and never with ``users``."""
    outputs: Outputs = field(default_factory=Outputs)
    state: Path | None = None
    fresh: bool = False
    """Whether to start a new scan even if one was interrupted."""
    last: bool = False
    """Whether to write the result of the last scan instead of scanning."""


class NotPermitted(Exception):
    """A required permission is missing; the message says which, and how to grant it."""


async def run(environment: Mapping[str, str], options: ScanOptions) -> int:
    """Scan, show the result and write it; 1 if the scan failed or is incomplete, 2 for invalid arguments."""
    try:
        options.outputs.check()
        selection = Selection.parse(options.users.read_text(encoding="utf-8-sig")) if options.users else None
    except (InvalidSelection, OSError, UnicodeDecodeError) as invalid:
        print_error(f"--users {options.users}: {invalid}")
        return INVALID_ARGUMENT
    except UnusableOutput as unusable:
        print_error(str(unusable))
        return INVALID_ARGUMENT
    connection = connect(environment, tenant=options.tenant, client_id=options.client_id)
    file = options.state or state_file(environment, connection.settings.tenant_id)
    try:
        with open_sqlite(file) as store:
            log_to(log_file(file))
            return await Command(connection, options, selection, file, store).run()
    except StorageInUse:
        print_error(f"Another scan of this tenant is running: it uses {file}.")
    except StorageFailure as failure:
        print_error(f"The rows cannot be stored: {failure}.")
    return 1


@dataclass(frozen=True, slots=True)
class Command:
    """One run of the command, with the local file open."""

    connection: Connection
    options: ScanOptions
    selection: Selection | None
    file: Path
    store: SqliteStore

    async def run(self) -> int:
        """Scan or, with ``last``, only write the last result."""
        console = Console(stderr=self.options.outputs.use_standard_output, highlight=False)
        shared = (self.options.shared is None and self.selection is None and self._settings.shared_pages) or bool(
            self.options.shared
        )
        settings = self._settings.model_copy(update={"shared_pages": shared})
        async with wiring.open_clients(settings, self.connection.sign_in, print_error) as (clients, sign_in):
            resources = wiring.resources_with(settings, clients, self.store)
            if self.options.last:
                return await self._write_last(console, resources)
            if self.connection.sentence:
                console.print(self.connection.sentence, soft_wrap=True, markup=False)
            try:
                self._show_preflight(console, await check_permissions(clients, sign_in))
            except NotPermitted as missing:
                print_error(str(missing))
                return 1
            return await self._scan(console, resources)

    @property
    def _settings(self) -> Settings:
        return self.connection.settings

    def _show_preflight(self, console: Console, checks: Mapping[Permission, Check]) -> None:
        """Say what this scan cannot find out. Raises ``NotPermitted`` if it could not find out anything."""
        sign_in, users = checks[Permission.SIGN_IN], checks[Permission.USERS]
        if sign_in.ok is False and sign_in.reason is not Reason.THROTTLED:
            advice = f"\n{NO_IDENTITY_HERE}" if isinstance(self.connection.sign_in, ManagedIdentity) else ""
            raise NotPermitted(f"This scan cannot sign in: {sign_in.detail.rstrip('.')}.{advice}")
        if users.ok is False and users.reason is Reason.REFUSED:
            grant = how_to_grant(Permission.USERS, self.connection.sign_in)
            raise NotPermitted(f"User.Read.All is missing: {users.detail}.\nWithout it, there is no scan.\n\n{grant}")
        refused = [
            name
            for name in (Permission.EXCHANGE_SETTINGS, Permission.MAILBOXES)
            if checks[name].ok is False and checks[name].reason is Reason.REFUSED
        ]
        if refused:
            console.print(
                f"Exchange is not available ({checks[refused[0]].detail}), so this scan cannot say which policies and "
                "capabilities forbid a page. `atlas doctor` says how to change that.",
                soft_wrap=True,
                markup=False,
            )

    async def _scan(self, console: Console, resources: Resources) -> int:
        scans = LocalScans(resources, Checkpoints(self.store, resources.tenant_id), self.selection)
        progress = None if self.options.fresh else await scans.find_interrupted()
        if progress:
            console.print(f"Resuming {progress.scan_id}, which was interrupted.", markup=False)
        progress = progress or await scans.start(secrets.token_hex(4))
        display = ScanDisplay(console, resources.clock)
        began = resources.clock()
        try:
            with display.shown():
                scan = await scans.run(progress, display.update)
        except asyncio.CancelledError:  # Ctrl-C
            console.print(self._interruption_text(progress), soft_wrap=True, markup=False)
            return 1
        except ScanNotClosed as failure:
            print_error(f"The result could not be stored: {failure}. Run the same command again to continue.")
            return 1
        show_on(console, await self._summary(resources, scan, duration_text(resources.clock() - began)))
        if scan.state is ScanState.FAILED:
            return 1
        await self._write(console, resources, scan)
        return 0 if scan.state is ScanState.COMPLETED else 1

    def _interruption_text(self, progress: ScanProgress) -> str:
        return (
            f"\nInterrupted. What {progress.scan_id} has checked is stored in {self.file}.\n"
            "Run the same command again within 24 hours to continue; --new starts another scan."
        )

    async def _summary(self, resources: Resources, scan: Scan, duration: str) -> Screen:
        screen: Screen = [totals_table(scan.by_status or {})] if scan.by_status else []
        changed = await _changes_text(resources, scan)
        if changed:
            screen.append(plain(f"Since the last scan: {changed}."))
        screen += [plain(f"! {warning}") for warning in scan.warnings]
        if scan.error:
            screen += section("The scan failed", scan.error, f"The log is {log_file(self.file)}.")
        return [*screen, Text(f"{scan.scan_id}: {scan.state} in {duration}.")]

    async def _write_last(self, console: Console, resources: Resources) -> int:
        async for scan in resources.scans.iterate():
            if scan.state in {ScanState.COMPLETED, ScanState.INCOMPLETE}:
                show_on(console, await self._summary(resources, scan, _duration_of(scan)))
                await self._write(console, resources, scan)
                return 0 if scan.state is ScanState.COMPLETED else 1
        print_error(f"{self.file} contains no finished scan of this tenant. Run `atlas scan` first.")
        return 1

    async def _write(self, console: Console, resources: Resources, scan: Scan) -> None:
        scans = [scan] + [one async for one in resources.scans.iterate() if one.started_at < scan.started_at]
        console.print(f"The rows are in {self.file}.", soft_wrap=True, markup=False)
        for sentence in await write_outputs(resources, scans, self.options.outputs):
            console.print(f"Wrote {sentence}.", soft_wrap=True, markup=False)


async def _changes_text(resources: Resources, scan: Scan) -> str:
    """How many pages changed in this scan, by kind."""
    kinds = Counter(
        [
            change.kind
            async for _, change in resources.changes.iterate(time_key(scan.started_at))
            if change.scan_id == scan.scan_id
        ]
    )
    return ", ".join(f"{count:,} {CHANGES[kind]}" for kind, count in kinds.items())


def _duration_of(scan: Scan) -> str:
    return duration_text((scan.finished_at or scan.started_at) - scan.started_at)
