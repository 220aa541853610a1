"""Rows of scans and their lock: every write depends on the version read, and an ended scan never changes again."""

import asyncio
from dataclasses import replace

import pytest

from atlas.domain.scans import ENDED, ScanState
from atlas.tables.scan_log import BOOKINGS_SCANS, LOCK_KEY, scan_key
from tests.scans.conftest import TENANT_ID, scan


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

    def warned(number):
        return lambda one: replace(one, warnings=(*one.warnings, str(number)))

    await asyncio.gather(*(log.update(scan().scan_id, warned(n)) for n in range(8)))

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
    rows = tenant.store.tables[BOOKINGS_SCANS]
    rows[TENANT_ID, scan_key(scan(1).scan_id)]["State"] = "of a newer version"
    await log.acquire_lock(scan(), None)
    del rows[TENANT_ID, LOCK_KEY]["ScanId"]

    assert [one.scan_id async for one in log.iterate()] == [scan(2).scan_id, scan(0).scan_id]
    assert await log.get(scan(1).scan_id) is None
    assert await log.get_lock() is None
    assert await log.acquire_lock(scan(3), None)
