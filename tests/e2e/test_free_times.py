"""Free times as a maker requests them: those of the page, in the caller's zone, across daylight-saving changes."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from local.simulator import Fault
from local.simulator.availability import AVAILABLE, availability
from tests.e2e.deployment import Deployment
from tests.e2e.scanned import failing, only_reads

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
"""Shortly before the clocks change in Europe."""


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


def offering_meetings(product: Deployment) -> list[dict[str, Any]]:
    """Users whose pages have several public meeting types and free times."""
    users = product.tenant.control.users(0, 5000, licensed=True)
    return [user for user in users if (user["page"], user["expected"]["status"]) == ("publicSeveral", "published")]


@only_reads
async def test_free_times_equal_the_pages_in_every_time_zone(scanned: Deployment) -> None:
    users = offering_meetings(scanned)
    for position, zone in enumerate(ZONES):
        for start in (SPRING, AUTUMN):
            user = users[position % 3]
            end = (datetime.fromisoformat(start) + timedelta(days=4)).isoformat()
            response = await scanned.lookup(user["id"], timeZone=zone, **{"from": start, "to": end})
            availability = response.json()["availability"]
            first, last = datetime.fromisoformat(availability["from"]), datetime.fromisoformat(availability["to"])
            free = [
                (datetime.fromisoformat(s["start"]), datetime.fromisoformat(s["end"])) for s in availability["free"]
            ]

            assert availability["from"].startswith(start)
            assert availability["timeZone"] == zone
            minutes = availability["meetingType"]["durationMinutes"]
            assert free == free_by_the_tenant(scanned, user["id"], first, last, minutes), zone
            items = [
                (datetime.fromisoformat(i["start"]), datetime.fromisoformat(i["end"])) for i in availability["items"]
            ]
            assert items[0][0] == first
            assert items[-1][1] == last


@only_reads
async def test_offsets_follow_daylight_saving_time(scanned: Deployment) -> None:
    window = {"from": "2027-03-26T00:00:00", "to": "2027-04-02T00:00:00"}
    user = offering_meetings(scanned)[0]
    availability = (await scanned.lookup(user["id"], timeZone="Europe/Berlin", **window)).json()["availability"]

    assert availability["from"] == "2027-03-26T00:00:00+01:00"
    assert availability["to"] == "2027-04-02T00:00:00+02:00"
    zone = ZoneInfo("Europe/Berlin")
    for slot in availability["free"]:
        moment = datetime.fromisoformat(slot["start"])
        assert moment.utcoffset() == moment.astimezone(zone).utcoffset()


@only_reads
async def test_the_default_window_is_the_next_seven_days(scanned: Deployment) -> None:
    before = datetime.now(UTC)  # noqa: TID251 - the product's clock is the machine's
    availability = (await scanned.lookup(offering_meetings(scanned)[0]["id"])).json()["availability"]

    first, last = datetime.fromisoformat(availability["from"]), datetime.fromisoformat(availability["to"])
    assert timedelta(0) <= first - before.replace(microsecond=0) < timedelta(minutes=5)
    assert last - first == timedelta(days=7)
    assert all(datetime.fromisoformat(slot["start"]) >= first for slot in availability["free"])


@only_reads
async def test_a_meeting_type_is_chosen_by_id_title_or_link(scanned: Deployment) -> None:
    row = (await scanned.lookup(offering_meetings(scanned)[0]["id"], availability="false")).json()
    second = row["meetingTypes"][1]
    by_id = await scanned.lookup(row["userId"], meetingType=second["id"].upper())
    by_title = await scanned.lookup(row["userId"], meetingType=f" {second['title'].upper()} ")
    by_link = await scanned.lookup(quote(second["url"], safe=""))
    unknown = await scanned.lookup(row["userId"], meetingType="Something private")
    private = await scanned.lookup(quote(row["url"] + "?bookingcode=abc", safe=""))

    for response in (by_id, by_title, by_link):
        assert response.json()["availability"]["meetingType"]["id"] == second["id"], response.text
    for response in (unknown, private):
        assert response.status_code == 200
        assert response.json()["availability"] is None
        assert response.json()["availabilityProblem"]["code"] == "notPublic"
        assert "private ones cannot be seen by anonymous visitors" in response.json()["availabilityProblem"]["detail"]


@only_reads
async def test_missing_availability_has_a_reason(scanned: Deployment) -> None:
    responses = {
        status: (await scanned.lookup(scanned.user_with(status)["id"])).json()
        for status in ("notSetUp", "signInRequired", "noMailbox", "notLicensed", "noPublicTypes")
    }

    assert {
        status: response["availabilityProblem"] and response["availabilityProblem"]["code"]
        for status, response in responses.items()
    } == {
        "notSetUp": "noPage",
        "signInRequired": "signInRequired",
        "noMailbox": "noPage",
        "notLicensed": "noPage",
        "noPublicTypes": None,
    }
    assert responses["noPublicTypes"]["availability"]["free"] == []
    assert responses["noPublicTypes"]["availability"]["meetingType"] is None


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("bookings.getStaffAvailability", status=503, times=None), "upstreamUnavailable"),
        (Fault("bookings.getStaffAvailability", status=429, times=None, retry_after="60"), "upstreamThrottled"),
        (Fault("bookings.getStaffAvailability", status=418, times=None), "upstreamNotUnderstood"),
    ],
    ids=["unavailable", "throttled", "unexpected status"],
)
@only_reads
async def test_a_failing_service_leaves_the_rest_of_the_lookup(scanned: Deployment, fault: Fault, code: str) -> None:
    with failing(scanned, fault):
        response = await scanned.lookup(offering_meetings(scanned)[0]["id"])

    assert response.status_code == 200
    assert response.json()["status"] == "published"
    assert response.json()["availability"] is None
    assert response.json()["availabilityProblem"]["code"] == code


@only_reads
async def test_changed_meeting_types_are_read_again(scanned: Deployment) -> None:
    with failing(scanned, Fault("bookings.getStaffAvailability", status=400, times=1)):
        response = await scanned.lookup(offering_meetings(scanned)[0]["id"])

    assert response.json()["availability"]["free"]


INVALID_REQUESTS = (
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


@only_reads
async def test_invalid_parameters_are_named(scanned: Deployment) -> None:
    for query, field in INVALID_REQUESTS:
        response = await scanned.lookup("adele@contoso.com", **query)

        assert response.status_code == 400, query
        assert [error["field"] for error in response.json()["errors"]] == [field]
