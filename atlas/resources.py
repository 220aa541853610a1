"""The clients and tables passed to use cases, as two plain values; built by `atlas.wiring`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from atlas.domain.events import Event
from atlas.microsoft365.bookings_pages import BookingsPages
from atlas.microsoft365.exchange import Exchange
from atlas.microsoft365.exclusions import Exclusions
from atlas.microsoft365.graph import Graph
from atlas.tables.census import Census
from atlas.tables.change_feed import ChangeFeed
from atlas.tables.outbox import Outbox
from atlas.tables.personal_bookings import UserChanges, UserOutbox, UserRows
from atlas.tables.read_ahead import ReadAhead
from atlas.tables.rows import RowTable
from atlas.tables.scan_log import ScanLog
from atlas.tables.shared_bookings import KIND, SharedPageChanges, SharedPageOutbox, SharedPageRows
from atlas.tables.shared_census import SharedCensus
from atlas.tables.shared_index import SharedPageIndex
from atlas.tables.shared_state import SharedState
from atlas.tables.store import TableStore
from atlas.tables.user_index import UserIndex


@dataclass(frozen=True, slots=True)
class TenantClients:
    """The clients of one tenant, with the settings that use cases need."""

    directory: Graph
    mailboxes: Exchange | None
    """``None``: Exchange is never called."""
    pages: BookingsPages
    exclusions: Exclusions
    clock: Callable[[], datetime]
    tenant_id: str
    bookings_url: str
    probe_availability: bool


@dataclass(frozen=True, slots=True)
class SharedPageTables:
    """The tables of shared pages."""

    rows: SharedPageRows
    changes: SharedPageChanges
    outbox: SharedPageOutbox
    index: SharedPageIndex
    census: SharedCensus
    state: SharedState


@dataclass(frozen=True, slots=True)
class Resources(TenantClients):
    """The clients and the tables, opened once per process."""

    rows: UserRows
    changes: UserChanges
    outbox: UserOutbox
    """Writes rows and changes together."""
    index: UserIndex
    census: Census
    read_ahead: ReadAhead
    scans: ScanLog
    shared: SharedPageTables
    emit: Callable[[Event], None]
    """Sends an event to monitoring."""
    probe_concurrency: int
    history_days: int
    not_set_up_recheck_days: int
    """How old the row of a page that has been ``notSetUp`` for long may become; 0: every scan requests every page."""
    shared_pages: bool
    """``False``: there is no inventory of shared pages."""
    max_full_access: int


def shared_page_tables(store: TableStore, tenant_id: str, clock: Callable[[], datetime]) -> SharedPageTables:
    """The tables of shared pages in this storage."""
    rows, changes = RowTable(store, tenant_id, KIND), ChangeFeed(store, tenant_id, KIND)
    index = SharedPageIndex(store, tenant_id)
    return SharedPageTables(
        rows=rows,
        changes=changes,
        outbox=Outbox(rows, changes, clock, index.add, index.remove),
        index=index,
        census=SharedCensus(store),
        state=SharedState(store, tenant_id),
    )
