"""What travels between the flow and its activities: references down, counts up, nothing about a person.

Payloads of running scans are replayed by newer versions: fields are added with a default, never renamed or removed.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self

from atlas.domain.ews_settings import Access, EwsScope


class Message:
    """A frozen dataclass that travels as a plain dictionary."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The payload; names that this version does not know are ignored."""
        return cls(**{name: value for name, value in values.items() if name in cls.__annotations__})

    def to_dict(self) -> dict[str, Any]:
        """The payload as JSON's own types."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]  # every subclass is a dataclass


@dataclass(frozen=True)
class Counts(Message):
    """How far a part of a scan has come."""

    by_status: dict[str, int] = field(default_factory=dict)
    unrecorded: int = 0
    """Users whose row could not be written."""
    throttled_waits: int = 0

    @property
    def probed(self) -> int:
        """How many users have a verdict."""
        return sum(self.by_status.values())

    def __add__(self, other: "Counts") -> "Counts":
        statuses = [*self.by_status, *(status for status in other.by_status if status not in self.by_status)]
        return Counts(
            {status: self.by_status.get(status, 0) + other.by_status.get(status, 0) for status in statuses},
            self.unrecorded + other.unrecorded,
            self.throttled_waits + other.throttled_waits,
        )


@dataclass(frozen=True)
class ProbeRequest(Message):
    """Which licensed user to ask about: a place in the scan's census, not a person's id."""

    scan_id: str
    page: int
    index: int
    sign_in_forced: bool | None
    scanned_before: bool
    is_last_attempt: bool
    exchange_incomplete: bool = False
    organization_ews: dict[str, Any] | None = None


@dataclass(frozen=True)
class ProbeResult(Message):
    """What came of it: a status, or how long to wait before asking again, or that the row was not written."""

    status: str | None = None
    wait_seconds: float | None = None


@dataclass(frozen=True)
class OrganizationResult(Message):
    """What Exchange tells of the organisation."""

    holds_lock: bool = True
    """``False``: the lock is not this scan's, which therefore ends without a word."""
    exchange_enabled: bool = True
    """``False``: the settings say not to ask Exchange at all."""
    sign_in_forced: bool | None = None
    ews: dict[str, Any] | None = None
    """The organisation's EWS settings as ``Ews``; ``None``: not known."""
    problem: str | None = None
    wait_seconds: float | None = None


@dataclass(frozen=True)
class Ews(Message):
    """The EWS settings of a scope, as far as they decide."""

    access: str
    policy: str | None = None
    ews_enabled: bool | None = None
    entries: list[str] = field(default_factory=list)
    changed_at: str | None = None
    """ISO 8601."""

    @classmethod
    def of(cls, scope: EwsScope) -> Self:
        """The settings to send."""
        changed_at = scope.changed_at.isoformat() if scope.changed_at else None
        return cls(str(scope.access), scope.policy, scope.ews_enabled, list(scope.entries), changed_at)

    def scope(self) -> EwsScope:
        """The settings received."""
        changed_at = datetime.fromisoformat(self.changed_at) if self.changed_at else None
        return EwsScope(Access(self.access), self.policy, self.ews_enabled, tuple(self.entries), changed_at)


@dataclass(frozen=True)
class MailboxesRequest(Message):
    """Which page of Exchange's mailboxes to put into the census."""

    scan_id: str
    link: str | None
    is_last_attempt: bool = False


@dataclass(frozen=True)
class MailboxesResult(Message):
    """The link to the next page, or why the listing is of no use."""

    link: str | None = None
    problem: str | None = None
    is_expired: bool = False
    """The listing has to begin again."""
    wait_seconds: float | None = None


@dataclass(frozen=True)
class UsersRequest(Message):
    """Which page of licensed users to put into the census, and where their mailboxes are known from."""

    scan_id: str
    page: int
    link: str | None
    has_mailboxes: bool
    is_last_attempt: bool = False
    has_policies: bool = False
    """Whether the mailboxes of the census have their EWS settings."""


@dataclass(frozen=True)
class UsersResult(Message):
    """How many users the page holds and what follows it, or why the listing cannot go on."""

    page: int
    count: int = 0
    link: str | None = None
    total: int | None = None
    problem: str | None = None
    is_expired: bool = False
    wait_seconds: float | None = None


@dataclass(frozen=True)
class GoneResult(Message):
    """What a look over all rows found after every listed user was asked for."""

    by_status: dict[str, int] = field(default_factory=dict)
    unconfirmed: int = 0
    """Users whom the scan did not list, and of whom the directory did not tell whether they are still licensed."""
    still_licensed: int = 0
    """Users whom the scan did not write, and who are licensed all the same."""


@dataclass(frozen=True)
class Closing(Message):
    """With what a scan ends."""

    scan_id: str
    error: str | None = None
    listed: int = 0
    """How many users a walk that broke off had listed; one that came through counts its rows."""
    sign_in_forced: bool | None = None
    """Whether the tenant sets ``BookingsAuthEnabled``."""
    by_status: dict[str, int] | None = None
    unrecorded: int = 0
    throttled_waits: int = 0
    missed: int = 0
    unconfirmed: int = 0
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ScanRequest(Message):
    """What a new scan is started with."""

    scan_id: str
    concurrency: int
    scanned_before: bool
    """Whether a scan of this tenant had finished before: only then is a new page told as set up."""
