"""What travels between orchestrations and activities: references down, counts up, nothing about a person.

Newer versions replay the payloads of running scans: fields are added with a default, never renamed or removed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Self

from pydantic import TypeAdapter

from atlas.domain.organization import OrganizationSettings


class Message:
    """The base of frozen dataclasses that travel as JSON objects."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Decode a payload. Fields that this version does not know are ignored."""
        decoded: Self = cls._codec().validate_python(values)
        return decoded

    def to_dict(self) -> dict[str, Any]:
        """Encode to JSON types."""
        encoded: dict[str, Any] = self._codec().dump_python(self, mode="json")
        return encoded

    @classmethod
    @cache
    def _codec(cls) -> TypeAdapter[Any]:
        return TypeAdapter(cls)


class Retry(StrEnum):
    """What to do after a step of a scan has failed."""

    LATER = "later"
    """A service or the storage does not respond: wait, for hours if necessary, and repeat the step."""
    AGAIN = "again"
    """The response could not be read: repeat the step a few times, then restart its listing."""
    RESTART = "restart"
    """The link to the next page has expired: restart the listing."""
    NEVER = "never"
    """Repeating the step is pointless."""


@dataclass(frozen=True, kw_only=True)
class StepFailure(Message):
    """Why a step failed, and what to do next."""

    problem: str
    """A sentence for the operator."""
    retry: Retry
    wait_seconds: float | None = None
    """How long the service asked to wait."""


@dataclass(frozen=True, kw_only=True)
class StepRequest(Message):
    """What every activity of a scan except the probe receives."""

    scan_id: str


@dataclass(frozen=True, kw_only=True)
class StepResult(Message):
    """What every activity of a scan except the probe returns; the other fields are valid only without a failure."""

    holds_lock: bool = True
    """``False``: the scan does not hold the lock of the tenant, so it has to end without doing anything."""
    failure: StepFailure | None = None


@dataclass(frozen=True, kw_only=True)
class ScanRequest(Message):
    """The input of a new scan."""

    scan_id: str
    concurrency: int
    scanned_before: bool
    """Whether an earlier scan of this tenant has finished: only then is a new page reported as set up."""


@dataclass(frozen=True, kw_only=True)
class OrganizationResult(StepResult):
    """The organisation's settings."""

    exchange_enabled: bool = True
    """``False``: EXCHANGE_EVIDENCE turns Exchange off."""
    settings: OrganizationSettings = field(default_factory=OrganizationSettings)


@dataclass(frozen=True, kw_only=True)
class ListingRequest(StepRequest):
    """Which page of a listing to write to the census. The link to it is in the census, never in Durable history."""

    page: int
    is_first: bool
    """Whether the listing starts with this page."""


@dataclass(frozen=True, kw_only=True)
class JoinRequest(StepRequest):
    """Which page of licensed users to join with their mailboxes, and where the mailboxes come from."""

    page: int
    pages: int
    """How many there are."""
    users_from: int
    """The page with which the listing of users begins."""
    mailboxes_from: int | None = None
    """The page with which the complete listing of mailboxes begins; ``None``: their GUIDs come from Microsoft Graph."""
    policies_from: int | None = None
    """The same of the mailboxes' EWS settings; ``None``: they are not known."""


@dataclass(frozen=True, kw_only=True)
class ListingResult(StepResult):
    """One page of a listing has been written to the census."""

    count: int = 0
    has_next: bool = False
    total: int | None = None
    """How many records the complete listing holds, if the service says so."""


@dataclass(frozen=True, kw_only=True)
class JoinResult(StepResult):
    """A page of licensed users has been written to the census, with their mailboxes."""

    count: int = 0
    ended_at: datetime | None = None


class ProbeMode(StrEnum):
    """What a probe does when Bookings does not respond."""

    NORMAL = "normal"
    """It returns the reason and records nothing: the user is probed again later."""
    LAST = "last"
    """It records the user as unknown."""
    TRIAL = "trial"
    """It only checks whether Bookings responds now, and records nothing in any case."""
    OUTAGE = "outage"
    """Bookings has not responded for hours: the user is recorded as unknown without a request."""


@dataclass(frozen=True, kw_only=True)
class ProbeRequest(Message):
    """Which licensed user to probe: a place in the scan's census, not a person's ID."""

    scan_id: str
    page: int
    index: int
    scanned_before: bool
    organization: OrganizationSettings = field(default_factory=OrganizationSettings)
    mode: ProbeMode = ProbeMode.NORMAL


@dataclass(frozen=True, kw_only=True)
class ProbeResult(Message):
    """The recorded status, or why there is none."""

    status: str | None = None
    """``None``: nothing was recorded."""
    reason: str | None = None
    """Why a service did not respond: ``throttled``, ``unreachable`` or ``storage``."""
    has_response: bool = False
    """Whether Bookings responded to this probe."""
    was_kept: bool = False
    """Whether the row was kept without a request, as ``NOT_SET_UP_RECHECK_DAYS`` allows."""
    wait_seconds: float | None = None
    """How long the service asked to wait."""
    holds_lock: bool = True


@dataclass(frozen=True, kw_only=True)
class Counts(Message):
    """The result of a part of a scan."""

    by_status: dict[str, int] = field(default_factory=dict)
    unrecorded: int = 0
    """Users whose row could not be written."""
    not_requested: int = 0
    """Users recorded as unknown without a request, because Bookings had not responded for hours."""
    kept: int = 0
    """Users whose row was kept without a request, because NOT_SET_UP_RECHECK_DAYS allows it."""
    throttled_waits: int = 0

    @property
    def probed(self) -> int:
        """How many users have a status."""
        return sum(self.by_status.values())

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            by_status=add_counts(self.by_status, other.by_status),
            unrecorded=self.unrecorded + other.unrecorded,
            not_requested=self.not_requested + other.not_requested,
            kept=self.kept + other.kept,
            throttled_waits=self.throttled_waits + other.throttled_waits,
        )


@dataclass(frozen=True, kw_only=True)
class GoneResult(StepResult):
    """One part of the rows was read after every listed user had been probed."""

    has_next: bool = False
    by_status: dict[str, int] = field(default_factory=dict)
    unconfirmed: int = 0
    """Users whom the scan did not list and whose licence could not be checked in the directory."""
    still_licensed: int = 0
    """Users whom the scan did not record although they are licensed."""
    malformed: int = 0
    """Rows that cannot be read, of users whom the scan did not probe."""

    def __add__(self, other: "GoneResult") -> "GoneResult":
        return GoneResult(
            has_next=other.has_next,
            by_status=add_counts(self.by_status, other.by_status),
            unconfirmed=self.unconfirmed + other.unconfirmed,
            still_licensed=self.still_licensed + other.still_licensed,
            malformed=self.malformed + other.malformed,
        )


@dataclass(frozen=True, kw_only=True)
class SharedRequest(ListingRequest):
    """Which part of a step of the inventory of shared pages to do, and what was listed before it."""

    first_listing: int = 1
    """Where the listing of mailboxes that was completed begins."""
    has_exchange: bool = False
    """Whether Exchange was listed completely, without a malformed record."""
    has_graph: bool = False
    """Whether Graph was listed."""
    truncated: bool = False
    """Whether Graph cut its list off."""


@dataclass(frozen=True, kw_only=True)
class SharedResult(StepResult):
    """A part of a step of the inventory of shared pages was done."""

    enabled: bool = True
    """``False``: a setting turns the step's source off."""
    has_next: bool = False
    wait_seconds: float = 0
    """How long to wait before the next part."""
    count: int = 0
    """How many pages were listed or recorded."""
    unconfirmed: int = 0
    """Pages that were not listed, and may not be gone."""
    malformed: int = 0
    """Records of the listing that could not be read."""
    truncated: bool = False
    """Whether Graph cut its list off."""
    problem: str | None = None
    """Something that the reader of the scan has to know."""


@dataclass(frozen=True, kw_only=True)
class ExpiredResult(StepResult):
    """A part of the expired rows was deleted."""

    has_more: bool = False


@dataclass(frozen=True, kw_only=True)
class Closing(StepRequest):
    """The result of a scan."""

    error: str | None = None
    listed: int = 0
    """How many users a failed scan had listed; a scan that finished counts its rows."""
    sign_in_forced: bool | None = None
    """Whether the tenant sets ``BookingsAuthEnabled``."""
    counts: Counts = field(default_factory=Counts)
    missed: int = 0
    unconfirmed: int = 0
    shared_pages_failed: bool = False
    """Whether the inventory of shared pages is incomplete although it is permitted."""
    malformed: int = 0
    warnings: tuple[str, ...] = ()
    has_open_lanes: bool = False
    """Whether lanes of the scan may still run."""


@dataclass(frozen=True, kw_only=True)
class ClosingResult(StepResult):
    """The state in which the scan ended."""

    state: str = ""


def add_counts(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    """Add two sets of counts by name."""
    return {name: left.get(name, 0) + right.get(name, 0) for name in dict.fromkeys((*left, *right))}
