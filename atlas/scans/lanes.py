"""A lane: a stretch of one page of users, probed one after the other, with retries and a circuit breaker. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from atlas.domain.organization import OrganizationSettings
from atlas.domain.unknown import Reason
from atlas.scans.messages import Counts, Message, ProbeMode, ProbeRequest, ProbeResult

ATTEMPTS = 4
"""How many times a user is probed before the failure is recorded. More than ``FAILURES_TO_OPEN``, so that Bookings has
responded at least once between a user's first and last attempt."""
FAILURES_TO_OPEN = 3
FIRST_WAIT_SECONDS = 5.0
"""The first wait for a service that does not respond; the next ones are twice as long each."""
MAX_BACKOFF_SECONDS = 900.0
MAX_WAIT_SECONDS = 3600.0
"""The longest wait, whatever ``Retry-After`` says."""
MAX_PAUSE_SECONDS = 8.0
MAX_OUTAGE_SECONDS = 6 * 3600.0
"""How long a scan waits for Bookings in total."""


def backoff(waits: int, first: float = FIRST_WAIT_SECONDS) -> float:
    """How long to wait next, after this many waits in a row."""
    return min(first * 2.0 ** min(waits, 20), MAX_BACKOFF_SECONDS)


@dataclass(frozen=True, kw_only=True)
class Breaker(Message):
    """What the lanes know about Bookings: a circuit breaker that opens after several probes without a response.

    While it is open, the lane waits longer and longer and sends one trial probe after each wait. The parent merges
    the breakers of its lanes and passes the result to the lanes of the next page.
    """

    failures: int = 0
    """Probes in a row without a response."""
    trials: int = 0
    """Trial probes in a row without a response."""
    outage_seconds: float = 0
    """How long the scan has waited with an open breaker."""
    pause_seconds: float = 0
    """The pause between turns after throttling."""
    responder: tuple[int, int] | None = None
    """Page and index of a user for whom Bookings has responded: the subject of the trial probes."""

    @property
    def is_exhausted(self) -> bool:
        """Whether the scan has waited for Bookings as long as it may."""
        return self.outage_seconds >= MAX_OUTAGE_SECONDS

    @property
    def is_open(self) -> bool:
        """Whether only trial probes are sent."""
        return self.failures >= FAILURES_TO_OPEN and not self.is_exhausted

    def after(self, page: int, index: int, result: ProbeResult) -> "Breaker":
        """The breaker after a probe. One that sent nothing to Bookings changes nothing but the pause."""
        breaker = replace(self, pause_seconds=self._next_pause(result))
        if result.has_response:
            return replace(breaker, failures=0, trials=0, responder=(page, index))
        if result.reason is not None:
            return replace(breaker, failures=self.failures + 1, trials=self.trials + self.is_open)
        return breaker

    def _next_pause(self, result: ProbeResult) -> float:
        if result.reason == Reason.THROTTLED:
            return min(max(1.0, self.pause_seconds * 2), MAX_PAUSE_SECONDS)
        return self.pause_seconds / 2 if self.pause_seconds > 0.5 else 0.0


def merge_breakers(breakers: Iterable[Breaker]) -> Breaker:
    """What several lanes know together: one that gets responses outweighs those that do not."""
    merged = list(breakers)
    return Breaker(
        failures=min((breaker.failures for breaker in merged), default=0),
        trials=min((breaker.trials for breaker in merged), default=0),
        outage_seconds=max((breaker.outage_seconds for breaker in merged), default=0),
        pause_seconds=max((breaker.pause_seconds for breaker in merged), default=0),
        responder=next((breaker.responder for breaker in reversed(merged) if breaker.responder), None),
    )


@dataclass(frozen=True, kw_only=True)
class LaneResult(Message):
    """What a lane returns to its parent."""

    counts: Counts = field(default_factory=Counts)
    breaker: Breaker = field(default_factory=Breaker)
    holds_lock: bool = True


@dataclass(frozen=True, kw_only=True)
class Lane(Message):
    """A stretch of one page of users, worked on by one ``scan_page`` orchestration."""

    scan_id: str
    page: int
    first: int
    """Index of the first user who has not been probed yet."""
    last: int
    """Index after the last user of the stretch."""
    scanned_before: bool
    organization: OrganizationSettings = field(default_factory=OrganizationSettings)
    again: tuple[tuple[int, int], ...] = ()
    """Index and attempt of the users to probe again, after all others."""
    wait_seconds: float = 0
    """How long to wait before the next probe."""
    counts: Counts = field(default_factory=Counts)
    breaker: Breaker = field(default_factory=Breaker)
    holds_lock: bool = True

    @property
    def is_open(self) -> bool:
        """Whether there are users left to probe."""
        return self.holds_lock and (bool(self.again) or self.first < self.last)

    def next_request(self) -> ProbeRequest:
        """The probe to send now: a trial while the breaker is open, if Bookings has responded for anybody."""
        if (responder := self._trial_subject()) is not None:
            return self._request(*responder, ProbeMode.TRIAL)
        index, attempt = self._next()
        return self._request(self.page, index, self._mode(attempt))

    def with_result(self, result: ProbeResult) -> "Lane":
        """The lane after the probe of ``next_request``."""
        if (responder := self._trial_subject()) is not None:
            return _with_wait(
                replace(self, holds_lock=result.holds_lock), self.breaker.after(*responder, result), result
            )
        index, attempt = self._next()
        is_first_attempt = self.first < self.last
        others = replace(
            self,
            first=self.first + is_first_attempt,
            again=self.again if is_first_attempt else self.again[1:],
            holds_lock=result.holds_lock,
        )
        breaker = self.breaker.after(self.page, index, result)
        return _with_wait(_count_result(others, index, attempt, result), breaker, result)

    def custom_status(self) -> dict[str, Any]:
        """What the orchestration shows while it runs."""
        return {"counts": self.counts.to_dict(), "is_waiting": self.breaker.is_open}

    def result(self) -> LaneResult:
        """What the parent receives."""
        return LaneResult(counts=self.counts, breaker=self.breaker, holds_lock=self.holds_lock)

    def _trial_subject(self) -> tuple[int, int] | None:
        return self.breaker.responder if self.breaker.is_open else None

    def _next(self) -> tuple[int, int]:
        """Index and attempt of the user to probe now: first those who have not been probed yet."""
        return (self.first, 1) if self.first < self.last else self.again[0]

    def _mode(self, attempt: int) -> ProbeMode:
        if self.breaker.is_exhausted:
            return ProbeMode.OUTAGE
        return ProbeMode.LAST if attempt >= ATTEMPTS and not self.breaker.is_open else ProbeMode.NORMAL

    def _request(self, page: int, index: int, mode: ProbeMode) -> ProbeRequest:
        return ProbeRequest(
            scan_id=self.scan_id,
            page=page,
            index=index,
            scanned_before=self.scanned_before,
            organization=self.organization,
            mode=mode,
        )


def _count_result(lane: Lane, index: int, attempt: int, result: ProbeResult) -> Lane:
    """The lane with this user counted, or among those to probe again."""
    if result.status is not None:
        not_requested = int(lane.breaker.is_exhausted)
        counts = Counts(by_status={result.status: 1}, not_requested=not_requested, kept=int(result.was_kept))
        return replace(lane, counts=lane.counts + counts)
    is_trial = lane.breaker.is_open and result.reason is not None  # a trial does not count as an attempt
    next_attempt = attempt if is_trial else attempt + 1
    again = ((index, next_attempt),) if next_attempt <= ATTEMPTS else ()
    counts = Counts(unrecorded=int(not again), throttled_waits=int(result.reason == Reason.THROTTLED))
    return replace(lane, again=lane.again + again, counts=lane.counts + counts)


def _with_wait(lane: Lane, breaker: Breaker, result: ProbeResult) -> Lane:
    """The lane with this breaker and the wait before its next probe."""
    wait = max(breaker.pause_seconds, result.wait_seconds or 0.0)
    if breaker.is_open and result.status is None:
        wait = min(max(wait, backoff(breaker.trials)), MAX_WAIT_SECONDS)
        breaker = replace(breaker, outage_seconds=breaker.outage_seconds + wait)
        return replace(lane, breaker=breaker, wait_seconds=0.0 if breaker.is_exhausted else wait)
    if lane.first >= lane.last and lane.again and not breaker.is_exhausted:
        wait = max(wait, backoff(lane.again[0][1] - 2))  # no other user is left: do not spend the attempts back to back
    return replace(lane, breaker=breaker, wait_seconds=min(wait, MAX_WAIT_SECONDS))
