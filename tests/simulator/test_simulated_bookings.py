"""The anonymous Bookings service (docs/microsoft-365.md, section 5): every kind of page, free times, no writes."""

import asyncio
from datetime import datetime
from urllib.parse import quote

import httpx
import pytest

from local.simulator import Fault, Page, UserKind
from local.simulator.user_kinds import OUTCOMES, Outcome
from local.simulator.user_mixes import EVERY

WEEK = ("2026-11-23T00:00:00", "2026-11-30T00:00:00")


def a_page(page):
    return {"users": 1, "mix": {UserKind(page): 1.0}}


async def test_a_page_with_public_types_lists_them(start):
    client = await start(**a_page(Page.PUBLIC_SEVERAL))

    body = (await client.services(0)).json()

    assert body["count"] == len(body["service"]) == 3
    assert all(item["defaultDuration"].startswith("PT") for item in body["service"])
    assert not any(item["isPrivate"] or item["isHiddenFromCustomers"] for item in body["service"])
    assert len({item["serviceId"] for item in body["service"]}) == 3


async def test_private_and_hidden_types_are_marked(start):
    client = await start(**a_page(Page.PUBLIC_AND_PRIVATE))

    flags = [
        (item["isPrivate"], item["isHiddenFromCustomers"]) for item in (await client.services(0)).json()["service"]
    ]

    assert flags == [(True, False), (False, False), (False, False), (False, True)]


async def test_an_empty_page_returns_an_empty_list(start):
    client = await start(**a_page(Page.EMPTY))

    assert (await client.services(0)).json() == {"service": [], "count": 0, "nextSkipToken": ""}


@pytest.mark.parametrize(
    ("page", "status"),
    [
        (Page.SIGN_IN_401, 401),
        (Page.SIGN_IN_REDIRECT, 302),
        (Page.SIGN_IN_HTML, 200),
        (Page.SIGN_IN_HTML_403, 403),
        (Page.MISSING_404, 404),
        (Page.MISSING_400, 400),
        (Page.MISSING_410, 410),
        (Page.MISSING_500_MARKER, 500),
        (Page.REFUSED_403, 403),
        (Page.THROTTLED_429, 429),
        (Page.TIMEOUT_408, 408),
        (Page.UNRECOGNISED_500, 500),
        (Page.BAD_GATEWAY_502, 502),
        (Page.UNAVAILABLE_503, 503),
        (Page.UNAVAILABLE_503_RETRY_AFTER, 503),
        (Page.ONLY_MALFORMED, 200),
        (Page.DEEPLY_NESTED, 200),
        (Page.TOO_LARGE, 200),
        (Page.OTHER_HTML, 200),
        (Page.BROKEN_JSON, 200),
        (Page.OTHER_JSON, 200),
        (Page.REDIRECT_AWAY, 302),
    ],
)
async def test_each_kind_of_page_has_its_status_code(start, page, status):
    client = await start(**a_page(page))

    assert (await client.services(0)).status_code == status


async def test_every_page_has_an_outcome_and_vice_versa():
    assert set(OUTCOMES) == set(Page)
    assert set(OUTCOMES.values()) == set(Outcome)


async def test_only_one_500_contains_a_marker(start):
    client = await start(**a_page(Page.MISSING_500_MARKER))
    marked = (await client.services(0)).text.lower()
    client.tenant.change_user(0, "set_page", page=Page.UNRECOGNISED_500)
    unmarked = (await client.services(0)).text.lower()
    markers = ("notfound", "notprovisioned", "nonexistent", "notenabled")

    assert any(marker in marked for marker in markers)
    assert not any(marker in unmarked for marker in markers)


async def test_sign_in_redirects_to_the_authority_or_microsoft(start):
    client = await start(**a_page(Page.SIGN_IN_REDIRECT))
    own = (await client.services(0)).headers["Location"]
    client.tenant.change_user(0, "set_page", page=Page.SIGN_IN_REDIRECT_PUBLIC)
    public = (await client.services(0)).headers["Location"]

    assert own.startswith(client.settings["AZURE_AUTHORITY_HOST"])
    assert public.startswith("https://login.microsoftonline.com/")


async def test_a_same_origin_redirect_leads_to_the_page(start):
    client = await start(**a_page(Page.REDIRECT_SAME_ORIGIN))

    reply = await client.http.get(client.page_url(0), follow_redirects=True)

    assert reply.history[0].status_code == 302
    assert reply.json()["count"] == 3


async def test_a_dropped_connection_has_no_response(start):
    client = await start(**a_page(Page.DROPPED))

    with pytest.raises(httpx.TransportError):
        await client.services(0)
    assert client.tenant.metrics()["services"]["bookings"]["by_status"] == {"0": 1}


async def test_an_unknown_mailbox_has_no_page(start):
    client = await start(users=1)
    known = client.page_url(0)
    guid = client.tenant.user(0).mailbox_guid.replace("-", "")

    for url in (known.replace(guid, "0" * 32), known.replace(client.tenant.tenant_id, guid[:8])):
        assert (await client.http.get(url)).status_code == 404


async def test_the_path_may_be_in_any_case_and_encoded(start):
    client = await start(**a_page(Page.PUBLIC_ONE))
    url = client.page_url(0)
    business = url.split("/")[-2]

    for form in (
        url.replace("bookingBusinessesc2", "BOOKINGBUSINESSESC2"),
        url.replace(business, quote(business, safe="")),
    ):
        assert (await client.http.get(form)).json()["count"] == 1


async def test_a_working_week_has_no_gaps(start):
    client = await start(**a_page(Page.PUBLIC_SEVERAL))

    items = (await client.availability(0, *WEEK)).json()["staffAvailabilityResponse"][0]["availabilityItems"]

    kinds = {item["status"].removeprefix("BOOKINGSAVAILABILITYSTATUS_") for item in items}
    starts = [datetime.fromisoformat(item["startDateTime"]["dateTime"]) for item in items]
    ends = [datetime.fromisoformat(item["endDateTime"]["dateTime"]) for item in items]
    assert kinds == {"AVAILABLE", "BUSY", "OUT_OF_OFFICE"}
    assert starts[1:] == ends[:-1]
    assert (starts[0].isoformat(), ends[-1].isoformat()) == WEEK
    assert items[0]["startDateTime"]["timeZone"] == "(UTC) Coordinated Universal Time"


async def test_availability_is_the_same_in_every_time_zone(start):
    client = await start(**a_page(Page.PUBLIC_SEVERAL))

    in_utc = (await client.availability(0, "2026-11-23T08:00:00", "2026-11-23T18:00:00")).json()
    zone = "W. Europe Standard Time"
    in_berlin = (await client.availability(0, "2026-11-23T09:00:00", "2026-11-23T19:00:00", zone)).json()

    statuses = [
        [item["status"] for item in response["staffAvailabilityResponse"][0]["availabilityItems"]]
        for response in (in_utc, in_berlin)
    ]
    assert statuses[0] == statuses[1]
    item = in_berlin["staffAvailabilityResponse"][0]["availabilityItems"][0]
    assert item["startDateTime"]["timeZone"].startswith("(UTC+01:00)")


async def test_a_public_page_can_be_busy_all_week(start):
    client = await start(**a_page(Page.NOTHING_FREE))

    items = (await client.availability(0, *WEEK)).json()["staffAvailabilityResponse"][0]["availabilityItems"]

    assert {item["status"] for item in items} == {"BOOKINGSAVAILABILITYSTATUS_BUSY"}


async def test_other_public_pages_have_free_time_every_week(start):
    client = await start(users=60, mix={UserKind(Page.PUBLIC_SEVERAL): 1.0})

    for index in range(60):
        first = f"2026-11-{19 + index % 10:02}T17:{index:02}:00"
        last = f"{'2026-11-26' if index % 10 == 0 else f'2026-12-{index % 10:02}'}T17:{index:02}:00"
        reply = await client.availability(index, first, last)
        items = reply.json()["staffAvailabilityResponse"][0]["availabilityItems"]
        assert any(item["status"].endswith("_AVAILABLE") for item in items)


async def test_without_public_types_the_owner_is_always_out_of_office(start):
    client = await start(**a_page(Page.PRIVATE_ONLY))

    items = (await client.availability(0, *WEEK, serviceId=None)).json()["staffAvailabilityResponse"][0][
        "availabilityItems"
    ]

    assert {item["status"] for item in items} == {"BOOKINGSAVAILABILITYSTATUS_OUT_OF_OFFICE"}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", ""])
async def test_only_windows_zones_are_understood(start, zone):
    client = await start(**a_page(Page.PUBLIC_ONE))

    assert (await client.availability(0, *WEEK, zone)).status_code == 400


async def test_availability_can_fail_on_a_working_page(start):
    client = await start(**a_page(Page.AVAILABILITY_FAILS))

    assert (await client.services(0)).status_code == 200
    assert (await client.availability(0, *WEEK)).status_code == 500


async def test_forced_sign_in_applies_to_every_page(start):
    client = await start({"organization": {"bookings_auth_enabled": True}}, **a_page(Page.PUBLIC_ONE))

    settings = (await client.http.get(client.page_url(0, "bookingsSettings"))).json()

    assert (await client.services(0)).status_code == 401
    assert settings["tenantSettings"]["settings"]["BookingsAuthEnabled"]["boolValue"] is True
    client.tenant.behave(bookings={"auth_hides_pages": True})
    assert (await client.services(0)).status_code == 404


async def test_a_new_page_appears_after_some_time(start, clock):
    client = await start(**a_page(Page.MISSING_404))
    client.tenant.change_user(0, "open_bookings", after_seconds=180)

    before = (await client.services(0)).status_code, client.tenant.expected(0).status
    clock.now += 181
    after = (await client.services(0)).status_code, client.tenant.expected(0).status

    assert (before, after) == ((404, "notSetUp"), (200, "published"))


async def test_a_recreated_mailbox_has_a_new_guid(start):
    client = await start(**a_page(Page.PUBLIC_ONE))
    old = client.page_url(0)
    client.tenant.change_user(0, "recreate_mailbox")

    assert (await client.http.get(old)).status_code == 404
    assert (await client.services(0)).status_code == 200


async def test_too_many_concurrent_requests_are_throttled(start):
    client = await start({"bookings": {"max_in_flight": 2, "latency_ms": 200, "retry_after": "7"}}, users=1)

    replies = await asyncio.gather(*(client.services(0) for _ in range(6)))

    throttled = [reply for reply in replies if reply.status_code == 429]
    assert len(throttled) >= 1
    assert {reply.headers["Retry-After"] for reply in throttled} == {"7"}
    assert client.tenant.metrics()["services"]["bookings"]["max_in_flight"] > 2


@pytest.mark.parametrize(("method", "what"), [("POST", "appointments"), ("DELETE", "appointments"), ("PATCH", "")])
async def test_appointments_are_rejected_and_recorded(start, method, what):
    client = await start(**a_page(Page.PUBLIC_ONE))

    reply = await client.http.request(method, client.page_url(0, what), json={})

    assert reply.status_code == 405
    assert len(client.tenant.metrics()["writes"]) == 1


async def test_faults_affect_the_requests_they_target(start):
    client = await start(**a_page(Page.PUBLIC_ONE))
    client.tenant.add_fault(Fault("bookings.services", status=503, skip=1, times=2))
    client.tenant.add_fault(Fault("bookings.getStaffAvailability", status=0))

    codes = [(await client.services(0)).status_code for _ in range(4)]

    assert codes == [200, 503, 503, 200]
    with pytest.raises(httpx.TransportError):
        await client.availability(0, *WEEK)


async def test_random_faults_are_reproducible(start):
    async def codes():
        client = await start(**a_page(Page.PUBLIC_ONE))
        client.tenant.add_fault(Fault("bookings", status=502, probability=0.5, times=None))
        return [(await client.services(0)).status_code for _ in range(20)]

    first = await codes()

    assert first == await codes()
    assert set(first) == {200, 502}


async def test_the_other_requests_work(start):
    client = await start(**a_page(Page.PUBLIC_ONE))

    business = (await client.http.get(client.page_url(0, ""))).json()
    staff = (await client.http.get(client.page_url(0, "staffmembers"))).json()

    assert business["businessInfo"]["displayName"] == client.tenant.user(0).display_name
    assert staff["staffMembers"][0]["id"] == "1c1c7887-e0fc-479b-ac7d-6983d0f026ff"


async def test_each_page_matches_its_expected_outcome(start):
    client = await start(users=len(EVERY), mix=EVERY)

    for user in client.tenant.users(0, len(EVERY)):
        if not user["expected"]["mailbox_guid"] or user["page"] == Page.DROPPED:
            continue
        reply = await client.http.get(client.page_url(user["index"]), follow_redirects=False)
        shows_types = reply.status_code == 200 and '"serviceId"' in reply.text and reply.text.endswith("}")
        expects_types = OUTCOMES[user["page"]] is Outcome.PUBLIC or user["page"] in {
            Page.PRIVATE_ONLY,
            Page.HIDDEN_ONLY,
            Page.ONLY_MALFORMED,
        }
        if user["page"] != Page.REDIRECT_SAME_ORIGIN:
            assert shows_types == expects_types, user["page"]


async def test_a_slow_response_is_correct(start):
    client = await start(**a_page(Page.SLOW))
    client.tenant.behave(bookings={"slow_seconds": 0.01})
    client.tenant.add_fault(Fault("bookings.services", status=200, delay_seconds=0.01))

    assert [(await client.services(0)).json()["count"] for _ in range(2)] == [3, 3]


async def test_a_fault_can_have_its_own_body(start):
    client = await start(**a_page(Page.PUBLIC_ONE))
    client.tenant.add_fault(Fault("bookings.services", status=200, body="<html>once</html>"))

    assert [(await client.services(0)).text[:6] for _ in range(2)] == ["<html>", '{"serv']
