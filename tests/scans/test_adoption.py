"""Adoption is counted part by part at the end of a scan, and repeating a part does not count users twice."""

from dataclasses import replace
from datetime import timedelta

import pytest

from atlas.domain.adoption import MAX_GROUPS, Adoption, Uptake, adoption_of, has_only_default_types
from atlas.domain.statuses import Status
from atlas.domain.user_rows import MeetingType
from atlas.scans.gone import PART_DURATION, mark_gone
from atlas.scans.messages import ListingRequest
from atlas.tables.adoption import MAX_STORED_GROUPS, from_columns, to_columns
from atlas.tables.census import BOOKINGS_CENSUS, adoption_key
from atlas.tables.scan_log import ADOPTION_KEY, BOOKINGS_SCANS
from tests.docs.complete_examples import ROW
from tests.scans.conftest import TENANT_ID, scan, user

SCAN = scan()
URL = "https://outlook.office.com/bookwithme/user/a@contoso.com"


def types(*minutes, title="{} minutes meeting"):
    return tuple(MeetingType(str(length), title.format(length), length, True, URL) for length in minutes)


@pytest.mark.parametrize(
    ("meeting_types", "only_defaults"),
    [
        (types(15, 30), True),
        (types(30), True),
        (types(30, title="{}-Minuten-Besprechung"), True),
        (types(), False),
        (types(15, 30, 60), False),
        (types(30, title="Career advice"), False),
        ((*types(30), *types(30, title="{} minutes of coffee")), False),
    ],
)
def test_default_meeting_types_are_recognised_in_any_language(meeting_types, only_defaults):
    assert has_only_default_types(meeting_types) is only_defaults


def test_adoption_counts_users_pages_and_meeting_types():
    page = replace(ROW, meeting_types=types(30))
    rows = [
        page,
        replace(page, meeting_types=types(45)),
        replace(page, meeting_types=()),
        replace(page, meeting_types=None, url=None, user=replace(ROW.user, upn="b@Fabrikam.com", department=None)),
        replace(page, status=Status.GONE),
    ]

    counted = adoption_of(rows)

    assert counted.total == Uptake(4, 3, 2, 1)
    assert counted.domains == {"contoso.com": Uptake(3, 3, 2, 1), "fabrikam.com": Uptake(1, 0, 0, 0)}
    assert counted.departments == {"Sales": Uptake(3, 3, 2, 1), "": Uptake(1, 0, 0, 0)}


def test_small_departments_are_added_up_as_others():
    groups = {f"department {number}": Uptake(licensed=number + 1) for number in range(MAX_GROUPS + 7)}
    total = sum(groups.values(), Uptake())

    shown = Adoption(total, departments=groups).with_largest_groups()

    assert len(shown.departments) == MAX_GROUPS
    assert next(iter(shown.departments)) == f"department {MAX_GROUPS + 6}"
    assert sum(shown.departments.values(), Uptake()) + shown.other_departments == total


@pytest.mark.parametrize("letter", ["a", "é", "😀", "\\", '"'])
def test_adoption_with_the_longest_department_names_fits_one_row(letter):
    groups = {f"{number:08}{letter * 56}": Uptake(10**6, 10**6, 10**6, 10**6) for number in range(MAX_STORED_GROUPS)}
    adoption = Adoption(Uptake(1), departments=groups)

    columns = to_columns(adoption)

    assert from_columns(columns) == adoption
    sizes = [len(text.encode("utf-16-le")) for text in columns.values()]
    assert max(sizes) <= 64 * 1024
    assert sum(sizes) < 2**20


@pytest.fixture
async def tenant_with_rows(tenant):
    """Rows of 450 users in four departments: 447 recorded by this scan, three by an earlier one."""
    await tenant.start_scan(SCAN)
    for number in range(450):
        earlier = number in {5, 220, 440}
        await tenant.add_row(
            number,
            scan(-60).scan_id if earlier else SCAN.scan_id,
            user=replace(user(number), department=f"D{number % 4}"),
            url=URL if number % 2 else None,
        )
    return tenant


async def count_parts(tenant, *parts):
    for part in parts:
        result = await mark_gone(tenant.resources, ListingRequest(scan_id=SCAN.scan_id, page=part, is_first=part == 1))
    return result


async def test_the_parts_add_up_to_the_users_of_the_scan(tenant_with_rows):
    """Each reading of the clock advances it beyond the duration of a part, so a part ends after its first 200 rows."""
    tenant_with_rows.tick = PART_DURATION + timedelta(seconds=1)

    result = await count_parts(tenant_with_rows, 1, 2, 3)

    counted = await tenant_with_rows.resources.scans.get_adoption()
    assert not result.has_next
    assert counted.total == Uptake(447, 224, 0, 0)
    assert {name: uptake.licensed for name, uptake in counted.departments.items()} == {
        "D0": 111, "D1": 112, "D2": 112, "D3": 112
    }  # fmt: skip
    assert counted.scan_id == SCAN.scan_id


async def test_repeating_a_part_does_not_count_users_twice(tenant_with_rows):
    tenant_with_rows.tick = PART_DURATION + timedelta(seconds=1)

    await count_parts(tenant_with_rows, 1, 1, 2, 2, 3, 3)

    assert (await tenant_with_rows.resources.scans.get_adoption()).total.licensed == 447


async def test_an_unfinished_count_keeps_the_previous_adoption(tenant_with_rows):
    await count_parts(tenant_with_rows, 1)
    before = await tenant_with_rows.resources.scans.get_adoption()
    tenant_with_rows.tick = PART_DURATION + timedelta(seconds=1)

    await count_parts(tenant_with_rows, 1, 2)

    assert await tenant_with_rows.resources.scans.get_adoption() == before


async def test_a_corrupt_part_keeps_the_previous_adoption(tenant_with_rows, caplog):
    await count_parts(tenant_with_rows, 1)
    before = await tenant_with_rows.resources.scans.get_adoption()
    tenant_with_rows.tick = PART_DURATION + timedelta(seconds=1)
    await count_parts(tenant_with_rows, 1, 2)
    tenant_with_rows.store.corrupt(BOOKINGS_CENSUS, SCAN.scan_id, adoption_key(2), Total="[1")

    result = await count_parts(tenant_with_rows, 3)

    assert not result.has_next
    assert await tenant_with_rows.resources.scans.get_adoption() == before
    assert "was not updated" in caplog.text


@pytest.mark.parametrize("corrupt", [{"Total": "[1"}, {"Total": "[1, 2, 3, 4, 5]"}, {"Total": None}, {"Domains": "[]"}])
async def test_corrupt_adoption_is_read_as_none(tenant_with_rows, corrupt):
    await count_parts(tenant_with_rows, 1)

    tenant_with_rows.store.corrupt(BOOKINGS_SCANS, TENANT_ID, ADOPTION_KEY, **corrupt)

    assert await tenant_with_rows.resources.scans.get_adoption() is None
