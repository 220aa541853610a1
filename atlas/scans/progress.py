"""How far a scan has come: its steps, grouped in stages, and which step follows which result. Pure.

The orchestration ``scan_tenant`` runs the step that ``ScanProgress`` names and passes its result back; every decision
is made here. To add a stage: its steps in ``Step`` and ``STAGES``, its state beside ``PersonalPages``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise
from typing import Any

from atlas.domain.organization import OrganizationSettings
from atlas.scans.lanes import MAX_WAIT_SECONDS, Lane, LaneResult, backoff
from atlas.scans.messages import (
    Closing,
    ClosingResult,
    ExpiredResult,
    GoneResult,
    JoinRequest,
    JoinResult,
    ListingRequest,
    ListingResult,
    Message,
    OrganizationResult,
    Retry,
    SharedRequest,
    SharedResult,
    StepFailure,
    StepRequest,
    StepResult,
)
from atlas.scans.personal_progress import Exchange, PersonalPages
from atlas.scans.shared_progress import SharedPages

REPEATS = 3
"""How many times a step is repeated after a response that could not be read."""
RESTARTS = 3
"""How many times a listing restarts."""
FIRST_WAIT_SECONDS: Mapping[Retry, float] = {Retry.LATER: 10.0, Retry.AGAIN: 2.0, Retry.RESTART: 0.0, Retry.NEVER: 0.0}
"""The next waits of a step are twice as long each."""
HOUR = 3600.0


class Step(StrEnum):
    """What a scan does, one after the other."""

    BEGIN_CREATOR_SEARCH = "beginCreatorSearch"
    READ_ORGANIZATION = "readOrganization"
    LIST_MAILBOXES = "listMailboxes"
    LIST_MAILBOX_POLICIES = "listMailboxPolicies"
    LIST_USERS = "listUsers"
    JOIN_MAILBOXES = "joinMailboxes"
    PROBE_USERS = "probeUsers"
    MARK_GONE = "markGone"
    LIST_BUSINESSES = "listBusinesses"
    LIST_SHARED_MAILBOXES = "listSharedMailboxes"
    COMPARE_SHARED_NAMES = "compareSharedNames"
    INSPECT_SHARED_PAGES = "inspectSharedPages"
    MARK_SHARED_PAGES_GONE = "markSharedPagesGone"
    FIND_CREATORS = "findCreators"
    DELETE_EXPIRED = "deleteExpired"
    CLOSE_SCAN = "closeScan"
    END = "end"


LISTINGS = frozenset({Step.LIST_MAILBOXES, Step.LIST_MAILBOX_POLICIES, Step.LIST_USERS, Step.LIST_SHARED_MAILBOXES})
"""Steps that can start again from the first page."""
SHARED_PAGES = (
    Step.LIST_BUSINESSES,
    Step.LIST_SHARED_MAILBOXES,
    Step.COMPARE_SHARED_NAMES,
    Step.INSPECT_SHARED_PAGES,
    Step.MARK_SHARED_PAGES_GONE,
    Step.FIND_CREATORS,
)
STAGES: tuple[tuple[Step, ...], ...] = (
    (Step.BEGIN_CREATOR_SEARCH,),  # the query takes minutes, and runs beside everything else
    (Step.READ_ORGANIZATION, Step.LIST_MAILBOXES, Step.LIST_MAILBOX_POLICIES),
    (Step.LIST_USERS, Step.JOIN_MAILBOXES, Step.PROBE_USERS, Step.MARK_GONE),  # personal pages
    SHARED_PAGES,
    (Step.DELETE_EXPIRED,),
    (Step.CLOSE_SCAN, Step.END),
)
"""If a stage fails, the scan continues with the next stage."""

MAX_WAITED_SECONDS: Mapping[Step, float] = {
    Step.BEGIN_CREATOR_SEARCH: 10.0,  # then FIND_CREATORS begins the search
    Step.READ_ORGANIZATION: 2 * HOUR,
    Step.LIST_MAILBOXES: 2 * HOUR,
    Step.LIST_MAILBOX_POLICIES: 2 * HOUR,
    Step.LIST_USERS: 6 * HOUR,
    Step.JOIN_MAILBOXES: 6 * HOUR,
    Step.MARK_GONE: 6 * HOUR,
    Step.LIST_BUSINESSES: HOUR,
    Step.LIST_SHARED_MAILBOXES: HOUR,
    Step.COMPARE_SHARED_NAMES: HOUR,
    Step.INSPECT_SHARED_PAGES: 2 * HOUR,
    Step.MARK_SHARED_PAGES_GONE: HOUR,
    Step.FIND_CREATORS: 600.0,  # the next scan goes on with the search
    Step.DELETE_EXPIRED: 60.0,  # the timer deletes what is left
    Step.CLOSE_SCAN: 6 * HOUR,
}
"""How long a step waits in total for services that do not respond; without Exchange, a scan only determines less."""


class ScanNotClosed(Exception):
    """The scan could not be closed for hours. The next one takes over its lock."""


@dataclass(frozen=True, kw_only=True)
class Position(Message):
    """Where a listing, or any other step in parts, continues."""

    page: int = 1
    first: int = 1
    """The page with which it started; a restarted listing uses new numbers, so that late writes do not mix with it."""

    def advanced(self) -> "Position":
        """The position after a page."""
        return replace(self, page=self.page + 1)

    def restarted(self) -> "Position":
        """The position of the same listing from its start."""
        return Position(page=self.page + 1, first=self.page + 1)

    @property
    def is_first(self) -> bool:
        """Whether the listing starts here."""
        return self.page == self.first


@dataclass(frozen=True, kw_only=True)
class Retries(Message):
    """How many times the current step has been repeated."""

    waits: int = 0
    waited_seconds: float = 0
    repeats: int = 0
    restarts: int = 0


@dataclass(frozen=True, kw_only=True)
class ScanProgress(Message):
    """The state of ``scan_tenant``; as its input, only the fields of ``ScanRequest`` are set."""

    scan_id: str
    concurrency: int
    scanned_before: bool
    step: Step = Step.BEGIN_CREATOR_SEARCH
    position: Position = field(default_factory=Position)
    retries: Retries = field(default_factory=Retries)
    wait_seconds: float = 0
    """How long to wait before the step."""
    organization: OrganizationSettings = field(default_factory=OrganizationSettings)
    exchange: Exchange = field(default_factory=Exchange)
    personal: PersonalPages = field(default_factory=PersonalPages)
    shared: SharedPages = field(default_factory=SharedPages)
    state: str | None = None
    """The state in which the scan ended."""

    def step_request(self) -> StepRequest:
        """The request of a step that needs nothing but the scan."""
        return StepRequest(scan_id=self.scan_id)

    def page_request(self) -> ListingRequest:
        """The request for the page at the current position."""
        return ListingRequest(scan_id=self.scan_id, page=self.position.page, is_first=self.position.is_first)

    def join_request(self) -> JoinRequest:
        """The request to join the page of users at the current position with their mailboxes."""
        return JoinRequest(
            scan_id=self.scan_id,
            page=self.position.page,
            pages=self.personal.pages,
            users_from=self.personal.users_from,
            mailboxes_from=self.exchange.mailboxes_from,
            policies_from=self.exchange.policies_from,
        )

    def shared_request(self) -> SharedRequest:
        """The request for one part of a step of shared pages."""
        return SharedRequest(
            scan_id=self.scan_id,
            page=self.position.page,
            is_first=self.position.is_first,
            first_listing=self.shared.first_listing,
            has_exchange=self.shared.has_exchange and not self.shared.malformed,
            has_graph=self.shared.has_graph,
            truncated=self.shared.truncated,
        )

    def with_organization(self, result: OrganizationResult) -> "ScanProgress":
        """Go on to the mailboxes, or without Exchange to the users."""
        if stopped := self._unless_successful(result):
            return stopped
        next_step = Step.LIST_MAILBOXES if result.exchange_enabled else Step.LIST_USERS
        return self._at(next_step, organization=result.settings)

    def with_mailboxes(self, result: ListingResult) -> "ScanProgress":
        """Go on to the next page of mailboxes, or to their policies."""
        return self._after_page(result, Step.LIST_MAILBOX_POLICIES)

    def with_policies(self, result: ListingResult) -> "ScanProgress":
        """Go on to the next page of mailbox policies, or to the users."""
        return self._after_page(result, Step.LIST_USERS)

    def with_users(self, result: ListingResult) -> "ScanProgress":
        """Go on to the next page of the listing, or to join the users with their mailboxes."""
        if stopped := self._unless_successful(result):
            return stopped
        personal = self.personal.with_listed(result, self.position.first, is_first=self.position.is_first)
        if result.has_next:
            return self._next_part(personal=personal)
        return self._at(Step.JOIN_MAILBOXES, personal=personal)

    def with_joined(self, result: JoinResult) -> "ScanProgress":
        """Go on to probe the page of users."""
        if stopped := self._unless_successful(result):
            return stopped
        return self._next_part(step=Step.PROBE_USERS, personal=self.personal.with_page(self.position.page, result))

    def with_probes(self, lanes: Sequence[LaneResult], joined: JoinResult | None) -> "ScanProgress":
        """Go on to the page that was joined meanwhile, or to the users who are gone."""
        personal = self.personal.with_lanes(lanes)
        if not all(lane.holds_lock for lane in lanes):
            return self._at(Step.END)
        if joined is not None:
            return replace(self, step=Step.JOIN_MAILBOXES, personal=personal).with_joined(joined)
        if personal.error is not None:  # the list of users is not complete, so it does not say who is gone
            return self._ended_stage(personal=personal)
        return self._at(Step.MARK_GONE, personal=personal)

    def with_gone(self, result: GoneResult) -> "ScanProgress":
        """Go on to the next part of the rows, or to the next stage."""
        if stopped := self._unless_successful(result):
            return stopped
        personal = replace(self.personal, gone=self.personal.gone + result)
        return self._next_part(personal=personal) if result.has_next else self._ended_stage(personal=personal)

    def with_shared(self, result: SharedResult) -> "ScanProgress":
        """Go on to the next part of the step, to the next step of shared pages, or to the next stage."""
        if stopped := self._unless_successful(result):
            return stopped
        match self.step:
            case Step.BEGIN_CREATOR_SEARCH:
                return self._ended_stage()
            case Step.LIST_BUSINESSES:
                shared = self.shared.with_businesses(result)
            case Step.LIST_SHARED_MAILBOXES:
                shared = self.shared.with_mailboxes(result, self.position.first)
            case Step.INSPECT_SHARED_PAGES | Step.MARK_SHARED_PAGES_GONE | Step.FIND_CREATORS:
                shared = self.shared.with_pages(result)
            case _:
                shared = self.shared
        if result.has_next:
            return replace(self._next_part(shared=shared), wait_seconds=result.wait_seconds)
        return self._after_shared_step(shared)

    def with_deleted(self, result: ExpiredResult) -> "ScanProgress":
        """Go on deleting, or close the scan."""
        if stopped := self._unless_successful(result):
            return stopped
        return self._next_part() if result.has_more else self._ended_stage()

    def with_state(self, result: ClosingResult) -> "ScanProgress":
        """The scan is closed."""
        if stopped := self._unless_successful(result):
            return stopped
        return self._at(Step.END, state=result.state)

    def result(self) -> dict[str, Any] | None:
        """The state in which the scan ended; ``None``: it did not hold the lock, and ended without a trace."""
        return {"state": self.state} if self.state else None

    def with_failure(self, failure: StepFailure) -> "ScanProgress":
        """Repeat the step after a wait, restart its listing, or give it up."""
        retries = self.retries
        longer = backoff(retries.waits, FIRST_WAIT_SECONDS[failure.retry])
        wait = min(max(failure.wait_seconds or 0, longer), MAX_WAIT_SECONDS)
        waiting = replace(
            self,
            wait_seconds=wait,
            retries=replace(retries, waits=retries.waits + 1, waited_seconds=retries.waited_seconds + wait),
        )
        match failure.retry:
            case Retry.LATER if waiting.retries.waited_seconds <= MAX_WAITED_SECONDS[self.step]:
                return waiting
            case Retry.AGAIN if retries.repeats < REPEATS:
                return replace(waiting, retries=replace(waiting.retries, repeats=retries.repeats + 1))
            case Retry.AGAIN | Retry.RESTART if self._is_listing and retries.restarts < RESTARTS:
                restarted = replace(self._restarted(), wait_seconds=wait)
                return replace(restarted, retries=replace(waiting.retries, repeats=0, restarts=retries.restarts + 1))
            case _ if self.step in SHARED_PAGES:
                return self._shared_step_given_up(failure.problem, permitted=failure.retry is not Retry.NEVER)
            case _:
                return self._given_up(failure.problem)

    def with_exception(self, problem: str) -> "ScanProgress":
        """As ``with_failure``, of an activity that raised. A page whose lanes may still run is not probed again."""
        retry = Retry.NEVER if self.step is Step.PROBE_USERS else Retry.AGAIN
        return self.with_failure(StepFailure(problem=problem, retry=retry))

    def lanes(self) -> list[Lane]:
        """The page of users cut into stretches of equal length, one for each lane that may run."""
        size = self.personal.page_size
        count = min(self.concurrency, size)
        return [
            Lane(
                scan_id=self.scan_id,
                page=self.personal.page,
                first=first,
                last=last,
                scanned_before=self.scanned_before,
                organization=self.organization,
                breaker=self.personal.breaker,
            )
            for first, last in _shares(size, count)
        ]

    def closing(self) -> Closing:
        """The result of the scan."""
        return replace(
            self.personal.closing(self.scan_id),
            sign_in_forced=self.organization.sign_in_forced,
            shared_pages_failed=self.shared.failed,
            warnings=tuple(self.warnings()),
        )

    def warnings(self) -> list[str]:
        """What the reader of the scan has to know."""
        warning = self.exchange.warning()
        return [*([warning] if warning else []), *self.shared.warnings()]

    def custom_status(self) -> dict[str, Any]:
        """What the orchestration shows while it runs."""
        return {
            "step": str(self.step),
            "page": self.personal.page,
            "lanes": len(self.lanes()) if self.step is Step.PROBE_USERS else self.personal.open_lanes,
            "listed": self.personal.listed,
            "total": self.personal.total,
            "probingSince": self.personal.probing_since.isoformat() if self.personal.probing_since else None,
            "counts": self.personal.counts.to_dict(),
            "warnings": self.warnings(),
        }

    def _unless_successful(self, result: StepResult) -> "ScanProgress | None":
        """What follows a step that did not succeed; ``None`` after one that did."""
        if not result.holds_lock:
            return self._at(Step.END)
        return self.with_failure(result.failure) if result.failure else None

    def _after_page(self, result: ListingResult, next_step: Step) -> "ScanProgress":
        if stopped := self._unless_successful(result):
            return stopped
        if result.has_next:
            return self._next_part()
        if self.step is Step.LIST_MAILBOXES:
            return self._at(next_step, exchange=replace(self.exchange, mailboxes_from=self.position.first))
        return self._at(next_step, exchange=replace(self.exchange, policies_from=self.position.first))

    def _given_up(self, problem: str) -> "ScanProgress":
        match self.step:
            case Step.READ_ORGANIZATION:
                return self._without_exchange(Step.LIST_MAILBOXES, replace(self.exchange, organization_problem=problem))
            case Step.LIST_MAILBOXES:
                return self._without_exchange(Step.LIST_USERS, replace(self.exchange, mailboxes_problem=problem))
            case Step.LIST_MAILBOX_POLICIES:
                return self._without_exchange(Step.LIST_USERS, replace(self.exchange, policies_problem=problem))
            case Step.LIST_USERS:
                return self._without_all_users(f"the list of licensed users could not be completed: {problem}")
            case Step.CLOSE_SCAN:
                raise ScanNotClosed(problem)
            case Step.BEGIN_CREATOR_SEARCH | Step.DELETE_EXPIRED:
                return self._ended_stage()
            case Step.PROBE_USERS:
                personal = replace(self.personal, open_lanes=len(self.lanes()))
                return self._ended_stage(personal=personal.with_error(problem))
            case _:
                return self._ended_stage(personal=self.personal.with_error(problem))

    def _shared_step_given_up(self, problem: str, *, permitted: bool) -> "ScanProgress":
        """Go on with what can still be done; ``permitted``: another scan may be able to do the step."""
        match self.step:
            case Step.LIST_BUSINESSES:
                shared = self.shared.without_graph(problem, permitted=permitted)
            case Step.LIST_SHARED_MAILBOXES:
                shared = self.shared.without_exchange(problem, permitted=permitted)
            case Step.COMPARE_SHARED_NAMES | Step.FIND_CREATORS:
                shared = self.shared.with_problem(problem)
            case _:
                shared = self.shared.gave_up(problem)
        return self._after_shared_step(shared)

    def _after_shared_step(self, shared: SharedPages) -> "ScanProgress":
        """The next step of shared pages that there is something to do for, or the next stage."""
        if not shared.enabled or (self.step is not Step.LIST_BUSINESSES and not shared.has_source):
            return self._ended_stage(shared=shared)
        following = {
            Step.LIST_BUSINESSES: Step.LIST_SHARED_MAILBOXES,
            Step.LIST_SHARED_MAILBOXES: Step.COMPARE_SHARED_NAMES,
            Step.COMPARE_SHARED_NAMES: Step.INSPECT_SHARED_PAGES,
            Step.INSPECT_SHARED_PAGES: Step.FIND_CREATORS if shared.failed else Step.MARK_SHARED_PAGES_GONE,
            Step.MARK_SHARED_PAGES_GONE: Step.FIND_CREATORS,
        }
        next_step = following.get(self.step)
        return self._at(next_step, shared=shared) if next_step else self._ended_stage(shared=shared)

    def _without_all_users(self, error: str) -> "ScanProgress":
        """Probe the users who were listed, although the scan has failed."""
        personal = self.personal.with_error(error)
        if personal.listed:
            return self._at(Step.JOIN_MAILBOXES, personal=personal)
        return self._ended_stage(personal=personal)

    def _without_exchange(self, next_step: Step, exchange: Exchange) -> "ScanProgress":
        organization = replace(self.organization, exchange_incomplete=True)
        return self._at(next_step, organization=organization, exchange=exchange)

    @property
    def _is_listing(self) -> bool:
        return self.step in LISTINGS

    def _restarted(self) -> "ScanProgress":
        return replace(self, position=self.position.restarted())

    def _next_part(self, **changes: Any) -> "ScanProgress":
        """The next failure waits from the start, but a listing restarts only so often."""
        retries = Retries(restarts=self.retries.restarts)
        return replace(self, position=self.position.advanced(), retries=retries, wait_seconds=0, **changes)

    def _at(self, step: Step, **changes: Any) -> "ScanProgress":
        return replace(self, step=step, position=Position(), retries=Retries(), wait_seconds=0, **changes)

    def _ended_stage(self, **changes: Any) -> "ScanProgress":
        """The first step of the next stage. Lanes that may still run read the census, so it is not deleted yet."""
        stage = next(number for number, steps in enumerate(STAGES) if self.step in steps)
        next_step = STAGES[stage + 1][0]
        personal: PersonalPages = changes.get("personal", self.personal)
        if next_step is Step.DELETE_EXPIRED and personal.open_lanes:
            next_step = Step.CLOSE_SCAN
        return self._at(next_step, **changes)


def lane_id(scan_id: str, page: int, lane: int) -> str:
    """The instance ID of a lane, derived from the scan's, so that a scan can be stopped with all its lanes."""
    return f"{scan_id}:{page}:{lane}"


def _shares(count: int, parts: int) -> Iterator[tuple[int, int]]:
    return pairwise([count * part // parts for part in range(parts + 1)] if parts else [])
