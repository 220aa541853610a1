"""How a scan walks through the tenant: pages of users cut into lanes, each asking a few users at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from atlas.scans.messages import Closing, Counts, GoneResult, Message, ProbeRequest, ProbeResult, UsersResult

MAX_LANES = 16
"""How many ``scan_page`` flows run at once at most; with more calls in flight than that, each has several."""
ATTEMPTS = 3
"""How often one user is asked for, when throttled or when the row could not be written, before that is the answer."""
STORAGE_WAIT_SECONDS = 5.0
MAX_WAIT_SECONDS = 900.0
MAX_PAUSE_SECONDS = 8.0
MAX_WARNINGS = 10
MORE_WARNINGS = "Exchange gave more warnings than these."


@dataclass(frozen=True)
class Lane(Message):
    """A stretch of one page of users that one ``scan_page`` flow walks through, a few probes at a time."""

    scan_id: str
    page: int
    first: int
    """Index of the first user that was not asked for yet."""
    last: int
    """Index after the last user of the stretch."""
    width: int
    """Probes in flight."""
    sign_in_forced: bool | None
    scanned_before: bool
    again: list[list[int]] = field(default_factory=list)
    """Pairs of index and attempt: users to ask for once more."""
    exchange_incomplete: bool = False
    organization_ews: dict[str, Any] | None = None
    pause_seconds: float = 0
    wait_seconds: float = 0
    """How long to wait before the next probes."""
    counts: dict[str, Any] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether users are left to ask for."""
        return bool(self.again) or self.first < self.last

    def next_probes(self) -> list[tuple[int, int]]:
        """Index and attempt of the users to ask for now, at most ``width``."""
        repeated = [(index, attempt) for index, attempt in self.again[: self.width]]
        fresh = range(self.first, min(self.last, self.first + self.width - len(repeated)))
        return repeated + [(index, 1) for index in fresh]

    def request(self, index: int, attempt: int) -> ProbeRequest:
        """The order for one probe."""
        return ProbeRequest(
            scan_id=self.scan_id,
            page=self.page,
            index=index,
            sign_in_forced=self.sign_in_forced,
            scanned_before=self.scanned_before,
            is_last_attempt=attempt >= ATTEMPTS,
            exchange_incomplete=self.exchange_incomplete,
            organization_ews=self.organization_ews,
        )

    def with_answers(self, probes: Sequence[tuple[int, int]], answers: Sequence[ProbeResult]) -> "Lane":
        """The lane after its probes: counts, whom to ask again, and how long to wait before.

        A throttled lane waits as long as it was told and goes on slower; it speeds up again with every clean answer.
        """
        outcomes = list(zip(probes, answers, strict=True))
        waits = [answer.wait_seconds for answer in answers if answer.wait_seconds is not None]
        failed = [probe for probe, answer in outcomes if answer.status is None and answer.wait_seconds is None]
        repeated = [probe for probe, answer in outcomes if answer.wait_seconds is not None]
        repeated += [(index, attempt) for index, attempt in failed if attempt < ATTEMPTS]
        counts = Counts(
            by_status=_counted(answer.status for answer in answers if answer.status is not None),
            unrecorded=sum(attempt >= ATTEMPTS for _, attempt in failed),
            throttled_waits=len(waits),
        )
        pause = min(max(1.0, self.pause_seconds * 2), MAX_PAUSE_SECONDS) if waits else _eased(self.pause_seconds)
        wait = max([*waits, STORAGE_WAIT_SECONDS if failed else 0, pause])
        fresh = sum(attempt == 1 for _, attempt in probes)
        return replace(
            self,
            first=self.first + fresh,
            again=self.again[len(probes) - fresh :] + [[index, attempt + 1] for index, attempt in repeated],
            pause_seconds=pause,
            wait_seconds=min(wait, MAX_WAIT_SECONDS),
            counts=(Counts.from_dict(self.counts) + counts).to_dict(),
        )


@dataclass(frozen=True)
class ScanProgress(Message):
    """How far ``scan_tenant`` has come, as it travels when the flow continues as new."""

    scan_id: str
    concurrency: int
    scanned_before: bool
    is_begun: bool = False
    has_mailboxes: bool = False
    """Whether the census holds the mailboxes; if not, GUIDs come from Microsoft Graph."""
    exchange_incomplete: bool = False
    """Whether Exchange was asked and did not tell all."""
    has_policies: bool = False
    """Whether the mailboxes of the census have their EWS settings."""
    organization_ews: dict[str, Any] | None = None
    sign_in_forced: bool | None = None
    page: int = 0
    page_size: int = 0
    """How many users the page at hand holds; the listing may give an empty one."""
    next_link: str | None = None
    listed: int = 0
    total: int | None = None
    counts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    restarts: int = 0
    """How often the listing has begun again because its link was too old."""

    def with_page(self, listing: UsersResult) -> "ScanProgress":
        """The walk with the page that ``list_users`` has put into the census."""
        return replace(
            self,
            page=listing.page,
            page_size=listing.count,
            next_link=listing.link,
            listed=self.listed + listing.count,
            total=self.total if listing.total is None else listing.total,
        )

    def closing(self, gone: GoneResult) -> Closing:
        """The end of a walk that came through; totals are those of the rows, where no user counts twice."""
        counts = Counts.from_dict(self.counts)
        return Closing(
            scan_id=self.scan_id,
            by_status=gone.by_status,
            unrecorded=counts.unrecorded,
            throttled_waits=counts.throttled_waits,
            missed=max(0, gone.still_licensed - counts.unrecorded),
            unconfirmed=gone.unconfirmed,
            sign_in_forced=self.sign_in_forced,
            warnings=self.warnings,
        )

    def failing(self, error: str) -> Closing:
        """The end of a walk that broke off."""
        counts = Counts.from_dict(self.counts)
        return Closing(
            scan_id=self.scan_id,
            error=error,
            listed=self.listed,
            by_status=counts.by_status,
            unrecorded=counts.unrecorded,
            throttled_waits=counts.throttled_waits,
            warnings=self.warnings,
        )

    def custom_status(self) -> dict[str, Any]:
        """What the flow shows of itself while it runs."""
        return {
            "page": self.page,
            "lanes": len(self.lanes()),
            "listed": self.listed,
            "total": self.total,
            "counts": self.counts,
            "warnings": self.warnings,
        }

    def with_counts(self, parts: Sequence[Mapping[str, Any]]) -> "ScanProgress":
        """The walk with what its lanes have counted."""
        return replace(self, counts=sum(map(Counts.from_dict, parts), Counts.from_dict(self.counts)).to_dict())

    def lanes(self) -> list[Lane]:
        """The page at hand cut into stretches of equal length, one for each flow that may run."""
        orchestrations = min(self.concurrency, MAX_LANES, self.page_size)
        return [
            Lane(
                scan_id=self.scan_id,
                page=self.page,
                first=first,
                last=last,
                width=width,
                sign_in_forced=self.sign_in_forced,
                scanned_before=self.scanned_before,
                exchange_incomplete=self.exchange_incomplete,
                organization_ews=self.organization_ews,
            )
            for (first, last), width in zip(
                _shares(self.page_size, orchestrations), _widths(self.concurrency, orchestrations), strict=True
            )
        ]


def exchange_warnings(organization: str | None, mailboxes: str | None, policies: str | None) -> list[str]:
    """One warning for whatever Exchange did not tell: the first thing that was wrong, and what is therefore not known.

    ``mailboxes`` is the problem of their listing, ``policies`` that of their EWS settings.
    """
    problem = mailboxes or organization or policies
    if not problem:
        return []
    lost = []
    if mailboxes:
        lost.append("capabilities")
    if mailboxes or policies:
        lost.append("mailbox policies")
    if organization:
        lost.append("BookingsAuthEnabled and the organisation's policy")
    graph = "mailbox GUIDs come from Microsoft Graph, and " if mailboxes else ""
    return [f"{problem.rstrip('.')}. So {graph}these are not known: {', '.join(lost)}."]


def limit_warnings(warnings: Iterable[str]) -> list[str]:
    """Each warning once, and no more of them than a flow's status and a column can hold."""
    distinct = list(dict.fromkeys(warnings))
    told = [warning for warning in distinct if warning != MORE_WARNINGS][:MAX_WARNINGS]
    return told if len(told) == len(distinct) else [*told, MORE_WARNINGS]


def lane_id(scan_id: str, page: int, lane: int) -> str:
    """The instance id of one ``scan_page`` flow: derived, so that a scan can be stopped with all its flows."""
    return f"{scan_id}:{page}:{lane}"


def _counted(statuses: Iterator[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for status in statuses:
        counts[status] = counts.get(status, 0) + 1
    return counts


def _eased(pause_seconds: float) -> float:
    return pause_seconds / 2 if pause_seconds > 0.5 else 0.0


def _shares(count: int, parts: int) -> Iterator[tuple[int, int]]:
    edges = [count * part // parts for part in range(parts + 1)] if parts else []
    return pairwise(edges)


def _widths(concurrency: int, orchestrations: int) -> list[int]:
    return [last - first for first, last in _shares(concurrency, orchestrations)]
