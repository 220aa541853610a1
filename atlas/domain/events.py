"""The events emitted to monitoring: one for each probe and each scan, without personal data.

Alerts and the workbook of the deployment read these names (docs/operate.md).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from atlas.domain.scans import Scan
from atlas.domain.statuses import Status
from atlas.domain.unknown import Unknown
from atlas.domain.user_rows import UserRow

AVAILABILITY_QUERIED = "AvailabilityQueried"
PROBE_FINISHED = "ProbeFinished"
SCAN_FINISHED = "ScanFinished"
SCAN_NOT_STARTED = "ScanNotStarted"


@dataclass(frozen=True, slots=True)
class Event:
    """A name with facts; what is not known has no fact."""

    name: str
    facts: Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Effort:
    """The cost of a probe."""

    duration: timedelta
    requests: int
    wait_seconds: float | None = None
    """How long the service said to wait, if it did."""


def probe_finished(scan_id: str, tenant_id: str, user_id: str, row: UserRow | None, effort: Effort) -> Event:
    """One probe; without a row, it will be repeated."""
    return _event(
        PROBE_FINISHED,
        scanId=scan_id,
        user=hashed_user(tenant_id, user_id),
        status=str(row.status) if row else None,
        reason=_reason_of(row, effort),
        policyVerdict=str(row.policy.verdict) if row and row.policy else None,
        durationMs=round(effort.duration / timedelta(milliseconds=1)),
        requests=effort.requests,
        waitSeconds=effort.wait_seconds,
    )


def availability_queried(tenant_id: str, caller: str, user_id: str, *, known: bool) -> Event:
    """A caller has requested when a user is free; both are hashed, and the same each time."""
    return _event(
        AVAILABILITY_QUERIED,
        caller=hashed_user(tenant_id, caller),
        user=hashed_user(tenant_id, user_id),
        known=str(known).lower(),
    )


def scan_finished(scan: Scan) -> Event:
    """The end of one scan."""
    by_status = scan.by_status or {}
    return _event(
        SCAN_FINISHED,
        scanId=scan.scan_id,
        state=str(scan.state),
        trigger=scan.trigger,
        usersListed=scan.users_listed,
        usersProbed=scan.users_probed,
        usersKept=scan.users_kept,
        unknown=by_status.get(Status.UNKNOWN, 0),
        byStatus=json.dumps(dict(by_status)),
        throttledWaits=scan.throttled_waits,
        warnings=len(scan.warnings),
        durationSeconds=round((scan.finished_at - scan.started_at).total_seconds()) if scan.finished_at else None,
    )


def scan_not_started(running: Scan, due: datetime) -> Event:
    """A scan was due while another one was running."""
    return _event(
        SCAN_NOT_STARTED,
        scanId=running.scan_id,
        trigger=running.trigger,
        due=due.isoformat(),
        runningSeconds=round((due - running.started_at).total_seconds()),
    )


def hashed_user(tenant_id: str, user_id: str) -> str:
    """The same text for a user in every event; it identifies the user only to those who know the object ID."""
    return hashlib.sha256(f"{tenant_id}/{user_id}".encode()).hexdigest()[:16]


def _reason_of(row: UserRow | None, effort: Effort) -> str | None:
    """The first word of an ``unknown``: the sentence after it may contain a host."""
    if row is None:
        return "throttled" if effort.wait_seconds is not None else None
    return str(Unknown.parse(row.reason).reason) if row.status is Status.UNKNOWN and row.reason else None


def _event(name: str, **facts: str | float | None) -> Event:
    return Event(name, {fact: value for fact, value in facts.items() if value is not None})
