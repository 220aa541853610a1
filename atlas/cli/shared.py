"""``atlas shared``: the shared pages as the last scan found them, who can open them, and what is wrong."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from atlas import wiring
from atlas.cli.connection import connect
from atlas.cli.local_state import state_file
from atlas.cli.screen import Screen, facts, new_table, plain, print_error, section, show, show_json, wrap_text
from atlas.cli.user_problems import USER_PROBLEMS, report_user_problem
from atlas.domain.owa_policies import Benchmark
from atlas.domain.shared_pages.access_of_users import UserSharedPage
from atlas.domain.shared_pages.documents import page_details_document, user_page_document
from atlas.domain.shared_pages.filters import SharedPageFilter
from atlas.domain.shared_pages.findings import finding_details, worst_first
from atlas.domain.shared_pages.holders import Holder, HolderKind
from atlas.domain.shared_pages.rows import SharedPageRow
from atlas.domain.text import moment_text, printable
from atlas.domain.user_references import parse_user_reference
from atlas.exports.csv_file import SHARED_PAGES, csv_file, each
from atlas.pages.organization_policy import get_organization_policy
from atlas.resources import Resources
from atlas.shared_pages.listing import get_pages_of_user, iterate_shared_pages
from atlas.shared_pages.people import identify
from atlas.tables.sqlite_store import StorageInUse, open_sqlite
from atlas.tables.store import StorageFailure

MAX_CSV_ROWS = 1_000_000
NO_SCAN = (
    "No scan has found a shared page yet. Scans do so while SHARED_PAGES is true; `atlas doctor` shows whether the "
    "permissions are granted."
)
NO_STORAGE = "Run `atlas scan`, or set the storage of the app that scans the tenant (docs/settings.md)."
BENCHMARKS = {
    Benchmark.PASS: "pass: only selected users can create shared pages",
    Benchmark.FAIL: "fail: everyone can create shared pages; `atlas policy` shows the settings",
    Benchmark.UNKNOWN: "not known; `atlas policy` shows why",
}
PUBLISHED = {True: "published", False: "not published", None: "not known whether it is published"}
YES_NO = {True: "yes", False: "no", None: "not known"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedOptions:
    """The options of the command."""

    user: str | None = None
    """Only the pages that this user can open."""
    findings: bool = False
    """Only pages with a finding, each in full."""
    json: bool = False
    csv: Path | None = None


async def run(environment: Mapping[str, str], options: SharedOptions) -> int:
    """Show the pages; 1 if there is a finding, no scan or no such user, 2 for an invalid user."""
    try:
        async with _tables(environment) as (resources, storage):
            if options.user:
                return await _show_user(resources, options.user, options)
            return await _show_pages(resources, options, storage)
    except NotScanned as missing:
        print_error(str(missing))
    except StorageInUse as in_use:
        print_error(f"A scan is running: {in_use}. Wait until it ends.")
    except StorageFailure as failure:
        print_error(f"The tables could not be read: {failure}.")
    return 1


class NotScanned(Exception):
    """No scan has stored a result; the message says what to do."""


@asynccontextmanager
async def _tables(environment: Mapping[str, str]) -> AsyncGenerator[tuple[Resources, str]]:
    """The tables that the settings name or, if they name none, the file of ``atlas scan``, and where they are.

    Raises ``NotScanned``.
    """
    connection = connect(environment)
    settings = connection.settings
    if settings.storage:
        async with wiring.open_resources(settings) as opened:
            yield opened.resources, settings.storage.account
        return
    file = state_file(environment, settings.tenant_id)
    if not file.exists():
        raise NotScanned(f"{NO_SCAN} {NO_STORAGE}")
    with open_sqlite(file) as store:
        async with wiring.open_clients(settings, connection.sign_in, print_error) as (clients, _):
            yield wiring.resources_with(settings, clients, store), str(file)


async def _show_pages(resources: Resources, options: SharedOptions, storage: str) -> int:
    rows = [row async for row in iterate_shared_pages(resources, SharedPageFilter())]
    if not rows and not await resources.shared.state.get_listed_sources():
        raise NotScanned(NO_SCAN)
    benchmark = (await get_organization_policy(resources)).cis_1_3_9
    wanted = [row for row in rows if row.findings or not options.findings]
    if options.csv:
        options.csv.write_bytes(await csv_file(each(wanted), resources.tenant_id, MAX_CSV_ROWS, SHARED_PAGES))
    if options.json:
        show_json({"cis139": benchmark, "value": [*map(page_details_document, wanted)]})
    elif options.findings:
        show([_organization(rows, benchmark, storage), *findings_screen(wanted)])
    else:
        show([_organization(rows, benchmark, storage), Text(), *pages_screen(wanted)])
    return 1 if benchmark is Benchmark.FAIL or any(row.findings for row in rows) else 0


async def _show_user(resources: Resources, who: str, options: SharedOptions) -> int:
    try:
        pages = await get_pages_of_user(resources, await identify(resources, parse_user_reference(who)))
    except USER_PROBLEMS as problem:
        return report_user_problem(who, problem)
    if options.json:
        show_json({"value": [*map(user_page_document, pages)]})
    elif pages:
        show([user_table(pages)])
    else:
        show([plain(f"As far as the last scan could determine, {who} can open no shared page.")])
    return 0


def _organization(rows: Sequence[SharedPageRow], benchmark: Benchmark, storage: str) -> Table:
    """What concerns the organisation and not one page: shown once, above the pages."""
    checked = max((row.checked_at for row in rows), default=None)
    return facts(
        {
            "shared pages": f"{len(rows):,}, {sum(1 for row in rows if row.findings):,} of them with findings",
            "last checked": moment_text(checked) if checked else None,
            "stored in": storage,
            "CIS 1.3.9": BENCHMARKS[benchmark],
        }
    )


def pages_screen(rows: Iterable[SharedPageRow]) -> Screen:
    """The pages, the worst first. The address has its own line, so that no terminal cuts it."""
    screen: Screen = []
    for row in worst_first(rows):
        about = (PUBLISHED[row.published], _can_open(row.holders), _creator_text(row))
        screen += [
            Text(printable(row.display_name or row.address), style="bold"),
            plain(f"  {row.address}"),
            plain(wrap_text(printable("; ".join(about)), "  ")),
        ]
        if row.findings:
            screen.append(Text(wrap_text(" ".join(found.name for found in row.findings), "  "), style="yellow"))
    return screen


def _can_open(holders: Sequence[Holder] | None) -> str:
    if holders is None:
        return "not known who can open it"
    open_to = [holder for holder in holders if holder.can_open]
    people = len({holder.object_id or holder.upn for holder in open_to if holder.kind is HolderKind.USER})
    groups = [holder.display_name or holder.upn or "a group" for holder in open_to if holder.kind is HolderKind.GROUP]
    return f"{' and '.join([_count(people, 'person', 'people'), *(f'group {name}' for name in groups)])} can open it"


def _creator_text(row: SharedPageRow) -> str:
    return f"created by {row.created_by}" if row.created_by else "creator not known"


def _count(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}" if count else f"no {one}"


def findings_screen(rows: Iterable[SharedPageRow]) -> Screen:
    """Every finding with its evidence and fix, page by page."""
    screen: Screen = []
    for row in worst_first(rows):
        lines = [
            f"{detail.name} ({detail.severity}): {detail.evidence}\n    {detail.fix}" for detail in finding_details(row)
        ]
        screen += section(f"{row.display_name or row.address} <{row.address}>", *lines)
    return screen


def user_table(pages: Iterable[UserSharedPage]) -> Table:
    """The pages that a user can open, one line for each way."""
    table = new_table("page", "published", "access", "through the group", "role as staff")
    for page in pages:
        table.add_row(
            plain(f"{page.display_name or ''}\n{page.address}".strip()),
            YES_NO[page.published],
            ", ".join(page.access) or "none",
            plain(page.via_group or ""),
            plain(page.role or ""),
        )
    return table
