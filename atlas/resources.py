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
from atlas.tables.personal_bookings import UserChanges, UserOutbox, UserRows
from atlas.tables.scan_log import ScanLog
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
class Resources(TenantClients):
    """The clients and the tables, opened once per process."""

    rows: UserRows
    changes: UserChanges
    outbox: UserOutbox
    """Writes rows and changes together."""
    index: UserIndex
    census: Census
    scans: ScanLog
    emit: Callable[[Event], None]
    """Sends an event to monitoring."""
    probe_concurrency: int
    history_days: int
