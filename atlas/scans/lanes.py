"""A lane: a stretch of one page of users, probed a few at a time, with retries and a circuit breaker. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from atlas.domain.organization import OrganizationSettings
from atlas.domain.unknown import Reason
from atlas.scans.messages import Counts, Message, ProbeMode, ProbeRequest, ProbeResult

ATTEMPTS = 4
"""How often one user is probed before the failure is recorded. More than ``FAILURES_TO_OPEN``, so that Bookings has
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

    def after(self, page: int, indexes: Sequence[int], results: Sequence[ProbeResult]) -> "Breaker":
        """The breaker after these probes. A probe that sent nothing to Bookings changes nothing."""
        breaker, is_trial = self, self.is_open
        for index, result in zip(indexes, results, strict=True):
            if result.has_response:
                breaker = replace(breaker, failures=0, trials=0, responder=(page, index))
            elif result.reason is not None:
                breaker = replace(breaker, failures=breaker.failures + 1, trials=breaker.trials + is_trial)
        return replace(breaker, pause_seconds=self._next_pause(results))

    def _next_pause(self, results: Sequence[ProbeResult]) -> float:
        if any(result.reason == Reason.THROTTLED for result in results):
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
    width: int
    """Probes in flight."""
    scanned_before: bool
    organization: OrganizationSettings = field(default_factory=OrganizationSettings)
    again: tuple[tuple[int, int], ...] = ()
    """Index and attempt of the users to probe again, after all others."""
    wait_seconds: float = 0
    """How long to wait before the next probes."""
    counts: Counts = field(default_factory=Counts)
    breaker: Breaker = field(default_factory=Breaker)
    holds_lock: bool = True

    @property
    def is_open(self) -> bool:
        """Whether there are users left to probe."""
        return self.holds_lock and (bool(self.again) or self.first < self.last)

    def next_requests(self) -> list[ProbeRequest]:
        """The probes to send now: at most ``width``, or a single one while the breaker is open."""
        if (responder := self._trial_subject()) is not None:
            return [self._request(*responder, ProbeMode.TRIAL)]
        return [self._request(self.page, index, self._mode(attempt)) for index, attempt in self._next()]

    def with_results(self, results: Sequence[ProbeResult]) -> "Lane":
        """The lane after the probes of ``next_requests``."""
        if (responder := self._trial_subject()) is not None:
            breaker = self.breaker.after(responder[0], [responder[1]], results)
            return _waiting(replace(self, holds_lock=results[0].holds_lock), breaker, results)
        probes = self._next()
        breaker = self.breaker.after(self.page, [index for index, _ in probes], results)
        fresh = sum(attempt == 1 and index >= self.first for index, attempt in probes)
        given_up = 0
        again = list(self.again[len(probes) - fresh :])
        for (index, attempt), result in zip(probes, results, strict=True):
            if result.status is not None:
                continue
            if self.breaker.is_open and result.reason is not None:  # a trial does not count as an attempt
                again.append((index, attempt))
            elif attempt < ATTEMPTS:
                again.append((index, attempt + 1))
            else:
                given_up += 1
        lane = replace(
            self,
            first=self.first + fresh,
            again=tuple(again),
            counts=self.counts + self._counts_of(results, given_up),
            holds_lock=all(result.holds_lock for result in results),
        )
        return _waiting(lane, breaker, results)

    def custom_status(self) -> dict[str, Any]:
        """What the orchestration shows while it runs."""
        return {"counts": self.counts.to_dict(), "is_waiting": self.breaker.is_open}

    def result(self) -> LaneResult:
        """What the parent receives."""
        return LaneResult(counts=self.counts, breaker=self.breaker, holds_lock=self.holds_lock)

    def _trial_subject(self) -> tuple[int, int] | None:
        return self.breaker.responder if self.breaker.is_open else None

    def _next(self) -> list[tuple[int, int]]:
        """Index and attempt of the users to probe now: first those who have not been probed yet."""
        width = 1 if self.breaker.is_open else self.width
        fresh = [(index, 1) for index in range(self.first, min(self.last, self.first + width))]
        return fresh + list(self.again[: width - len(fresh)])

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

    def _counts_of(self, results: Sequence[ProbeResult], given_up: int) -> Counts:
        recorded = [result.status for result in results if result.status is not None]
        return Counts(
            by_status=dict(Counter(recorded)),
            unrecorded=given_up,
            not_requested=len(recorded) if self.breaker.is_exhausted else 0,
            kept=sum(result.was_kept for result in results),
            throttled_waits=sum(result.reason == Reason.THROTTLED and result.status is None for result in results),
        )


def _waiting(lane: Lane, breaker: Breaker, results: Sequence[ProbeResult]) -> Lane:
    """The lane with this breaker and the wait before its next probes."""
    waits = [breaker.pause_seconds, *(result.wait_seconds or 0.0 for result in results)]
    if breaker.is_open and any(result.status is None for result in results):
        wait = min(max(*waits, backoff(breaker.trials)), MAX_WAIT_SECONDS)
        breaker = replace(breaker, outage_seconds=breaker.outage_seconds + wait)
        return replace(lane, breaker=breaker, wait_seconds=0.0 if breaker.is_exhausted else wait)
    if lane.first >= lane.last and lane.again and not breaker.is_exhausted:
        waits.append(backoff(lane.again[0][1] - 2))  # nobody else is left: do not spend the attempts back to back
    return replace(lane, breaker=breaker, wait_seconds=min(max(waits), MAX_WAIT_SECONDS))
