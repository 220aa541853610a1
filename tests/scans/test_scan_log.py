"""Rows of scans and their lock: every write depends on the version read, and an ended scan never changes again."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from atlas.domain.cursors import InvalidCursor, to_cursor
from atlas.domain.scans import ENDED, ScanState
from atlas.tables.scan_log import BOOKINGS_SCANS, LAST_END_KEY, LOCK_KEY, EndedScans, scan_key
from tests.scans.conftest import START, TENANT_ID, scan


def state(value):
    return lambda one: replace(one, state=value)


@pytest.mark.parametrize("ended", sorted(ENDED))
async def test_an_ended_scan_never_changes(tenant, ended):
    log = tenant.resources.scans
    await log.insert(replace(scan(), state=ended))

    after, is_written = await log.update(scan().scan_id, state(ScanState.RUNNING))

    assert (after.state, is_written) == (ended, False)


async def test_concurrent_updates_all_count(tenant):
    """Without the ETag, each would overwrite the others' warnings."""
    log = tenant.resources.scans
    await log.insert(scan())

    def with_warning(number):
        return lambda one: replace(one, warnings=(*one.warnings, str(number)))

    await asyncio.gather(*(log.update(scan().scan_id, with_warning(n)) for n in range(8)))

    assert sorted((await log.get(scan().scan_id)).warnings) == [str(n) for n in range(8)]


async def test_a_late_update_loses_against_the_end(tenant):
    """The scan ends between the read and the write of a warning."""
    log = tenant.resources.scans
    await log.insert(scan())
    original, raced = tenant.store.replace, []

    async def replace_late(table, entity, etag):
        if not raced:
            raced.append(True)
            await log.update(scan().scan_id, state(ScanState.CANCELLED))
        return await original(table, entity, etag)

    tenant.store.replace = replace_late
    after, is_written = await log.update(scan().scan_id, lambda one: replace(one, warnings=("late",)))

    assert (after.state, after.warnings, is_written) == (ScanState.CANCELLED, (), False)


async def test_an_unknown_scan_is_not_created_by_an_update(tenant):
    assert await tenant.resources.scans.update(scan().scan_id, state(ScanState.FAILED)) == (None, False)


async def test_the_lock_is_held_until_it_is_released_or_stopping(tenant):
    log = tenant.resources.scans
    mine, other = scan(), scan(1)
    assert not await log.holds_lock(mine.scan_id)
    await log.acquire_lock(mine, None)
    assert await log.holds_lock(mine.scan_id)
    assert not await log.holds_lock(other.scan_id)

    await log.mark_stopping(mine.scan_id)

    assert not await log.holds_lock(mine.scan_id)
    assert not await log.acquire_lock(other, None)
    await log.release_lock(mine.scan_id)
    assert await log.acquire_lock(other, None)


async def test_only_the_holder_changes_the_lock(tenant):
    log = tenant.resources.scans
    await log.acquire_lock(scan(), None)

    await log.mark_stopping(scan(1).scan_id)
    await log.release_lock(scan(1).scan_id)

    assert await log.holds_lock(scan().scan_id)


async def test_marking_and_releasing_survive_each_other(tenant):
    log = tenant.resources.scans
    await log.acquire_lock(scan(), None)

    await asyncio.gather(log.mark_started(scan().scan_id), log.release_lock(scan().scan_id))

    assert await log.get_lock() is None


async def test_rows_that_cannot_be_read_stop_no_scan(tenant):
    log = tenant.resources.scans
    for second in range(3):
        await log.insert(scan(second))
    tenant.store.corrupt(BOOKINGS_SCANS, TENANT_ID, scan_key(scan(1).scan_id), State="of a newer version")
    await log.acquire_lock(scan(), None)
    tenant.store.corrupt(BOOKINGS_SCANS, TENANT_ID, LOCK_KEY, ScanId=None)

    assert [one.scan_id async for one in log.iterate()] == [scan(2).scan_id, scan(0).scan_id]
    assert await log.get(scan(1).scan_id) is None
    assert await log.get_lock() is None
    assert await log.acquire_lock(scan(3), None)


async def add_ended_scan(log, second, value=ScanState.COMPLETED, finished_at=START):
    await log.insert(scan(second))
    await log.update(scan(second).scan_id, lambda one: replace(one, state=value, finished_at=finished_at))
    return scan(second).scan_id


def ids(page):
    return [one.scan_id for one in page.scans]


async def test_scans_are_returned_in_the_order_of_their_ends(tenant):
    """Whatever their states, in the same millisecond, and with a clock that is late."""
    log = tenant.resources.scans
    before = await log.end_cursor()
    late = START - timedelta(hours=1)
    in_order = [await add_ended_scan(log, -second, value) for second, value in enumerate(sorted(ENDED))]
    in_order.append(await add_ended_scan(log, 9, finished_at=late))

    pages = [await log.ended_after(before, 2)]
    while pages[-1].has_more:
        pages.append(await log.ended_after(pages[-1].cursor, 2))

    assert [scan_id for page in pages for scan_id in ids(page)] == in_order
    assert [len(page.scans) for page in pages] == [2, 2, 1]
    assert await log.end_cursor() == pages[-1].cursor
    assert await log.ended_after(pages[-1].cursor, 2) == EndedScans((), pages[-1].cursor, has_more=False)


async def test_no_end_is_missed_between_two_reads(tenant):
    """One scan ends after the cursor was read and before the next read, at an earlier time than the one seen."""
    log = tenant.resources.scans
    await add_ended_scan(log, 1)
    cursor = await log.end_cursor()
    missed = await add_ended_scan(log, 2, finished_at=START - timedelta(seconds=5))

    assert ids(await log.ended_after(cursor, 10)) == [missed]


async def test_concurrent_ends_all_count(tenant):
    log = tenant.resources.scans
    cursor = await log.end_cursor()
    await asyncio.gather(*(add_ended_scan(log, second) for second in range(8)))

    assert sorted(ids(await log.ended_after(cursor, 10))) == sorted(scan(second).scan_id for second in range(8))


async def test_a_scan_ends_once(tenant):
    log = tenant.resources.scans
    cursor = await log.end_cursor()
    scan_id = await add_ended_scan(log, 1)
    await log.update(scan_id, state(ScanState.CANCELLED))

    assert [(one.scan_id, one.state) for one in (await log.ended_after(cursor, 10)).scans] == [(scan_id, "completed")]


async def test_ends_are_read_from_a_range_alone(tenant):
    log = tenant.resources.scans
    cursor = await log.end_cursor()
    await add_ended_scan(log, 1)
    tenant.store.reads.clear()
    await log.ended_after(cursor, 10)

    assert [key.partition("-")[0] for _, key in tenant.store.reads] == ["end"]


async def test_an_end_that_cannot_be_read_is_passed_over(tenant):
    log = tenant.resources.scans
    cursor = await log.end_cursor()
    await add_ended_scan(log, 1)
    end = next(key for _, key in tenant.store.rows(BOOKINGS_SCANS) if key.startswith("end-"))
    tenant.store.corrupt(BOOKINGS_SCANS, TENANT_ID, end, State="of a newer version")
    tenant.store.corrupt(BOOKINGS_SCANS, TENANT_ID, LAST_END_KEY, LastEnd="corrupt")
    readable = await add_ended_scan(log, 2, finished_at=START + timedelta(seconds=1))

    assert ids(await log.ended_after(cursor, 10)) == [readable]


@pytest.mark.parametrize("cursor", ["", "x", "MDE3", to_cursor("end-01795250132160")])
async def test_a_foreign_cursor_is_refused(tenant, cursor):
    with pytest.raises(InvalidCursor):
        await tenant.resources.scans.ended_after(cursor, 10)
