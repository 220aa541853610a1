"""Records of the audit log about the creation of shared pages (operation ``New-SchedulingMailbox``)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

AUDIT_RETENTION = timedelta(days=180)
"""How long the audit log keeps a record."""


@dataclass(frozen=True, slots=True)
class CreationRecord:
    """One record of the audit log."""

    record_id: str
    at: datetime
    page_name: str
    """``objectId``, or the parameter ``Name``: an alias, a display name or an address of the page."""
    created_by: str
    """The UPN of the person who created the page."""


@dataclass(frozen=True, slots=True)
class Creations:
    """The results of a search of the audit log."""

    records: tuple[CreationRecord, ...]
    is_complete: bool = True
    """``False``: some records could not be read, or there were too many."""


@dataclass(frozen=True, slots=True)
class CreationsPage:
    """One page of the records of a query."""

    records: tuple[CreationRecord, ...]
    next_link: str | None
    malformed: int = 0


class QueryState(StrEnum):
    """The progress of an audit query."""

    RUNNING = "running"
    """``notStarted`` or ``running``."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """``failed`` or ``cancelled``."""
