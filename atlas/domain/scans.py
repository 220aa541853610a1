"""A scan of the tenant: its ID, its state, and what is reported about it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum


class ScanState(StrEnum):
    """The values are a contract, listed in docs/api.md."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    """Every licensed user was listed, but some could not be recorded or confirmed."""
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({ScanState.COMPLETED, ScanState.INCOMPLETE, ScanState.FAILED, ScanState.CANCELLED})
FINISHED = frozenset({ScanState.COMPLETED, ScanState.INCOMPLETE})
"""The scan read the complete list of licensed users."""

TENANT_ON_REQUEST = "cli"
"""The trigger of a scan by ``atlas scan``."""
USERS_ON_REQUEST = "cliUsers"
"""The trigger of a scan by ``atlas scan --users``, which lists only some of the licensed users."""

SCAN_ID = re.compile(r"scan-(?P<started>\d{8}T\d{9})-[0-9a-f]{8}")
STARTED_FORMAT = "%Y%m%dT%H%M%S%f"


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan (docs/api.md)."""

    scan_id: str
    state: ScanState
    trigger: str
    """``timer``, ``http``, ``cli`` or ``cliUsers``."""
    started_at: datetime
    finished_at: datetime | None = None
    users_listed: int | None = None
    users_probed: int | None = None
    by_status: Mapping[str, int] | None = None
    throttled_waits: int | None = None
    users_kept: int | None = None
    """Users among those probed whose row was kept without a request (``NOT_SET_UP_RECHECK_DAYS``)."""
    estimated_end: datetime | None = None
    warnings: tuple[str, ...] = field(default=())
    error: str | None = None

    @property
    def covers_tenant(self) -> bool:
        """Whether it lists all licensed users: only then can it say who is gone."""
        return self.trigger != USERS_ON_REQUEST

    @property
    def has_ended(self) -> bool:
        """Whether it will not change any more."""
        return self.state in ENDED


def new_scan_id(started_at: datetime, suffix: str) -> str:
    """An ID that contains when the scan started; ``suffix`` is 8 hex digits that make it unique."""
    return f"scan-{started_at.astimezone(UTC).strftime(STARTED_FORMAT)[:-3]}-{suffix}"


def started_at_of(scan_id: str) -> datetime | None:
    """When the scan with this ID started; ``None`` if the text is not the ID of a scan."""
    found = SCAN_ID.fullmatch(scan_id)
    if not found:
        return None
    try:
        return datetime.strptime(found["started"], STARTED_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def estimated_end(probing_since: datetime, now: datetime, probed: int, total: int | None) -> datetime | None:
    """When a scan that continues at its present rate will end; ``None`` while the rate or the total is not known."""
    if not total or not 0 < probed <= total:
        return None
    try:
        return now + (now - probing_since) * ((total - probed) / probed)
    except OverflowError:
        return None
