"""Ends a scan: writes its result, and releases the lock."""

import logging
from dataclasses import replace
from datetime import datetime

from atlas.domain.events import scan_finished
from atlas.domain.scans import Scan, ScanState
from atlas.resources import Resources
from atlas.scans.messages import Closing, ClosingResult
from atlas.scans.warnings import closing_warnings

log = logging.getLogger(__name__)


async def close_scan(resources: Resources, closing: Closing) -> ClosingResult:
    """Write how the scan ended, and release the lock. Closing a scan that has ended changes nothing.

    While lanes may still run, the lock is only marked: their probes do nothing, and the next scan acquires the lock
    when all have ended.
    """
    at = resources.clock()
    scan, is_written = await resources.scans.update(closing.scan_id, lambda scan: ended_scan(scan, closing, at))
    if scan is None:
        raise LookupError(f"no scan {closing.scan_id} to close")
    if is_written:
        resources.emit(scan_finished(scan))
        _log_end(scan, closing)
    if closing.has_open_lanes:
        await resources.scans.mark_stopping(closing.scan_id)
    else:
        await resources.scans.release_lock(closing.scan_id)
    return ClosingResult(state=str(scan.state))


def ended_scan(scan: Scan, closing: Closing, at: datetime) -> Scan:
    """The scan with its result."""
    counts = closing.counts
    listed = counts.probed + counts.unrecorded if closing.error is None else closing.listed
    warnings = (*scan.warnings, *closing.warnings, *closing_warnings(closing))
    return replace(
        scan,
        state=_end_state(closing),
        finished_at=at,
        users_listed=listed,
        users_probed=counts.probed,
        by_status=counts.by_status,
        throttled_waits=counts.throttled_waits,
        users_kept=counts.kept,
        warnings=tuple(dict.fromkeys(warnings)),
        error=closing.error,
    )


def _end_state(closing: Closing) -> ScanState:
    if closing.error:
        return ScanState.FAILED
    counts = closing.counts
    doubts = (
        counts.unrecorded
        or counts.not_requested
        or closing.unconfirmed
        or closing.missed
        or closing.shared_pages_failed
    )
    return ScanState.INCOMPLETE if doubts else ScanState.COMPLETED


def _log_end(scan: Scan, closing: Closing) -> None:
    log.info("scan %s %s: %s", scan.scan_id, scan.state, dict(scan.by_status or {}))
    own_warnings = (*closing.warnings, *closing_warnings(closing), *([scan.error] if scan.error else []))
    for warning in own_warnings:
        log.warning("scan %s: %s", scan.scan_id, warning)
    others = sum(warning not in own_warnings for warning in scan.warnings)
    if others:  # those of Exchange may name a person
        log.warning("scan %s: %d more warnings", scan.scan_id, others)
