"""Starts, follows and stops scans: one at a time in a tenant, by a lock row, whatever happened to the one before."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from atlas.domain.events import scan_finished
from atlas.domain.payloads import Counts, ScanOrder
from atlas.domain.scans import Scan, ScanState, estimated_end, new_scan_id
from atlas.domain.walk import lane_id
from atlas.scan.ports import Flows, FlowStatus, Tools
from atlas.tables.scan_log import Lock

START_TAKES_AT_MOST = timedelta(seconds=30)
"""A scan that holds the lock this long without an orchestration was never started."""
TRIES = 5
STOP_CHECKS = 50
STOP_CHECK_SECONDS = 0.2
LOST = "its flow ended without closing it: the host was stopped, or lost it. Start another scan; no row is lost"


class ScanNotRunning(Exception):
    """The scan has ended; there is nothing to stop."""


async def start_scan(tools: Tools, flows: Flows, trigger: str, token: str) -> Scan:
    """The scan that runs now: a new one, or the one that already does.

    ``token``: 8 hex digits that make the new id its own. Raises ``StorageFailure``; a flow that cannot be started
    leaves a failed scan and no lock.
    """
    for _ in range(TRIES):
        lock = await tools.scans.get_lock()
        running = await _running(tools, flows, lock) if lock else None
        if running:
            return running
        now = tools.clock()
        scan = Scan(new_scan_id(now, token), ScanState.PENDING, trigger, now)
        if await tools.scans.take_lock(scan, lock):
            return await _start(tools, flows, scan)
    raise LookupError("other scans start and end faster than this one can take the lock")


async def follow_scan(tools: Tools, flows: Flows, scan: Scan) -> Scan:
    """The scan with its progress; one whose flow is not there any more is settled as failed or cancelled."""
    if scan.has_ended:
        return scan
    status = await flows.get(scan.scan_id)
    if status and status.is_active:
        return await _with_progress(tools, flows, scan, status)
    now = await tools.scans.get(scan.scan_id)
    if now is None or now.has_ended:  # it closed between the two questions
        return now or scan
    lock = await tools.scans.get_lock()
    if lock and lock.scan_id == scan.scan_id and _may_be_starting(tools, lock, status):
        return scan
    return await _settle(tools, scan, status)


async def stop_scan(tools: Tools, flows: Flows, scan: Scan) -> Scan:
    """Stop a scan and all its flows, and note it as cancelled. Raises ``ScanNotRunning``."""
    scan = await follow_scan(tools, flows, scan)
    if scan.has_ended:
        raise ScanNotRunning(scan.scan_id)
    before = await flows.get(scan.scan_id)
    await flows.terminate(scan.scan_id, "stopped by a caller")
    after = await _until_ended(flows, scan.scan_id)
    # The flow starts lanes and says how many in one step: what it said last names all that can be running.
    lanes = dict.fromkeys([*_lane_ids(scan.scan_id, before), *_lane_ids(scan.scan_id, after)])
    for lane in lanes:
        await flows.terminate(lane, "its scan was stopped")
    for lane in lanes:
        await _until_ended(flows, lane)
    closed = await tools.scans.get(scan.scan_id)
    if closed and closed.has_ended:
        raise ScanNotRunning(scan.scan_id)
    return await _end(tools, scan, ScanState.CANCELLED, None)


async def _running(tools: Tools, flows: Flows, lock: Lock) -> Scan | None:
    """The scan that holds the lock, if it still runs; one that does not is settled, so that it can be taken over."""
    kept = await tools.scans.get(lock.scan_id)
    scan = kept or Scan(lock.scan_id, ScanState.PENDING, lock.trigger, lock.since)
    status = await flows.get(lock.scan_id)
    if status and status.is_active:
        return await _with_progress(tools, flows, scan, status)
    if _may_be_starting(tools, lock, status):
        return scan
    if not scan.has_ended:
        await _settle(tools, scan, status)
    return None


def _may_be_starting(tools: Tools, lock: Lock, status: FlowStatus | None) -> bool:
    return status is None and not lock.is_started and tools.clock() - lock.since < START_TAKES_AT_MOST


async def _start(tools: Tools, flows: Flows, scan: Scan) -> Scan:
    scanned_before = await tools.scans.last_finished() is not None
    await tools.scans.save(scan)
    order = ScanOrder(scan.scan_id, tools.probe_concurrency, scanned_before)
    try:
        await flows.start_scan(order)
    except BaseException:  # whatever stops us here, a lock without a flow would hold the next scan back
        await _end(tools, scan, ScanState.FAILED, "the orchestration could not be started; the log says why")
        await tools.scans.release_lock(scan.scan_id)
        raise
    await tools.scans.mark_started(scan)
    return scan


async def _with_progress(tools: Tools, flows: Flows, scan: Scan, status: FlowStatus) -> Scan:
    shown = status.custom_status or {}
    counts = Counts.from_dict(shown.get("counts", {}))
    for lane in await _all(flows.get, _lane_ids(scan.scan_id, status)):
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
        estimated_end=estimated_end(scan.started_at, tools.clock(), counts.probed, total or listed),
    )


def _lane_ids(scan_id: str, status: FlowStatus | None) -> list[str]:
    shown = (status.custom_status if status else None) or {}
    return [lane_id(scan_id, shown["page"], lane) for lane in range(shown.get("lanes", 0))]


async def _all[Answer](ask: Callable[[str], Awaitable[Answer]], ids: list[str]) -> list[Answer]:
    return list(await asyncio.gather(*(ask(instance_id) for instance_id in ids)))


async def _until_ended(flows: Flows, instance_id: str) -> FlowStatus | None:
    """The flow once it has ended; as it is, if it takes longer than anybody would wait for."""
    for _ in range(STOP_CHECKS):
        status = await flows.get(instance_id)
        if status is None or not status.is_active:
            return status
        await asyncio.sleep(STOP_CHECK_SECONDS)
    return await flows.get(instance_id)


async def _settle(tools: Tools, scan: Scan, status: FlowStatus | None) -> Scan:
    if status and status.was_terminated:
        return await _end(tools, scan, ScanState.CANCELLED, None)
    return await _end(tools, scan, ScanState.FAILED, LOST)


async def _end(tools: Tools, scan: Scan, state: ScanState, error: str | None) -> Scan:
    ended = replace(scan, state=state, error=error, finished_at=tools.clock(), estimated_end=None)
    await tools.scans.save(ended)
    tools.tell(scan_finished(ended))
    await tools.scans.release_lock(scan.scan_id)
    return ended
