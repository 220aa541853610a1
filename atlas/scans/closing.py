"""Ends a scan: who is gone, what is too old to keep, and what is told of the scan from now on."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from atlas.domain.events import scan_finished
from atlas.domain.scans import Scan, ScanState
from atlas.domain.statuses import Status
from atlas.domain.unknown import Unknown
from atlas.microsoft365.graph import Account
from atlas.pages.recording import record_gone
from atlas.resources import Resources
from atlas.scans.messages import Closing, GoneResult
from atlas.tables.personal_bookings import StoredRow
from atlas.tables.store import RowChanged

CONFIRMATION_BATCH_SIZE = 200
DELETED_AT_ONCE = 1000
DELETION_ROUNDS = 20
"""Rows are removed in parts, so that no activity runs for long; the flow asks again while there are more."""
NO_PAGE_SEEN = (
    "BookingsAuthEnabled asks every visitor to sign in, and no page let an anonymous one in: this scan cannot tell who "
    "has no page. A user who is signInRequired without an address may have one or not."
)


@dataclass
class _Tally:
    by_status: Counter[str] = field(default_factory=Counter)
    unconfirmed: int = 0
    still_licensed: int = 0


async def mark_gone(resources: Resources, scan_id: str) -> GoneResult:
    """Go through all rows once: count those of this scan, and mark those whose user is not licensed any more.

    Only for a scan that saw the whole list. A listing may leave somebody out, so the directory is asked about each user
    whom the scan did not write before anybody is called gone.
    """
    scan = await resources.scans.get(scan_id)
    started_at = scan.started_at if scan else resources.clock()
    tally = _Tally()
    unwritten: list[StoredRow] = []
    async for stored in resources.rows.iterate():
        await _tell_leftover(resources, stored)
        if stored.row.scan_id == scan_id and stored.row.status is not Status.GONE:
            tally.by_status[stored.row.status] += 1
        elif stored.row.status is Status.GONE:
            await _forget_if_old(resources, stored)
        else:
            unwritten.append(stored)
        if len(unwritten) >= CONFIRMATION_BATCH_SIZE:
            await _mark_unlicensed(resources, scan_id, started_at, unwritten, tally)
            unwritten = []
    await _mark_unlicensed(resources, scan_id, started_at, unwritten, tally)
    return GoneResult(dict(tally.by_status), tally.unconfirmed, tally.still_licensed)


async def delete_expired(resources: Resources, scan_id: str) -> bool:
    """Remove what is kept no longer: censuses, changes and scans; answers whether there is more to remove."""
    horizon = resources.clock() - timedelta(days=resources.history_days)
    for _ in range(DELETION_ROUNDS):
        if not await resources.census.delete(scan_id, DELETED_AT_ONCE) and not await _forget_history(
            resources, horizon
        ):
            return False
    return True


async def close_scan(resources: Resources, closing: Closing) -> Scan:
    """Write how the scan ended, and let the next one in. Closing it again changes nothing."""
    scan = await resources.scans.get(closing.scan_id)
    if scan is None:
        raise LookupError(f"no scan {closing.scan_id} to close")
    if not scan.has_ended:
        scan = ended_scan(scan, closing, resources.clock())
        await resources.scans.save(scan)
        resources.emit(scan_finished(scan))
    await resources.scans.release_lock(closing.scan_id)
    return scan


def ended_scan(scan: Scan, closing: Closing, at: datetime) -> Scan:
    """What is told of a scan from its end on."""
    probed = sum((closing.by_status or {}).values())
    listed = probed + closing.unrecorded if closing.error is None else closing.listed
    warnings = (*scan.warnings, *closing.warnings, *_closing_warnings(closing))
    return replace(
        scan,
        state=_end_state(closing),
        finished_at=at,
        users_listed=listed,
        users_probed=probed,
        by_status=closing.by_status or {},
        throttled_waits=closing.throttled_waits,
        warnings=tuple(dict.fromkeys(warnings)),
        error=closing.error,
    )


def _end_state(closing: Closing) -> ScanState:
    if closing.error:
        return ScanState.FAILED
    doubts = closing.unrecorded or closing.unconfirmed or closing.missed
    return ScanState.INCOMPLETE if doubts else ScanState.COMPLETED


def _closing_warnings(closing: Closing) -> list[str]:
    told = (
        (closing.unrecorded, "users could not be asked for or written; the log says why. Their rows are as they were."),
        (
            closing.missed,
            "users are licensed whom Microsoft Graph left out of its listing; their rows are as they were.",
        ),
        (closing.unconfirmed, "users were not listed, and Microsoft Graph did not tell whether they are gone."),
    )
    warnings = [f"{count} {sentence}" for count, sentence in told if count]
    return [*warnings, NO_PAGE_SEEN] if _saw_no_page(closing) else warnings


def _saw_no_page(closing: Closing) -> bool:
    """Whether sign-in is forced, so that a scan that saw no page has not learned that there are none."""
    by_status = closing.by_status or {}
    return bool(closing.sign_in_forced and by_status) and not {Status.PUBLISHED, Status.NO_PUBLIC_TYPES} & {*by_status}


async def _tell_leftover(resources: Resources, stored: StoredRow) -> None:
    try:
        await resources.outbox.publish_pending(stored)
    except RowChanged:  # a look-up writes it just now, and tells the change itself
        return


async def _forget_if_old(resources: Resources, stored: StoredRow) -> None:
    since = stored.row.last_known_at or stored.row.checked_at
    if resources.clock() - since > timedelta(days=resources.history_days):
        try:
            await resources.rows.delete(stored.row.user.user_id, stored.etag)
            await resources.index.remove(stored.row, None)
        except RowChanged:  # licensed again since it was read
            return


async def _mark_unlicensed(
    resources: Resources, scan_id: str, started_at: datetime, unwritten: list[StoredRow], tally: _Tally
) -> None:
    asked_at = resources.clock()
    accounts = await resources.directory.get_accounts([stored.row.user.user_id for stored in unwritten])
    for stored in unwritten:
        match accounts[stored.row.user.user_id]:
            case Unknown():
                tally.unconfirmed += 1
            case Account(is_licensed=True):
                # One whom a look-up wrote while the scan ran was licensed after the listing passed by.
                tally.still_licensed += stored.row.checked_at < started_at
            case account:
                await record_gone(resources, stored, account, scan_id, asked_at)


async def _forget_history(resources: Resources, horizon: datetime) -> int:
    forgotten = await resources.changes.delete_before(horizon, DELETED_AT_ONCE)
    last = await resources.scans.last_finished()  # kept however old: it tells that pages were known before
    async for scan in resources.scans.iterate():
        if scan.has_ended:
            forgotten += await resources.census.delete(scan.scan_id, DELETED_AT_ONCE)
        if scan.has_ended and scan.started_at < horizon and scan != last:
            await resources.scans.delete(scan.scan_id)
    return forgotten
