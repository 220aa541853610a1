"""What is older than HISTORY_DAYS is deleted in short parts, and also when scans fail."""

from dataclasses import replace
from datetime import timedelta

from atlas.domain.scans import ScanState
from atlas.domain.statuses import Status
from atlas.scans.messages import StepRequest
from atlas.scans.retention import PART_DURATION, delete_expired, delete_expired_without_scan
from atlas.tables.census import BOOKINGS_CENSUS
from tests.scans.conftest import START, scan, user_id

DAY = 86_400


async def delete_all(tenant, scan_id):
    parts = 1
    while (await delete_expired(tenant.resources, StepRequest(scan_id=scan_id))).has_more:
        parts += 1
    return parts


async def test_the_census_of_a_scan_is_deleted_in_parts(tenant, monkeypatch):
    monkeypatch.setattr("atlas.scans.retention.ROWS_PER_DELETION", 10)
    running = await tenant.running(scan())
    for page in range(95):
        await tenant.resources.census.add_position(running.scan_id, "users", page, "a link")
    tenant.tick = PART_DURATION / 4

    parts = await delete_all(tenant, running.scan_id)

    assert parts > 1
    assert tenant.store.tables[BOOKINGS_CENSUS] == {}


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
    running = await tenant.running(scan())
    ended = replace(scan(-DAY), state=ScanState.CANCELLED)
    await tenant.resources.scans.insert(ended)
    for one in (running, ended):
        await tenant.resources.census.add_position(one.scan_id, "users", 1, "a link")

    await delete_expired_without_scan(tenant.resources)

    assert {partition for partition, _ in tenant.store.tables[BOOKINGS_CENSUS]} == {running.scan_id}


async def test_old_gone_rows_are_deleted_although_no_scan_succeeds(tenant):
    await tenant.add_row(1, None, Status.GONE, last_known_at=START - timedelta(days=31))
    await tenant.add_row(2, None, Status.GONE, last_known_at=START - timedelta(days=29))
    await tenant.add_row(3, None)

    assert await delete_expired_without_scan(tenant.resources)

    assert set(await tenant.statuses()) == {user_id(2), user_id(3)}


async def test_deleting_stops_on_time_and_says_so(tenant):
    for number in range(3):
        await tenant.resources.scans.insert(replace(scan(number - 90 * DAY), state=ScanState.FAILED))
        await tenant.resources.census.add_position(scan(number - 90 * DAY).scan_id, "users", 1, "a link")
    tenant.tick = timedelta(minutes=3)

    assert not await delete_expired_without_scan(tenant.resources)
