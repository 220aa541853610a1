"""What is older than HISTORY_DAYS is deleted in short parts, and also when scans fail."""

from dataclasses import replace
from datetime import timedelta

import pytest

from atlas.domain.scans import ScanState
from atlas.domain.shared_pages.changes import SharedChangeKind, SharedPageChange
from atlas.domain.shared_pages.rows import gone_row
from atlas.domain.statuses import Status
from atlas.scans.messages import StepRequest
from atlas.scans.retention import PART_DURATION, delete_expired, delete_expired_without_scan
from atlas.tables.census import BOOKINGS_CENSUS
from atlas.tables.shared_bookings import SHARED_BOOKINGS
from atlas.tables.shared_index import SHARED_BOOKINGS_INDEX
from tests.domain.shared_pages.pages import HEALTHY
from tests.scans.conftest import START, scan, user_id

DAY = 86_400


async def delete_all(tenant, scan_id):
    parts = 1
    while (await delete_expired(tenant.resources, StepRequest(scan_id=scan_id))).has_more:
        parts += 1
    return parts


async def test_the_census_of_a_scan_is_deleted_in_parts(tenant, monkeypatch):
    monkeypatch.setattr("atlas.scans.retention.ROWS_PER_DELETION", 10)
    running = await tenant.start_scan(scan())
    for page in range(95):
        await tenant.resources.census.add_position(running.scan_id, "users", page, "a link")
    tenant.tick = PART_DURATION / 4

    parts = await delete_all(tenant, running.scan_id)

    assert parts > 1
    assert tenant.store.rows(BOOKINGS_CENSUS) == {}


async def test_old_scans_are_deleted_but_the_newest_finished_one(tenant):
    log = tenant.resources.scans
    for age, state in ((90, ScanState.COMPLETED), (60, ScanState.COMPLETED), (50, ScanState.FAILED)):
        await log.insert(replace(scan(-age * DAY), state=state))
    await log.insert(replace(scan(-DAY), state=ScanState.FAILED))

    assert await delete_expired_without_scan(tenant.resources)

    assert [one.scan_id async for one in log.iterate()] == [scan(-DAY).scan_id, scan(-60 * DAY).scan_id]


async def test_old_ends_of_scans_are_deleted(tenant):
    log = tenant.resources.scans
    cursor = await log.end_cursor()
    for age in (60, 1):
        old = scan(-age * DAY)
        await log.insert(old)
        await log.update(old.scan_id, lambda one: replace(one, state=ScanState.COMPLETED, finished_at=one.started_at))

    assert await delete_expired_without_scan(tenant.resources)

    assert [one.scan_id for one in (await log.ended_after(cursor, 10)).scans] == [scan(-DAY).scan_id]


async def test_the_census_of_a_running_scan_is_not_deleted(tenant):
    running = await tenant.start_scan(scan())
    ended = replace(scan(-DAY), state=ScanState.CANCELLED)
    await tenant.resources.scans.insert(ended)
    for one in (running, ended):
        await tenant.resources.census.add_position(one.scan_id, "users", 1, "a link")

    await delete_expired_without_scan(tenant.resources)

    assert {partition for partition, _ in tenant.store.rows(BOOKINGS_CENSUS)} == {running.scan_id}


async def test_old_gone_rows_are_deleted_although_no_scan_succeeds(tenant):
    await tenant.add_row(1, None, Status.GONE, last_known_at=START - timedelta(days=31))
    await tenant.add_row(2, None, Status.GONE, last_known_at=START - timedelta(days=29))
    await tenant.add_row(3, None)

    assert await delete_expired_without_scan(tenant.resources)

    assert set(await tenant.statuses()) == {user_id(2), user_id(3)}


async def test_deleting_stops_on_time_and_reports_it(tenant):
    for number in range(3):
        await tenant.resources.scans.insert(replace(scan(number - 90 * DAY), state=ScanState.FAILED))
        await tenant.resources.census.add_position(scan(number - 90 * DAY).scan_id, "users", 1, "a link")
    tenant.tick = timedelta(minutes=3)

    assert not await delete_expired_without_scan(tenant.resources)


async def add_shared_page(tenant, number, *, days_ago=None):
    """A shared page that is present, or gone since some days ago."""
    key = user_id(number)
    address = f"page{number}@contoso.com"
    row = replace(HEALTHY, key=key, address=address, addresses=(address,), checked_at=START - timedelta(days=90))
    if days_ago is not None:
        row = gone_row(row, START - timedelta(days=days_ago), None)
    await tenant.resources.shared.index.add(row, None)
    await tenant.resources.shared.rows.save(row, None, None)
    return key


@pytest.mark.parametrize("from_timer", [False, True], ids=["scan", "timer"])
async def test_shared_pages_long_gone_are_deleted_with_their_index(tenant, from_timer):
    await add_shared_page(tenant, 1, days_ago=31)
    recent = await add_shared_page(tenant, 2, days_ago=29)
    present = await add_shared_page(tenant, 3)

    if from_timer:
        assert await delete_expired_without_scan(tenant.resources)
    else:
        await delete_all(tenant, (await tenant.start_scan(scan())).scan_id)

    assert {row for _, row in tenant.store.rows(SHARED_BOOKINGS)} == {recent, present}
    assert {one["PageKey"] for one in tenant.store.rows(SHARED_BOOKINGS_INDEX).values()} == {recent, present}


async def test_old_changes_of_shared_pages_are_deleted(tenant):
    changes = [
        SharedPageChange(
            at=START - timedelta(days=age),
            kind=SharedChangeKind.PUBLISHED,
            key=HEALTHY.key,
            page_id=HEALTHY.address,
            display_name=None,
            public_url=None,
        )
        for age in (31, 29)
    ]
    for change in changes:
        await tenant.resources.shared.changes.insert(change)

    assert await delete_expired_without_scan(tenant.resources)

    assert [change async for _, change in tenant.resources.shared.changes.iterate()] == changes[1:]


async def test_shared_pages_long_gone_are_deleted_in_parts(tenant, monkeypatch):
    monkeypatch.setattr("atlas.scans.retention.GONE_PAGES_PER_READ", 2)
    for number in range(7):
        await add_shared_page(tenant, number, days_ago=40)
    running = await tenant.start_scan(scan())
    tenant.tick = PART_DURATION

    parts = await delete_all(tenant, running.scan_id)

    assert parts > 1
    assert tenant.store.rows(SHARED_BOOKINGS) == {}
