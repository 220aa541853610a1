"""Starts, follows and stops scans: one at a time in a tenant, by a lock row, whatever happened to the one before."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from atlas.domain.events import scan_finished
from atlas.domain.scans import Scan, ScanState, estimated_end, new_scan_id
from atlas.resources import Resources
from atlas.scans.messages import Counts, ScanRequest
from atlas.scans.progress import lane_id
from atlas.tables.scan_log import Lock

START_TIMEOUT = timedelta(seconds=30)
"""A scan that holds the lock this long without an orchestration was never started."""
TRIES = 5
STOP_CHECKS = 50
STOP_CHECK_SECONDS = 0.2
LOST_SCAN_ERROR = (
    "its flow ended without closing it: the host was stopped, or lost it. Start another scan; no row is lost"
)


@dataclass(frozen=True, slots=True)
class OrchestrationStatus:
    """What the orchestration engine tells of one flow."""

    is_active: bool
    was_terminated: bool
    custom_status: Mapping[str, Any] | None


class Orchestrations(Protocol):
    """Starts, follows and stops orchestrations."""

    def start_scan(self, order: ScanRequest) -> Awaitable[None]:
        """Start the flow of a scan under the scan's id."""

    def get(self, instance_id: str) -> Awaitable[OrchestrationStatus | None]:
        """The flow of this id; ``None`` where the engine knows none."""

    def terminate(self, instance_id: str, reason: str) -> Awaitable[None]:
        """Stop a flow; one that has ended or is not known is left alone."""

    def delete_before(self, moment: datetime) -> Awaitable[None]:
        """Remove the histories of flows that ended and were created before ``moment``."""


class ScanNotRunning(Exception):
    """The scan has ended; there is nothing to stop."""


async def start_scan(resources: Resources, orchestrations: Orchestrations, trigger: str, token: str) -> Scan:
    """The scan that runs now: a new one, or the one that already does.

    ``token``: 8 hex digits that make the new id its own. Raises ``StorageFailure``; a flow that cannot be started
    leaves a failed scan and no lock.
    """
    for _ in range(TRIES):
        lock = await resources.scans.get_lock()
        running = await _running(resources, orchestrations, lock) if lock else None
        if running:
            return running
        now = resources.clock()
        scan = Scan(new_scan_id(now, token), ScanState.PENDING, trigger, now)
        if await resources.scans.take_lock(scan, lock):
            return await _start(resources, orchestrations, scan)
    raise LookupError("other scans start and end faster than this one can take the lock")


async def follow_scan(resources: Resources, orchestrations: Orchestrations, scan: Scan) -> Scan:
    """The scan with its progress; one whose flow is not there any more is settled as failed or cancelled."""
    if scan.has_ended:
        return scan
    status = await orchestrations.get(scan.scan_id)
    if status and status.is_active:
        return await _with_progress(resources, orchestrations, scan, status)
    now = await resources.scans.get(scan.scan_id)
    if now is None or now.has_ended:  # it closed between the two questions
        return now or scan
    lock = await resources.scans.get_lock()
    if lock and lock.scan_id == scan.scan_id and _may_be_starting(resources, lock, status):
        return scan
    return await _settle(resources, scan, status)


async def stop_scan(resources: Resources, orchestrations: Orchestrations, scan: Scan) -> Scan:
    """Stop a scan and all its flows, and note it as cancelled. Raises ``ScanNotRunning``."""
    scan = await follow_scan(resources, orchestrations, scan)
    if scan.has_ended:
        raise ScanNotRunning(scan.scan_id)
    before = await orchestrations.get(scan.scan_id)
    await orchestrations.terminate(scan.scan_id, "stopped by a caller")
    after = await _until_ended(orchestrations, scan.scan_id)
    # The flow starts lanes and says how many in one step: what it said last names all that can be running.
    lanes = dict.fromkeys([*_lane_ids(scan.scan_id, before), *_lane_ids(scan.scan_id, after)])
    for lane in lanes:
        await orchestrations.terminate(lane, "its scan was stopped")
    for lane in lanes:
        await _until_ended(orchestrations, lane)
    closed = await resources.scans.get(scan.scan_id)
    if closed and closed.has_ended:
        raise ScanNotRunning(scan.scan_id)
    return await _end(resources, scan, ScanState.CANCELLED, None)


async def _running(resources: Resources, orchestrations: Orchestrations, lock: Lock) -> Scan | None:
    """The scan that holds the lock, if it still runs; one that does not is settled, so that it can be taken over."""
    stored = await resources.scans.get(lock.scan_id)
    scan = stored or Scan(lock.scan_id, ScanState.PENDING, lock.trigger, lock.since)
    status = await orchestrations.get(lock.scan_id)
    if status and status.is_active:
        return await _with_progress(resources, orchestrations, scan, status)
    if _may_be_starting(resources, lock, status):
        return scan
    if not scan.has_ended:
        await _settle(resources, scan, status)
    return None


def _may_be_starting(resources: Resources, lock: Lock, status: OrchestrationStatus | None) -> bool:
    return status is None and not lock.is_started and resources.clock() - lock.since < START_TIMEOUT


async def _start(resources: Resources, orchestrations: Orchestrations, scan: Scan) -> Scan:
    scanned_before = await resources.scans.last_finished() is not None
    await resources.scans.save(scan)
    request = ScanRequest(scan.scan_id, resources.probe_concurrency, scanned_before)
    try:
        await orchestrations.start_scan(request)
    except BaseException:  # whatever stops us here, a lock without a flow would hold the next scan back
        await _end(resources, scan, ScanState.FAILED, "the orchestration could not be started; the log says why")
        await resources.scans.release_lock(scan.scan_id)
        raise
    await resources.scans.mark_started(scan)
    return scan


async def _with_progress(
    resources: Resources, orchestrations: Orchestrations, scan: Scan, status: OrchestrationStatus
) -> Scan:
    shown = status.custom_status or {}
    counts = Counts.from_dict(shown.get("counts", {}))
    for lane in await _all(orchestrations.get, _lane_ids(scan.scan_id, status)):
        if lane and lane.custom_status:
            counts += Counts.from_dict(lane.custom_status)
    listed, total = shown.get("listed"), shown.get("total")
    return replace(
        scan,
        users_listed=listed,
        users_probed=counts.probed,
        by_status=counts.by_status,
        throttled_waits=counts.throttled_waits,
        warnings=(*scan.warnings, *shown.get("warnings", ())),
        estimated_end=estimated_end(scan.started_at, resources.clock(), counts.probed, total or listed),
    )


def _lane_ids(scan_id: str, status: OrchestrationStatus | None) -> list[str]:
    shown = (status.custom_status if status else None) or {}
    return [lane_id(scan_id, shown["page"], lane) for lane in range(shown.get("lanes", 0))]


async def _all[Answer](ask: Callable[[str], Awaitable[Answer]], ids: list[str]) -> list[Answer]:
    return list(await asyncio.gather(*(ask(instance_id) for instance_id in ids)))


async def _until_ended(orchestrations: Orchestrations, instance_id: str) -> OrchestrationStatus | None:
    """The flow once it has ended; as it is, if it takes longer than anybody would wait for."""
    for _ in range(STOP_CHECKS):
        status = await orchestrations.get(instance_id)
        if status is None or not status.is_active:
            return status
        await asyncio.sleep(STOP_CHECK_SECONDS)
    return await orchestrations.get(instance_id)


async def _settle(resources: Resources, scan: Scan, status: OrchestrationStatus | None) -> Scan:
    if status and status.was_terminated:
        return await _end(resources, scan, ScanState.CANCELLED, None)
    return await _end(resources, scan, ScanState.FAILED, LOST_SCAN_ERROR)


async def _end(resources: Resources, scan: Scan, state: ScanState, error: str | None) -> Scan:
    ended = replace(scan, state=state, error=error, finished_at=resources.clock(), estimated_end=None)
    await resources.scans.save(ended)
    resources.emit(scan_finished(ended))
    await resources.scans.release_lock(scan.scan_id)
    return ended
