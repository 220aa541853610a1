"""Deletes what is older than HISTORY_DAYS, and the census of scans that have ended."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from atlas.domain.shared_pages.rows import PageState
from atlas.domain.statuses import Status
from atlas.resources import Resources
from atlas.scans.messages import ExpiredResult, StepRequest
from atlas.tables.personal_bookings import StoredRow

ROWS_PER_DELETION = 1000
GONE_PAGES_PER_READ = 200
PART_DURATION = timedelta(seconds=45)
TIMER_DURATION = timedelta(minutes=5)


async def delete_expired(resources: Resources, request: StepRequest) -> ExpiredResult:
    """Delete a part of the expired rows, and of the census of this scan, which is about to end."""
    until = resources.clock() + PART_DURATION
    while await resources.census.delete(request.scan_id, ROWS_PER_DELETION):
        if resources.clock() >= until:
            return ExpiredResult(has_more=True)
    done = await _delete_history(resources, until) and await _delete_gone_pages(resources, until)
    return ExpiredResult(has_more=not done)


async def delete_expired_without_scan(resources: Resources) -> bool:
    """As ``delete_expired``, from the timer: also when scans fail, which delete nothing. ``False``: some is left."""
    until = resources.clock() + TIMER_DURATION
    return (
        await _delete_history(resources, until)
        and await _delete_gone_pages(resources, until)
        and await _delete_gone_rows(resources, until)
    )


async def delete_old_gone_row(resources: Resources, stored: StoredRow) -> None:
    """Delete the row of a user who has been gone for HISTORY_DAYS."""
    since = stored.row.last_known_at or stored.row.checked_at
    if since < _horizon(resources):
        await resources.outbox.delete(stored)  # unless the user was licensed again since the row was read


async def _delete_gone_rows(resources: Resources, until: datetime) -> bool:
    """Whether every row of a user who has been gone for HISTORY_DAYS was deleted in time."""
    next_key: Mapping[str, str] | None = None
    while True:
        page = await resources.rows.get_page("", next_key, where=" and Status eq @gone", values={"gone": Status.GONE})
        for stored in page.rows:
            await delete_old_gone_row(resources, stored)
        next_key = page.next_key
        if next_key is None or resources.clock() >= until:
            return next_key is None


async def _delete_gone_pages(resources: Resources, until: datetime) -> bool:
    """Whether every row of a shared page that has been gone for HISTORY_DAYS was deleted in time."""
    horizon = _horizon(resources)
    next_key: Mapping[str, str] | None = None
    while True:
        page = await resources.shared.rows.get_page(
            "", next_key, where=" and State eq @gone", values={"gone": PageState.GONE}, size=GONE_PAGES_PER_READ
        )
        for stored in page.rows:
            if stored.row.checked_at < horizon:  # nothing checks a page again while it is gone
                await resources.shared.outbox.delete(stored)
        next_key = page.next_key
        if next_key is None or resources.clock() >= until:
            return next_key is None


async def _delete_history(resources: Resources, until: datetime) -> bool:
    """Whether every expired change, census and scan was deleted in time."""
    feeds = (resources.changes, resources.shared.changes)
    for delete_before in (*(feed.delete_before for feed in feeds), resources.scans.delete_ends_before):
        while await delete_before(_horizon(resources), ROWS_PER_DELETION):
            if resources.clock() >= until:
                return False
    return await _delete_scans(resources, until)


async def _delete_scans(resources: Resources, until: datetime) -> bool:
    """Whether every expired scan, and the census of every scan that has ended, was deleted in time."""
    horizon = _horizon(resources)
    last = await resources.scans.last_finished()  # kept whatever its age: it says that pages were known before
    async for scan in resources.scans.iterate():
        if not scan.has_ended:
            continue
        while await resources.census.delete(scan.scan_id, ROWS_PER_DELETION):
            if resources.clock() >= until:
                return False
        if scan.started_at < horizon and scan != last:
            await resources.scans.delete(scan.scan_id)
    return True


def _horizon(resources: Resources) -> datetime:
    return resources.clock() - timedelta(days=resources.history_days)
