"""A malformed row, change or scan affects only itself: lists, feeds and locks keep working."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from atlas.domain.changes import Change, ChangeKind
from atlas.domain.scans import Scan, ScanState, new_scan_id
from atlas.domain.statuses import Status
from atlas.domain.user_filters import UserFilter
from atlas.domain.user_rows import UserRow
from atlas.domain.users import LicensedUser
from atlas.tables.change_feed import ChangeFeed
from atlas.tables.paging import iterate_rows, list_page
from atlas.tables.personal_bookings import KIND, rows_filter
from atlas.tables.rows import RowTable
from atlas.tables.scan_log import BOOKINGS_SCANS, LOCK_KEY, ScanLog, scan_key

NOW = datetime(2026, 11, 23, 3, 4, 5, tzinfo=UTC)
EVERYBODY = rows_filter(UserFilter())
HISTORY = timedelta(days=30)


def user_id(number):
    return f"6ea91a8d-e32e-41a1-b7bd-d2d185eed0{number:02}"


def row(number):
    return UserRow(LicensedUser(user_id(number), f"user{number}@contoso.com"), Status.PUBLISHED, NOW)


def change(number):
    return Change(
        at=NOW + timedelta(seconds=number),
        kind=ChangeKind.SET_UP,
        user_id=user_id(number),
        upn=f"user{number}@contoso.com",
        display_name=None,
        department=None,
        primary_smtp_address=None,
        from_status=None,
        to_status=Status.PUBLISHED,
        url=None,
        previous_url=None,
        scan_id=None,
    )


async def spoil(store, table, partition, key, **columns):
    entity = await store.get(table, partition, key)
    await store.upsert(table, {name: value for name, value in {**entity, **columns}.items() if value is not None})


@pytest.fixture
async def rows(store, tenant_id):
    """Ten rows, of which the first, the fifth and the last cannot be read."""
    table = RowTable(store, tenant_id, KIND)
    for number in range(10):
        await table.save(row(number), None, None)
    await spoil(store, "PersonalBookings", tenant_id, user_id(0), Status="aStatusOfTomorrow")
    await spoil(store, "PersonalBookings", tenant_id, user_id(4), MeetingTypes='[{"id": 1}]')
    await spoil(store, "PersonalBookings", tenant_id, user_id(9), CheckedAt=None)
    return table


READABLE = [user_id(number) for number in (1, 2, 3, 5, 6, 7, 8)]


async def test_lists_and_files_leave_out_malformed_rows(rows, caplog):
    with caplog.at_level(logging.WARNING):
        listed = [one.user.user_id async for one in iterate_rows(rows, EVERYBODY)]

    assert listed == READABLE
    assert [one.row.user.user_id async for one in rows.iterate()] == READABLE
    assert "3 rows of PersonalBookings cannot be read" in caplog.text
    assert "contoso" not in caplog.text


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_pages_continue_across_malformed_rows(rows, limit):
    found, continuation = [], None
    while True:
        page = await list_page(rows, EVERYBODY, limit, continuation)
        found += [one.user.user_id for one in page.rows]
        continuation = page.continuation
        if continuation is None:
            break

    assert found == READABLE


async def test_a_part_of_the_rows_reports_how_many_are_malformed(rows):
    page = await rows.get_page("")

    assert (len(page.rows), page.malformed) == (7, 3)


@pytest.mark.parametrize("numbers", [[1, 2, 3], [2], [0, 1, 9], [0], list(range(10)), []])
async def test_rows_near_each_other_are_read_together(rows, numbers):
    found = await rows.get_many([user_id(number) for number in numbers])

    assert list(found) == [user_id(number) for number in numbers if user_id(number) in READABLE]
    assert all(stored.etag for stored in found.values())


async def test_rows_far_from_each_other_are_read_one_by_one(rows):
    """One range read returns twice as many rows as were requested, so the second row is beyond the range."""
    found = await rows.get_many([user_id(1), user_id(8)])

    assert list(found) == [user_id(1), user_id(8)]
    assert found[user_id(8)] == await rows.get(user_id(8))


async def test_the_feed_continues_after_a_malformed_change(store, tenant_id):
    feed = ChangeFeed(store, tenant_id, KIND)
    for number in range(6):
        await feed.insert(change(number))
    await spoil(store, "BookingsChanges", tenant_id, feed.key(change(0)), Kind="aKindOfTomorrow")
    await spoil(store, "BookingsChanges", tenant_id, feed.key(change(2)), At=None)
    await spoil(store, "BookingsChanges", tenant_id, feed.key(change(5)), ToStatus="aStatusOfTomorrow")

    newest = await feed.read(None, 10, now=NOW + timedelta(minutes=1), history=HISTORY)
    first = await feed.read(to_start(), 2, now=NOW + timedelta(minutes=1), history=HISTORY)
    second = await feed.read(first.cursor, 2, now=NOW + timedelta(minutes=1), history=HISTORY)

    assert [one.change for one in newest.changes] == [change(4)]
    assert [one.change for one in (*first.changes, *second.changes)] == [change(1), change(3), change(4)]
    assert (first.has_more, second.has_more) == (True, False)


def to_start():
    from atlas.domain.cursors import to_cursor
    from atlas.tables.change_feed import time_key

    return to_cursor(time_key(NOW - timedelta(minutes=1)))


def scan(number):
    at = NOW + timedelta(minutes=number)
    return Scan(new_scan_id(at, f"{number:08x}"), ScanState.COMPLETED, "http", at)


async def test_a_malformed_scan_is_left_out(store, tenant_id):
    log = ScanLog(store, tenant_id)
    for number in range(3):
        await log.insert(scan(number))
    await spoil(store, BOOKINGS_SCANS, tenant_id, scan_key(scan(2).scan_id), State="aStateOfTomorrow")

    assert [one.scan_id async for one in log.iterate()] == [scan(1).scan_id, scan(0).scan_id]
    assert await log.get(scan(2).scan_id) is None
    assert await log.last_finished() == scan(1)


@pytest.mark.parametrize("columns", [{"Since": None}, {"ScanId": None}, {"IsStarted": "perhaps"}])
async def test_a_malformed_lock_does_not_keep_scans_from_starting(store, tenant_id, columns):
    log = ScanLog(store, tenant_id)
    await log.acquire_lock(scan(0), None)
    await spoil(store, BOOKINGS_SCANS, tenant_id, LOCK_KEY, **columns)

    assert await log.get_lock() is None
    assert await log.acquire_lock(scan(1), None)


async def test_long_texts_are_cut_to_what_table_storage_accepts(store, tenant_id):
    table = RowTable(store, tenant_id, KIND)
    long = LicensedUser(user_id(1), "u" * 40_000 + "@contoso.com", "n" * 40_000, "d" * 40_000)

    await table.save(replace(row(1), user=long), None, None)

    stored = await table.get(user_id(1))
    assert len(stored.row.user.display_name) == 8_000
