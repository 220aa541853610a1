"""Reads all rows, part by part, after a scan has probed every listed user: counts, users who are gone, repairs."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from atlas.concurrency import map_concurrently
from atlas.domain.adoption import Adoption, adoption_of
from atlas.domain.records import MalformedRecord
from atlas.domain.statuses import Status
from atlas.domain.unknown import Unknown
from atlas.microsoft365.deadlines import deadline_after, within
from atlas.microsoft365.graph import Account
from atlas.pages.recording import record_gone
from atlas.resources import Resources
from atlas.scans.messages import GoneResult, ListingRequest
from atlas.scans.retention import delete_old_gone_row
from atlas.scans.user_lists import repair_user_lists
from atlas.tables.personal_bookings import StoredRow
from atlas.tables.store import RowChanged

log = logging.getLogger(__name__)

ROWS = "rows"
ROWS_PER_READ = 200
CONCURRENT_WRITES = 8
PART_DURATION = timedelta(seconds=45)
"""After this time the activity returns and the next one continues, so that an activity takes at most two minutes."""
CONFIRMATION_SECONDS = 45


@dataclass
class _Tally:
    by_status: Counter[str] = field(default_factory=Counter)
    unconfirmed: int = 0
    still_licensed: int = 0
    malformed: int = 0
    adoption: Adoption = field(default_factory=Adoption)


@dataclass(frozen=True, slots=True)
class _Position:
    """Where a part of the rows begins, and the last row before it."""

    next_key: Mapping[str, str] | None = None
    after: str = ""


POSITION = TypeAdapter(_Position)


async def mark_gone(resources: Resources, request: ListingRequest) -> GoneResult:
    """Read one part of the rows: count those of this scan, and mark those whose user is no longer licensed.

    The numbers by domain and department go to the census, because a tenant may have many of them; the last part adds
    them up. The entries that list the users are compared to the rows.

    Only after a complete listing. Microsoft Graph may still have left users out, so each user whom the scan did not
    record is requested individually before the user becomes gone. A scan of named users only counts its rows.
    """
    scan = await resources.scans.get(request.scan_id)
    started_at = scan.started_at if scan else resources.clock()
    finds_gone = scan is None or scan.covers_tenant
    tally, until = _Tally(), resources.clock() + PART_DURATION
    position = await _position(resources, request)
    while True:
        page = await resources.rows.get_page("", position.next_key, size=ROWS_PER_READ)
        await _mark_page(resources, request.scan_id, started_at, page.rows, tally, finds_gone=finds_gone)
        is_last = page.next_key is None
        rows = [stored.row for stored in page.rows]
        await repair_user_lists(resources, rows, position.after, is_last=is_last)
        tally.malformed += page.malformed
        position = _Position(page.next_key, rows[-1].user.user_id if rows else position.after)
        if is_last or resources.clock() >= until:
            break
    await resources.census.add_adoption(request.scan_id, request.page, tally.adoption)
    if is_last:
        if finds_gone:
            await _count(resources, request.scan_id)
    else:
        text = POSITION.dump_json(position).decode()
        await resources.census.add_position(request.scan_id, ROWS, request.page + 1, text)
    return GoneResult(
        has_next=not is_last,
        by_status=dict(tally.by_status),
        unconfirmed=tally.unconfirmed,
        still_licensed=tally.still_licensed,
        malformed=tally.malformed,
    )


async def _position(resources: Resources, request: ListingRequest) -> _Position:
    if request.is_first:
        return _Position()
    position = await resources.census.get_position(request.scan_id, ROWS, request.page)
    if position is None:
        raise LookupError(f"the position of part {request.page} of the rows is not in the census")
    return POSITION.validate_json(position)


async def _count(resources: Resources, scan_id: str) -> None:
    """Add up the numbers of all parts, and store them as those of the tenant.

    Without the numbers of one part, those of the scan before are kept, which say when they were counted.
    """
    try:
        parts = await resources.census.get_adoption(scan_id)
    except MalformedRecord as problem:
        log.warning("the adoption was not updated by %s: a part of its counts is malformed: %s", scan_id, problem)
        return
    total = sum(parts, Adoption())
    await resources.scans.save_adoption(replace(total, scan_id=scan_id, counted_at=resources.clock()))


async def _mark_page(
    resources: Resources,
    scan_id: str,
    started_at: datetime,
    rows: tuple[StoredRow, ...],
    tally: _Tally,
    *,
    finds_gone: bool,
) -> None:
    excluded = [stored for stored in rows if await resources.exclusions.contains(stored.row.user)]
    await map_concurrently(resources.outbox.delete, excluded, CONCURRENT_WRITES)
    rows = tuple(stored for stored in rows if stored not in excluded)
    pending = [stored for stored in rows if stored.pending_change]
    await map_concurrently(lambda stored: _publish(resources, stored), pending, CONCURRENT_WRITES)
    gone = [stored for stored in rows if stored.row.status is Status.GONE]
    await map_concurrently(lambda stored: delete_old_gone_row(resources, stored), gone, CONCURRENT_WRITES)
    others = [stored for stored in rows if stored.row.status is not Status.GONE]
    recorded = [stored.row for stored in others if stored.row.scan_id == scan_id]
    tally.by_status.update(str(row.status) for row in recorded)
    tally.adoption += adoption_of(recorded)
    unrecorded = [stored for stored in others if stored.row.scan_id != scan_id]
    if unrecorded and finds_gone:
        await _mark_unlicensed(resources, scan_id, started_at, unrecorded, tally)


async def _mark_unlicensed(
    resources: Resources, scan_id: str, started_at: datetime, unrecorded: list[StoredRow], tally: _Tally
) -> None:
    at = resources.clock()
    request = resources.directory.get_accounts([stored.row.user.user_id for stored in unrecorded])
    accounts = await within(deadline_after(CONFIRMATION_SECONDS), request)
    departed: list[tuple[StoredRow, Account | None]] = []
    for stored in unrecorded:
        match accounts[stored.row.user.user_id]:
            case Unknown():
                tally.unconfirmed += 1
            case Account(is_licensed=True):
                # A user whom a lookup recorded during the scan was licensed after the listing.
                tally.still_licensed += stored.row.checked_at < started_at
            case account:
                departed.append((stored, account))
    await map_concurrently(lambda one: record_gone(resources, *one, scan_id, at), departed, CONCURRENT_WRITES)


async def _publish(resources: Resources, stored: StoredRow) -> None:
    try:
        await resources.outbox.publish_pending(stored)
    except RowChanged:  # a lookup is writing the row, and publishes the change itself
        return
