"""Users who are no longer licensed are found in parts, each short and each repeatable."""

from datetime import timedelta

import pytest

from atlas.domain.statuses import Status
from atlas.microsoft365.failures import Unreachable
from atlas.scans import gone
from atlas.scans.gone import PART_DURATION, mark_gone
from atlas.scans.messages import Closing, GoneResult, ListingRequest
from atlas.scans.warnings import closing_warnings
from tests.scans.conftest import START, TENANT_ID, scan, user_id

SCAN = scan()


async def mark_all(tenant):
    """Every part, as the orchestration runs them."""
    total, parts, page = GoneResult(), 0, 1
    while True:
        result = await mark_gone(tenant.resources, ListingRequest(scan_id=SCAN.scan_id, page=page, is_first=page == 1))
        total, parts, page = total + result, parts + 1, page + 1
        if not result.has_next:
            return total, parts


@pytest.fixture
async def tenant_with_scan(tenant):
    await tenant.start_scan(SCAN)
    return tenant


async def test_rows_of_the_scan_are_counted_by_status(tenant_with_scan):
    for number in range(5):
        await tenant_with_scan.add_row(number, SCAN.scan_id, Status.PUBLISHED if number else Status.UNKNOWN)

    total, _ = await mark_all(tenant_with_scan)

    assert total.by_status == {"published": 4, "unknown": 1}
    assert tenant_with_scan.directory.requested == []


async def test_only_users_without_a_licence_become_gone(tenant_with_scan):
    for number in range(4):
        await tenant_with_scan.add_row(number, "an earlier scan")
    tenant_with_scan.directory.licensed = {user_id(0), user_id(1)}

    total, _ = await mark_all(tenant_with_scan)

    statuses = await tenant_with_scan.statuses()
    assert [statuses[user_id(number)] for number in range(4)] == ["published", "published", "gone", "gone"]
    assert total.still_licensed == 2


async def test_a_user_recorded_by_a_lookup_meanwhile_is_not_missed(tenant_with_scan):
    await tenant_with_scan.add_row(1, None, checked_at=START + timedelta(minutes=5))
    tenant_with_scan.directory.licensed = {user_id(1)}

    total, _ = await mark_all(tenant_with_scan)

    assert total.still_licensed == 0


async def test_parts_end_on_time_and_cover_every_row_once(tenant_with_scan, monkeypatch):
    monkeypatch.setattr(gone, "ROWS_PER_READ", 10)
    for number in range(95):
        await tenant_with_scan.add_row(number, SCAN.scan_id if number % 2 else "an earlier scan")
    tenant_with_scan.tick = PART_DURATION / 10

    total, parts = await mark_all(tenant_with_scan)

    assert parts > 2
    assert total.by_status == {"published": 47}
    assert sorted(tenant_with_scan.directory.requested) == [user_id(number) for number in range(0, 95, 2)]
    assert list((await tenant_with_scan.statuses()).values()).count(Status.GONE) == 48


async def test_a_repeated_part_counts_and_marks_the_same(tenant_with_scan):
    for number in range(6):
        await tenant_with_scan.add_row(number, SCAN.scan_id if number % 2 else "an earlier scan")
    request = ListingRequest(scan_id=SCAN.scan_id, page=1, is_first=True)

    first = await mark_gone(tenant_with_scan.resources, request)
    changes = [change async for _, change in tenant_with_scan.resources.changes.iterate()]
    second = await mark_gone(tenant_with_scan.resources, request)

    assert first == second
    assert [change async for _, change in tenant_with_scan.resources.changes.iterate()] == changes
    assert len(changes) == 3


async def test_a_directory_that_fails_marks_no_user_gone(tenant_with_scan):
    await tenant_with_scan.add_row(1, "an earlier scan")
    tenant_with_scan.directory.failure = Unreachable("no connection")

    with pytest.raises(Unreachable):
        await mark_all(tenant_with_scan)

    assert await tenant_with_scan.statuses() == {user_id(1): Status.PUBLISHED}


async def test_positions_stay_in_the_census(tenant_with_scan, monkeypatch):
    """The key of the next row is a person's ID."""
    monkeypatch.setattr(gone, "ROWS_PER_READ", 1)
    tenant_with_scan.tick = PART_DURATION
    for number in range(3):
        await tenant_with_scan.add_row(number, SCAN.scan_id)

    result = await mark_gone(tenant_with_scan.resources, ListingRequest(scan_id=SCAN.scan_id, page=1, is_first=True))

    assert result.has_next
    assert user_id(1) not in str(result.to_dict())
    assert user_id(1) in await tenant_with_scan.resources.census.get_position(SCAN.scan_id, gone.ROWS, 2)


async def test_rows_gone_for_long_are_deleted(tenant_with_scan):
    await tenant_with_scan.add_row(1, None, Status.GONE, last_known_at=START - timedelta(days=31))
    await tenant_with_scan.add_row(2, None, Status.GONE, last_known_at=START - timedelta(days=29))

    await mark_all(tenant_with_scan)

    assert set(await tenant_with_scan.statuses()) == {user_id(2)}


async def test_malformed_rows_are_counted_and_skipped(tenant_with_scan):
    for number in range(3):
        await tenant_with_scan.add_row(number, SCAN.scan_id)
    entity = await tenant_with_scan.store.get("PersonalBookings", TENANT_ID, user_id(1))
    await tenant_with_scan.store.upsert("PersonalBookings", {**entity, "Status": "aStatusOfTomorrow"})

    total, _ = await mark_all(tenant_with_scan)

    assert (total.by_status, total.malformed) == ({"published": 2}, 1)
    (warning,) = closing_warnings(Closing(scan_id=SCAN.scan_id, malformed=total.malformed))
    assert warning.startswith("1 stored rows cannot be read")
