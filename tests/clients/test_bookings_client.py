"""The Bookings service as the product calls it: every row of the table through a socket, and free times in UTC."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from aiohttp import web

from atlas.domain.availability import AvailabilityItem
from atlas.domain.pages import NoPage, PageFound, PageRules, SignInRequired
from atlas.domain.unknown import Reason
from atlas.microsoft365.bookings_pages import MAX_PAGE_BYTES, PERSONAL_STAFF_ID, BookingsPages, parse_availability
from atlas.microsoft365.calls import ApiClient
from atlas.microsoft365.connections import open_http, trusted_authorities
from atlas.microsoft365.failures import NotUnderstood, TenantFailure, Throttled, Unreachable
from local.simulator import Fault, Mailbox, Page, UserKind
from local.simulator.user_kinds import OUTCOMES, Outcome
from tests.clients.serving import one_after_another, serving

TENANT = "a7809c93-1111-4222-8333-944445555666"
GUID = UUID("2be92a50-0c6b-4d1e-8a61-3f1f5a0c7e11")
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
PUBLIC = {"service": [{"serviceId": "a1", "title": "30 min", "defaultDuration": "PT30M"}]}
PAGES = [page for page in Page if page is not Page.SLOW]


async def outcome_of(request):
    try:
        result = await request
    except TenantFailure as failure:
        return Outcome(failure.reason.value)
    match result:
        case PageFound(public_types=()):
            return Outcome.NONE_PUBLIC
        case PageFound():
            return Outcome.PUBLIC
        case SignInRequired():
            return Outcome.SIGN_IN
        case NoPage():
            return Outcome.NO_PAGE


async def test_every_kind_of_page_has_its_outcome(start):
    clients = await start(users=len(PAGES), mix={UserKind(page): 1.0 for page in PAGES})
    users = clients.licensed_users()

    found = await asyncio.gather(
        *(outcome_of(clients.pages.get_page(UUID(clients.tenant.user(user["id"]).mailbox_guid))) for user in users)
    )

    assert {user["page"] for user in users} == set(PAGES)
    assert {user["page"]: outcome for user, outcome in zip(users, found, strict=True)} == {
        page: OUTCOMES[page] for page in PAGES
    }
    assert clients.tenant.metrics()["writes"] == []


async def test_an_unknown_mailbox_has_no_page(start):
    clients = await start(users=1)

    assert await clients.pages.get_page(GUID) == NoPage(404)


async def test_only_public_meeting_types_are_returned(start):
    clients = await start(users=1, mix={UserKind(Page.PUBLIC_AND_PRIVATE): 1.0})
    user = clients.licensed_users()[0]

    page = await clients.pages.get_page(UUID(user["expected"]["mailbox_guid"]))

    assert isinstance(page, PageFound)
    assert len(page.public_types) == user["expected"]["public_types"]
    assert all(one.title and one.duration_minutes for one in page.public_types)


@pytest.mark.parametrize(
    ("page", "attempts"),
    [
        (Page.OTHER_HTML, 2),
        (Page.BROKEN_JSON, 2),
        (Page.REDIRECT_AWAY, 2),
        (Page.REFUSED_403, 1),
        (Page.MISSING_404, 1),
    ],
)
async def test_an_unintelligible_response_is_requested_twice(start, page, attempts):
    clients = await start(users=1, mix={UserKind(page): 1.0})

    await outcome_of(clients.pages.get_page(UUID(clients.licensed_users()[0]["expected"]["mailbox_guid"])))

    assert clients.request_count("bookings", "services") == attempts


async def test_the_second_response_counts(start):
    clients = await start(users=1, mix={UserKind(Page.EMPTY): 1.0})
    clients.tenant.add_fault(Fault("bookings.services", status=200, body="<html>a moment, please</html>"))

    assert await clients.pages.get_page(UUID(clients.licensed_users()[0]["expected"]["mailbox_guid"])) == PageFound(())


@pytest.mark.parametrize(
    "fault",
    [
        Fault("bookings.services", status=429, retry_after="1", times=2),
        Fault("bookings.services", status=429, times=2),
        Fault("bookings.services", status=503, times=2),
        Fault("bookings.services", status=408, times=1),
        Fault("bookings.services", status=0, times=1),
    ],
)
async def test_transient_failures_are_retried(start, fault):
    clients = await start(users=1, mix={UserKind(Page.EMPTY): 1.0})
    clients.tenant.add_fault(fault)

    assert await clients.pages.get_page(UUID(clients.licensed_users()[0]["expected"]["mailbox_guid"])) == PageFound(())


async def test_long_throttling_is_raised_with_its_seconds(start):
    clients = await start({"bookings": {"page_retry_after": "45"}}, users=1, mix={UserKind(Page.THROTTLED_429): 1.0})

    with pytest.raises(Throttled) as caught:
        await clients.pages.get_page(UUID(clients.licensed_users()[0]["expected"]["mailbox_guid"]))

    assert caught.value.wait_seconds == 45
    assert clients.request_count("bookings", "services") == 1


async def test_a_timeout_is_not_retried_inline(start, monkeypatch):
    monkeypatch.setattr("atlas.microsoft365.bookings_pages.SERVICES_TIMEOUT_SECONDS", 0.05)
    clients = await start(users=1, mix={UserKind(Page.SLOW): 1.0})

    with pytest.raises(Unreachable, match="did not respond"):
        await clients.pages.get_page(UUID(clients.licensed_users()[0]["expected"]["mailbox_guid"]))

    assert clients.request_count("bookings", "services") == 1


async def test_availability_is_read_in_utc(start):
    clients = await start(users=1, mix={UserKind(Page.PUBLIC_SEVERAL, Mailbox.NORMAL): 1.0})
    guid = UUID(clients.licensed_users()[0]["expected"]["mailbox_guid"])
    page = await clients.pages.get_page(guid)
    assert isinstance(page, PageFound)
    berlin = MONDAY.astimezone(tz=None)

    items = await clients.pages.get_availability(guid, page.public_types[0].type_id, berlin, berlin + timedelta(days=1))

    assert items[0].start == MONDAY
    assert items[-1].end == MONDAY + timedelta(days=1)
    assert all(item.start.tzinfo is UTC and item.start < item.end for item in items)
    assert clients.tenant.metrics()["writes"] == []


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (429, Throttled),
        (408, Unreachable),
        (500, Unreachable),
        (503, Unreachable),
        (400, NotUnderstood),
        (403, NotUnderstood),
    ],
)
async def test_failures_of_availability_are_classified(start, status, failure):
    clients = await start(users=1, mix={UserKind(Page.PUBLIC_ONE): 1.0})
    guid = UUID(clients.licensed_users()[0]["expected"]["mailbox_guid"])
    clients.tenant.add_fault(Fault("bookings.getStaffAvailability", status=status, times=None))

    with pytest.raises(failure):
        await clients.pages.get_availability(guid, "x", MONDAY, MONDAY + timedelta(days=1))


def availability(*items):
    return {"staffAvailabilityResponse": [{"staffId": PERSONAL_STAFF_ID, "availabilityItems": list(items)}]}


def item(start, end="2026-11-23T10:00:00", status="BOOKINGSAVAILABILITYSTATUS_AVAILABLE"):
    zone = "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna"
    return {
        "status": status,
        "startDateTime": {"dateTime": start, "timeZone": zone},
        "endDateTime": {"dateTime": end, "timeZone": zone},
    }


@pytest.mark.parametrize(
    "start", ["2026-11-23T09:00:00", "2026-11-23T09:00:00.0000000", "2026-11-23T09:00:00Z", "2026-11-23T10:00:00+01:00"]
)
def test_times_are_utc_whatever_their_display_zone(start):
    (read,) = parse_availability(availability(item(start)))

    assert read == AvailabilityItem(
        "BOOKINGSAVAILABILITYSTATUS_AVAILABLE", MONDAY.replace(hour=9), MONDAY.replace(hour=10)
    )


def test_an_unknown_status_is_kept():
    assert parse_availability(availability(item("2026-11-23T09:00:00", status="NEW")))[0].status == "NEW"


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        None,
        {"staffAvailabilityResponse": None},
        {"staffAvailabilityResponse": []},
        {"staffAvailabilityResponse": [{}]},
        availability({}),
        availability(item("soon")),
        availability(item("0001-01-01T00:00:00+05:00")),
        availability(item("9999-12-31T23:59:59-05:00")),
        availability(item("99999-01-01T00:00:00")),
        availability(item("2026-11-23T09:00:00", end="9999-12-31T23:59:59.9999999-01:00")),
        availability({**item("2026-11-23T09:00:00"), "status": None}),
    ],
)
def test_malformed_availability_is_not_understood(document):
    with pytest.raises(NotUnderstood):
        parse_availability(document)


async def page_and_server(respond):
    """What the client returns for a response, and the server that sent it."""
    async with serving(respond) as served, open_http(trusted_authorities(None)) as http:
        pages = BookingsPages(ApiClient(http), served.url, TENANT, PageRules(("login.live.com",), ("NotFound",)))
        try:
            return await pages.get_page(GUID), served
        except TenantFailure as failure:
            return failure, served


async def test_a_same_origin_redirect_is_followed():
    result, served = await page_and_server(
        one_after_another(
            lambda: web.Response(status=307, headers={"Location": "/moved"}), lambda: web.json_response(PUBLIC)
        )
    )

    assert isinstance(result, PageFound)
    assert served.paths[1] == "/moved"
    anchors = {headers["x-anchormailbox"] for _, _, headers, _ in served.requests}
    assert anchors == {f"mbx:{GUID.hex}@{TENANT}"}


async def test_endless_redirects_are_not_followed():
    result, served = await page_and_server(lambda _: web.Response(status=302, headers={"Location": "/again"}))

    assert isinstance(result, NotUnderstood)
    assert len(served.requests) == 4


async def test_no_request_goes_to_another_origin():
    async with serving(lambda _: web.json_response(PUBLIC)) as other:
        result, _ = await page_and_server(lambda _: web.Response(status=302, headers={"Location": f"{other.url}/x"}))

        assert isinstance(result, NotUnderstood)
        assert other.requests == []


@pytest.mark.parametrize("redirects", [False, True])
async def test_a_page_that_is_too_large_is_not_understood(redirects):
    def large():
        return web.Response(body=b"[" + b" " * (MAX_PAGE_BYTES + 1), content_type="application/json")

    def redirect():
        return web.Response(status=302, headers={"Location": "/large"})

    result, _ = await page_and_server(lambda request: redirect() if redirects and request.path != "/large" else large())

    assert isinstance(result, NotUnderstood)
    assert "more than" in str(result)


@pytest.mark.parametrize("coding", ["gzip", "gzip, gzip", "br", "deflate"])
async def test_a_body_that_cannot_be_decompressed_is_not_understood(coding):
    result, _ = await page_and_server(lambda _: web.Response(body=b"plain", headers={"Content-Encoding": coding}))

    assert isinstance(result, NotUnderstood)


async def test_the_request_is_that_of_an_anonymous_visitor():
    _, served = await page_and_server(lambda _: web.json_response(PUBLIC))

    ((method, path, headers, body),) = served.requests
    assert (method, body) == ("GET", b"")
    assert path == f"/BookingsService/api/V1/bookingBusinessesc2/mbx:{GUID.hex}@{TENANT}/services"
    assert headers["x-req-source"] == "BookWithMe"
    assert not {"authorization", "cookie"} & set(headers)


async def test_cookies_are_not_kept():
    headers = {"Location": "/moved", "Set-Cookie": "OIDC=1; Path=/"}

    _, served = await page_and_server(lambda _: web.Response(status=302, headers=headers))

    assert all("cookie" not in headers for _, _, headers, _ in served.requests)


async def test_availability_is_requested_in_utc():
    def respond(_):
        return web.json_response(availability())

    async with serving(respond) as served, open_http(trusted_authorities(None)) as http:
        pages = BookingsPages(ApiClient(http), served.url, TENANT, PageRules((), ()))
        assert await pages.get_availability(GUID, "a1", MONDAY, MONDAY + timedelta(hours=1)) == ()

    ((method, path, _, body),) = served.requests
    assert (method, path.rpartition("/")[2]) == ("POST", "getStaffAvailability")
    assert json.loads(body) == {
        "staffIds": [PERSONAL_STAFF_ID],
        "startDateTime": {"dateTime": "2026-11-23T00:00:00", "timeZone": "UTC"},
        "endDateTime": {"dateTime": "2026-11-23T01:00:00", "timeZone": "UTC"},
        "serviceId": "a1",
    }


async def test_a_service_without_a_listener_is_unreachable():
    async with open_http(trusted_authorities(None)) as http:
        pages = BookingsPages(ApiClient(http), "http://127.0.0.1:9", TENANT, PageRules((), ()))
        with pytest.raises(Unreachable) as caught:
            await pages.get_page(GUID)

    assert caught.value.reason is Reason.UNREACHABLE
    assert GUID.hex not in str(caught.value)
