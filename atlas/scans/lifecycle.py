"""Starts, tracks and stops scans.

A lock ensures that only one scan runs at a time. A scan is lost if its orchestration ended or disappeared before the
scan was complete; it does not block the next one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from atlas.domain.events import scan_finished, scan_not_started
from atlas.domain.scans import Scan, ScanState, estimated_end, new_scan_id
from atlas.resources import Resources
from atlas.scans.messages import Counts, ScanRequest
from atlas.scans.progress import lane_id
from atlas.scans.warnings import BOOKINGS_DOWN, with_scan_not_started
from atlas.tables.scan_log import Lock

log = logging.getLogger(__name__)

START_TIMEOUT = timedelta(seconds=30)
"""A scan that has held the lock this long without an orchestration was never started."""
LOCK_ATTEMPTS = 5
STOP_TIMEOUT_SECONDS = 10.0
"""How long a caller waits for orchestrations to end. Azure may take minutes to terminate one."""
STOP_CHECK_SECONDS = 0.2
ORCHESTRATION_LOST = (
    "the orchestration ended before the scan was complete, because the host stopped or lost it. "
    "Start another scan: the rows that were written are kept"
)


@dataclass(frozen=True, slots=True)
class OrchestrationStatus:
    """What Durable Functions reports about one orchestration."""

    is_active: bool
    was_terminated: bool
    custom_status: Mapping[str, Any] | None


class Orchestrations(Protocol):
    """Starts, reads and terminates orchestrations."""

    def start_scan(self, request: ScanRequest) -> Awaitable[None]:
        """Start the orchestration of a scan; its instance ID is the scan's ID."""

    def get(self, instance_id: str) -> Awaitable[OrchestrationStatus | None]:
        """The orchestration with this ID; ``None`` if there is none."""

    def terminate(self, instance_id: str, reason: str) -> Awaitable[None]:
        """Request that an orchestration be terminated; does nothing if it has ended or does not exist."""


class ScanNotRunning(Exception):
    """The scan has ended; there is nothing to stop."""


class ScanStopping(Exception):
    """The previous scan was stopped, but its orchestrations have not ended yet. The message says what to do."""

    def __init__(self) -> None:
        super().__init__("the previous scan was stopped but has not ended yet: try again in a minute")


class ScanLockContended(Exception):
    """Other callers changed the lock at every attempt to acquire it. The message says what to do."""

    def __init__(self) -> None:
        super().__init__("other requests to start a scan arrived at the same time: try again in a minute")


async def start_scan(resources: Resources, orchestrations: Orchestrations, trigger: str, suffix: str) -> Scan:
    """Start a scan unless one is running; returns the scan that is now running.

    ``suffix`` is 8 hex digits that make the new ID unique. Raises ``StorageFailure``, ``ScanStopping``,
    ``ScanLockContended``. If the orchestration cannot be started, this marks the scan as failed, releases the lock
    and raises the failure.
    """
    for _ in range(LOCK_ATTEMPTS):
        lock = await resources.scans.get_lock()
        running = await _running_scan(resources, orchestrations, lock) if lock else None
        if running:
            return running
        now = resources.clock()
        scan = Scan(new_scan_id(now, suffix), ScanState.PENDING, trigger, now)
        if await resources.scans.acquire_lock(scan, lock):
            return await _start(resources, orchestrations, scan)
    raise ScanLockContended


async def start_due_scan(resources: Resources, orchestrations: Orchestrations, due: datetime, suffix: str) -> Scan:
    """As ``start_scan``, for a scan that is due by schedule: if another one is running, that is reported.

    It becomes a warning of the running scan, an event and a line in the log. If the running scan ends before it could
    be warned, the due scan starts.
    """
    for _ in range(LOCK_ATTEMPTS):
        scan = await start_scan(resources, orchestrations, "timer", suffix)
        if scan.scan_id.endswith(suffix):
            return scan
        running, is_written = await resources.scans.update(
            scan.scan_id, lambda stored: with_scan_not_started(stored, due)
        )
        if is_written:
            log.warning("the scan due at %s did not start, because %s is still running", due, scan.scan_id)
            resources.emit(scan_not_started(scan, due))
            return running or scan
    raise ScanLockContended


async def refresh_scan(resources: Resources, orchestrations: Orchestrations, scan: Scan) -> Scan:
    """The scan with its current progress. If its orchestration was lost, the scan becomes failed or cancelled."""
    if scan.has_ended:
        return scan
    status = await orchestrations.get(scan.scan_id)
    if status and status.is_active:
        return await _with_progress(resources, orchestrations, scan, status)
    current = await resources.scans.get(scan.scan_id)
    if current is None or current.has_ended:  # it ended while its status was read
        return current or scan
    lock = await resources.scans.get_lock()
    if lock and lock.scan_id == scan.scan_id and _may_be_starting(resources, lock, status):
        return scan
    return await _end_lost_scan(resources, orchestrations, scan, status)


async def end_scan_if_lost(resources: Resources, orchestrations: Orchestrations) -> None:
    """End the scan that holds the lock if its orchestration was lost, so that its end is reported without a caller."""
    lock = await resources.scans.get_lock()
    scan = await resources.scans.get(lock.scan_id) if lock else None
    if scan:
        await refresh_scan(resources, orchestrations, scan)


async def stop_scan(resources: Resources, orchestrations: Orchestrations, scan: Scan) -> Scan:
    """Stop a scan with all its orchestrations. Raises ``ScanNotRunning``.

    Probes that start after this do nothing. The lock is released when all orchestrations have ended. If that takes
    longer than ``STOP_TIMEOUT_SECONDS``, the lock remains until the next scan takes it over.
    """
    scan = await refresh_scan(resources, orchestrations, scan)
    if scan.has_ended:
        raise ScanNotRunning(scan.scan_id)
    await resources.scans.mark_stopping(scan.scan_id)
    ended = await _end(resources, scan, ScanState.CANCELLED, None)
    if ended.state is not ScanState.CANCELLED:
        raise ScanNotRunning(scan.scan_id)
    await _terminate_and_release(resources, orchestrations, scan.scan_id, STOP_TIMEOUT_SECONDS)
    return ended


async def _running_scan(resources: Resources, orchestrations: Orchestrations, lock: Lock) -> Scan | None:
    """The scan that holds the lock, if it is still running; ``None`` if all its orchestrations have ended.

    Raises ``ScanStopping`` if it was stopped or has ended, but some of its orchestrations are still active.
    """
    stored = await resources.scans.get(lock.scan_id)
    scan = stored or Scan(lock.scan_id, ScanState.PENDING, lock.trigger, lock.since)
    if not scan.has_ended and not lock.is_stopping:
        status = await orchestrations.get(lock.scan_id)
        if status and status.is_active:
            return await _with_progress(resources, orchestrations, scan, status)
        if _may_be_starting(resources, lock, status):
            return scan
        await _end_lost_scan(resources, orchestrations, scan, status)
    if not await _terminate(orchestrations, lock.scan_id, STOP_TIMEOUT_SECONDS):
        raise ScanStopping
    return None


def _may_be_starting(resources: Resources, lock: Lock, status: OrchestrationStatus | None) -> bool:
    return status is None and not lock.is_started and resources.clock() - lock.since < START_TIMEOUT


async def _start(resources: Resources, orchestrations: Orchestrations, scan: Scan) -> Scan:
    scanned_before = await resources.scans.last_finished() is not None
    await resources.scans.insert(scan)
    request = ScanRequest(scan_id=scan.scan_id, concurrency=resources.probe_concurrency, scanned_before=scanned_before)
    try:
        await orchestrations.start_scan(request)
    except BaseException:  # whatever the cause, a lock without an orchestration would block the next scan
        await _end(resources, scan, ScanState.FAILED, "the orchestration could not be started; the log says why")
        await resources.scans.release_lock(scan.scan_id)
        raise
    await resources.scans.mark_started(scan.scan_id)
    return scan


async def _with_progress(
    resources: Resources, orchestrations: Orchestrations, scan: Scan, status: OrchestrationStatus
) -> Scan:
    progress = status.custom_status or {}
    counts = Counts.from_dict(progress.get("counts", {}))
    warnings = [*scan.warnings, *progress.get("warnings", ())]
    for lane in await _get_all(orchestrations, _lane_ids(scan.scan_id, status)):
        if lane and lane.custom_status:
            counts += Counts.from_dict(lane.custom_status.get("counts", {}))
            warnings += [BOOKINGS_DOWN] if lane.is_active and lane.custom_status.get("is_waiting") else []
    return replace(
        scan,
        users_listed=progress.get("listed"),
        users_probed=counts.probed,
        by_status=counts.by_status,
        throttled_waits=counts.throttled_waits,
        warnings=tuple(dict.fromkeys(warnings)),
        estimated_end=_estimated_end(progress, resources.clock(), counts.probed),
    )


def _estimated_end(progress: Mapping[str, Any], now: datetime, probed: int) -> datetime | None:
    """``None`` until users are probed: how long listing them takes says nothing about the rest."""
    since = progress.get("probingSince")
    return estimated_end(datetime.fromisoformat(since), now, probed, progress.get("total")) if since else None


def _lane_ids(scan_id: str, status: OrchestrationStatus | None) -> list[str]:
    progress = (status.custom_status if status else None) or {}
    return [lane_id(scan_id, progress["page"], lane) for lane in range(progress.get("lanes", 0))]


async def _get_all(orchestrations: Orchestrations, ids: list[str]) -> list[OrchestrationStatus | None]:
    return list(await asyncio.gather(*map(orchestrations.get, ids)))


async def _terminate(orchestrations: Orchestrations, scan_id: str, seconds: float) -> bool:
    """Terminate the orchestration of a scan and its lanes; returns whether all ended within ``seconds``.

    The parent may start lanes until it has ended, so its status is read again each time. A status names only
    the lanes of the current page; those of earlier pages have normally ended.
    """
    terminated: set[str] = set()
    lanes: dict[str, None] = {}
    for _ in range(max(1, round(seconds / STOP_CHECK_SECONDS))):
        parent = await orchestrations.get(scan_id)
        lanes |= dict.fromkeys(_lane_ids(scan_id, parent))
        lane_statuses = zip(lanes, await _get_all(orchestrations, list(lanes)), strict=True)
        statuses = {scan_id: parent, **dict(lane_statuses)}
        active = [instance_id for instance_id, status in statuses.items() if status and status.is_active]
        if not active:
            return True
        for instance_id in active:
            if instance_id not in terminated:
                await orchestrations.terminate(instance_id, "the scan was stopped")
                terminated.add(instance_id)
        await asyncio.sleep(STOP_CHECK_SECONDS)
    return False


async def _terminate_and_release(
    resources: Resources, orchestrations: Orchestrations, scan_id: str, seconds: float
) -> None:
    """Release the lock if all orchestrations end within ``seconds``; otherwise the next scan takes it over."""
    if await _terminate(orchestrations, scan_id, seconds):
        await resources.scans.release_lock(scan_id)


async def _end_lost_scan(
    resources: Resources, orchestrations: Orchestrations, scan: Scan, status: OrchestrationStatus | None
) -> Scan:
    """End a scan whose orchestration ended before it ran ``close_scan``. Its lanes may still be running."""
    lock = await resources.scans.get_lock()
    is_stopping = lock is not None and lock.scan_id == scan.scan_id and lock.is_stopping
    await resources.scans.mark_stopping(scan.scan_id)
    if is_stopping or (status and status.was_terminated):
        ended = await _end(resources, scan, ScanState.CANCELLED, None)
    else:
        ended = await _end(resources, scan, ScanState.FAILED, ORCHESTRATION_LOST)
    await _terminate_and_release(resources, orchestrations, scan.scan_id, seconds=0)
    return ended


async def _end(resources: Resources, scan: Scan, state: ScanState, error: str | None) -> Scan:
    """End a scan unless it has ended already; returns it as it is now."""
    now = resources.clock()
    ended, is_written = await resources.scans.update(
        scan.scan_id, lambda current: replace(current, state=state, error=error, finished_at=now)
    )
    if ended and is_written:
        resources.emit(scan_finished(ended))
    return ended or replace(scan, state=state, error=error, finished_at=now)
