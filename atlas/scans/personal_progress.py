"""How far the stage of personal pages has come, and what Exchange contributes to it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from atlas.domain.buckets import page_count
from atlas.scans.lanes import Breaker, LaneResult, merge_breakers
from atlas.scans.messages import Closing, Counts, GoneResult, JoinResult, ListingResult, Message
from atlas.scans.warnings import exchange_warning


@dataclass(frozen=True, kw_only=True)
class Exchange(Message):
    """What the census obtained from Exchange, and what went wrong."""

    mailboxes_from: int | None = None
    """The page with which the complete listing of mailboxes begins; ``None``: there is none."""
    policies_from: int | None = None
    """The same of their EWS settings."""
    organization_problem: str | None = None
    mailboxes_problem: str | None = None
    policies_problem: str | None = None

    def warning(self) -> str | None:
        """One sentence about everything that is missing."""
        return exchange_warning(self.organization_problem, self.mailboxes_problem, self.policies_problem)


@dataclass(frozen=True, kw_only=True)
class PersonalPages(Message):
    """The stage of personal pages: the page of users being probed, and the results so far."""

    listed: int = 0
    total: int | None = None
    """How many users the listing will have, if Microsoft Graph says so."""
    users_from: int = 1
    """The page with which the listing begins."""
    page: int = 0
    """The page of users being probed; 0: none yet."""
    page_size: int = 0
    probing_since: datetime | None = None
    counts: Counts = field(default_factory=Counts)
    breaker: Breaker = field(default_factory=Breaker)
    gone: GoneResult = field(default_factory=GoneResult)
    error: str | None = None
    open_lanes: int = 0
    """Lanes of the page that may still run, although the scan no longer waits for them because one of them failed."""

    @property
    def pages(self) -> int:
        """How many pages of users are probed one after the other."""
        return page_count(self.listed)

    @property
    def has_next(self) -> bool:
        """Whether there is a page after the one being probed."""
        return self.page < self.pages

    def with_listed(self, listing: ListingResult, users_from: int, *, is_first: bool) -> "PersonalPages":
        """The stage with a page of the listing of users. Those of an earlier listing count until a new one begins."""
        return replace(
            self,
            listed=listing.count if is_first else self.listed + listing.count,
            total=self.total if listing.total is None else listing.total,
            users_from=users_from,
        )

    def with_page(self, page: int, joined: JoinResult) -> "PersonalPages":
        """The stage with a page of users to probe."""
        since = self.probing_since or joined.ended_at
        return replace(self, page=page, page_size=joined.count, probing_since=since, total=self.listed)

    def with_lanes(self, lanes: Sequence[LaneResult]) -> "PersonalPages":
        """The stage with the results of the page's lanes."""
        return replace(
            self,
            counts=sum((lane.counts for lane in lanes), self.counts),
            breaker=merge_breakers([self.breaker] if not lanes else [lane.breaker for lane in lanes]),
        )

    def with_error(self, error: str) -> "PersonalPages":
        """The stage that has failed; the first error is the cause."""
        return replace(self, error=self.error or error)

    def closing(self, scan_id: str) -> Closing:
        """The result. After a complete listing, the totals are those of the rows, where no user counts twice."""
        counts = self.counts
        if self.error is not None:
            has_open_lanes = self.open_lanes > 0
            return Closing(
                scan_id=scan_id, error=self.error, listed=self.listed, counts=counts, has_open_lanes=has_open_lanes
            )
        return Closing(
            scan_id=scan_id,
            counts=replace(counts, by_status=self.gone.by_status),
            missed=max(0, self.gone.still_licensed - counts.unrecorded),
            unconfirmed=self.gone.unconfirmed,
            malformed=self.gone.malformed,
        )
