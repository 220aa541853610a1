"""Free times as a maker asks for them: what the page shows, in the caller's zone, right over daylight-saving days."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from local.azurite import Azurite
from local.simulator import Fault
from local.simulator.availability import AVAILABLE, availability
from tests.e2e.deployment import Deployment, deployed, tenant_of

ZONES = [
    "UTC",
    "Europe/Zurich",
    "W. Europe Standard Time",
    "America/New_York",
    "America/St_Johns",
    "Asia/Kolkata",
    "Nepal Standard Time",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Apia",
]
SPRING, AUTUMN = "2027-03-27T00:00:00", "2027-10-29T12:30:00"
"""Each stands before a change of the clocks in Europe."""


def free_by_the_tenant(product: Deployment, user_id: str, start: datetime, end: datetime, minutes: int) -> Any:
    """What the page has free, merged, without what is too short; the quirk of its first stretch is not real."""
    shown = availability(product.tenant.user(user_id), start, end, starts_inside_busy=False)
    merged: list[list[datetime]] = []
    for item in shown:
        if item.status != AVAILABLE:
            continue
        if merged and merged[-1][1] == item.start:
            merged[-1][1] = item.end
        else:
            merged.append([item.start, item.end])
    return [(first, last) for first, last in merged if last - first >= timedelta(minutes=minutes)]


async def test_free_times_are_what_the_page_shows_in_ten_zones_over_both_changes_of_the_clocks(
    tmp_path: Path, azurite: Azurite
) -> None:
    async with tenant_of(tmp_path, users=12, mix="published") as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        users = tenant.users(top=3)
        for position, zone in enumerate(ZONES):
            for start in (SPRING, AUTUMN):
                user = users[position % 3]
                end = (datetime.fromisoformat(start) + timedelta(days=4)).isoformat()
                answer = await product.lookup(user["id"], timeZone=zone, **{"from": start, "to": end})
                told = answer.json()["availability"]
                first, last = datetime.fromisoformat(told["from"]), datetime.fromisoformat(told["to"])
                free = [(datetime.fromisoformat(s["start"]), datetime.fromisoformat(s["end"])) for s in told["free"]]

                assert told["from"].startswith(start)
                assert told["timeZone"] == zone
                minutes = told["meetingType"]["durationMinutes"]
                assert free == free_by_the_tenant(product, user["id"], first, last, minutes), zone
                items = [(datetime.fromisoformat(i["start"]), datetime.fromisoformat(i["end"])) for i in told["items"]]
                assert items[0][0] == first
                assert items[-1][1] == last


async def test_offsets_change_with_the_clocks_of_the_zone(tmp_path: Path, azurite: Azurite) -> None:
    window = {"from": "2027-03-26T00:00:00", "to": "2027-04-02T00:00:00"}
    async with tenant_of(tmp_path, users=4, mix="published") as tenant, deployed(tenant, azurite) as product:
        user = tenant.users(top=1)[0]
        told = (await product.lookup(user["id"], timeZone="Europe/Berlin", **window)).json()["availability"]

    assert told["from"] == "2027-03-26T00:00:00+01:00"
    assert told["to"] == "2027-04-02T00:00:00+02:00"
    zone = ZoneInfo("Europe/Berlin")
    for slot in told["free"]:
        moment = datetime.fromisoformat(slot["start"])
        assert moment.utcoffset() == moment.astimezone(zone).utcoffset()


async def test_the_next_seven_days_are_asked_about_where_no_window_is_named(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=4, mix="published") as tenant, deployed(tenant, azurite) as product:
        before = datetime.now(UTC)  # noqa: TID251 - the product's clock is the machine's
        told = (await product.lookup(tenant.users(top=1)[0]["id"])).json()["availability"]

    first, last = datetime.fromisoformat(told["from"]), datetime.fromisoformat(told["to"])
    assert timedelta(0) <= first - before.replace(microsecond=0) < timedelta(minutes=5)
    assert last - first == timedelta(days=7)
    assert all(datetime.fromisoformat(slot["start"]) >= first for slot in told["free"])


async def test_a_meeting_type_is_chosen_by_id_by_title_and_by_a_pasted_link(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=20) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        rows = [(await product.lookup(user["id"], availability="false")).json() for user in tenant.users(top=20)]
        row = next(row for row in rows if len(row["meetingTypes"] or ()) > 1)
        second = row["meetingTypes"][1]
        by_id = await product.lookup(row["userId"], meetingType=second["id"].upper())
        by_title = await product.lookup(row["userId"], meetingType=f" {second['title'].upper()} ")
        by_link = await product.lookup(quote(second["url"], safe=""))
        unknown = await product.lookup(row["userId"], meetingType="Something private")
        private = await product.lookup(quote(row["url"] + "?bookingcode=abc", safe=""))

    for answer in (by_id, by_title, by_link):
        assert answer.json()["availability"]["meetingType"]["id"] == second["id"], answer.text
    for answer in (unknown, private):
        assert answer.status_code == 200
        assert answer.json()["availability"] is None
        assert answer.json()["availabilityProblem"]["code"] == "notPublic"
        assert "anonymous visitor cannot be told" in answer.json()["availabilityProblem"]["detail"]


async def test_pages_that_tell_nothing_say_why(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=120, mix="default") as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        users = tenant.users(top=500)
        told = {}
        for status in ("notSetUp", "signInRequired", "noMailbox", "notLicensed", "noPublicTypes"):
            user = next(user for user in users if user["expected"]["status"] == status)
            told[status] = (await product.lookup(user["id"])).json()

    assert {
        status: answer["availabilityProblem"] and answer["availabilityProblem"]["code"]
        for status, answer in told.items()
    } == {
        "notSetUp": "noPage",
        "signInRequired": "signInRequired",
        "noMailbox": "noPage",
        "notLicensed": "noPage",
        "noPublicTypes": None,
    }
    assert told["noPublicTypes"]["availability"]["free"] == []
    assert told["noPublicTypes"]["availability"]["meetingType"] is None


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("bookings.getStaffAvailability", status=503, times=None), "upstreamUnavailable"),
        (Fault("bookings.getStaffAvailability", status=429, times=None, retry_after="60"), "upstreamThrottled"),
        (Fault("bookings.getStaffAvailability", status=418, times=None), "upstreamNotUnderstood"),
    ],
    ids=["broken", "throttled", "odd"],
)
async def test_a_service_that_fails_leaves_the_user_answered(
    tmp_path: Path, azurite: Azurite, fault: Fault, code: str
) -> None:
    async with tenant_of(tmp_path, users=4, mix="published") as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        tenant.add_fault(fault)
        answer = await product.lookup(tenant.users(top=1)[0]["id"])

    assert answer.status_code == 200
    assert answer.json()["status"] == "published"
    assert answer.json()["availability"] is None
    assert answer.json()["availabilityProblem"]["code"] == code


async def test_meeting_types_that_changed_since_the_row_was_written_are_asked_for_anew(
    tmp_path: Path, azurite: Azurite
) -> None:
    async with tenant_of(tmp_path, users=4, mix="published") as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        user = tenant.users(top=1)[0]
        tenant.add_fault(Fault("bookings.getStaffAvailability", status=400, times=1))
        answer = await product.lookup(user["id"])

    assert answer.json()["availability"]["free"]


WRONG_QUESTIONS = (
    ({"from": "tomorrow"}, "from"),
    ({"from": "2027-01-01T00:00:00", "to": "2027-01-01T00:00:00"}, "to"),
    ({"from": "2027-01-01", "to": "2027-03-05"}, "to"),
    ({"to": "1999-01-01"}, "to"),
    ({"from": "9999-12-31T23:59:59-14:00"}, "from"),
    ({"timeZone": "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna"}, "timeZone"),
    ({"timeZone": "../../etc/passwd"}, "timeZone"),
    ({"meetingType": " "}, "meetingType"),
    ({"avalability": "true"}, "avalability"),
    ({"timeZone": "x" * 2000}, "timeZone"),
)


async def test_bad_questions_are_told_by_their_field(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=1) as tenant, deployed(tenant, azurite) as product:
        answers = [await product.lookup("adele@contoso.com", **query) for query, _ in WRONG_QUESTIONS]

    for answer, (query, field) in zip(answers, WRONG_QUESTIONS, strict=True):
        assert answer.status_code == 400, query
        assert [error["field"] for error in answer.json()["errors"]] == [field]
