"""The anonymous web service behind the Personal Bookings pages: docs/microsoft-365.md, section 5."""

import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from local.simulator.availability import AVAILABLE, WINDOWS_ZONES, Interval, availability
from local.simulator.browser_pages import browser_page
from local.simulator.expected_results import outcome_of
from local.simulator.faults import Fault
from local.simulator.http_messages import Request, Response
from local.simulator.meeting_types import STAFF_ID, MeetingTypes
from local.simulator.pages import fixed_response
from local.simulator.state import SimulatorState
from local.simulator.user_kinds import OUTCOMES, Outcome, Page
from local.simulator.users import SimulatedUser

_PATH = re.compile(
    r"/bookingsservice/api/v1/bookingbusinessesc2/(?P<business>[^/]+)(?:/(?P<what>[^/]*))?/?", re.IGNORECASE
)
_BUSINESS = re.compile(r"mbx:(?P<guid>[0-9a-f]{32})@(?P<tenant>[0-9a-f-]{36})", re.IGNORECASE)
_BROWSER_PATH = re.compile(
    r"/bookwithme/user/(?P<guid>[0-9a-f]{32})(?:@|%40)[^/]+(?:/meetingtype/[^/]+)?/?", re.IGNORECASE
)
_READS = {("GET", "services"), ("GET", ""), ("GET", "bookingssettings"), ("GET", "staffmembers")}
_WORKING = {Outcome.PUBLIC, Outcome.NONE_PUBLIC}
_MOVED = "moved=1"


class Bookings:
    """The Bookings service."""

    name = "bookings"

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def operation_of(self, request: Request) -> str:
        """services, getStaffAvailability, bookingsSettings, staffmembers, business, page or other."""
        if _BROWSER_PATH.fullmatch(request.path):
            return "page"
        matched = _PATH.fullmatch(request.path)
        what = (matched["what"] or "business").lower() if matched else "other"
        named = {"getstaffavailability": "getStaffAvailability", "bookingssettings": "bookingsSettings"}
        return named.get(what, what)

    def is_write(self, request: Request) -> bool:
        """Everything except GET and the request for availability."""
        if request.method in {"GET", "HEAD", "OPTIONS"}:
            return False
        return not (request.method == "POST" and self.operation_of(request) == "getStaffAvailability")

    def reject_write(self, request: Request) -> Response:
        """No appointments are made here."""
        return Response(405, {"message": f"{request.method} is not allowed"}, {"Allow": "GET"})

    def respond_with_fault(self, fault: Fault, request: Request) -> Response:
        """A fault in the service's own format."""
        del request
        return Response(fault.status, {"message": fault.error or "The request could not be completed."})

    def respond(self, request: Request) -> Response:
        """The response about one page, to a program or to a browser."""
        if in_browser := _BROWSER_PATH.fullmatch(request.path):
            return self._browser_page(in_browser["guid"].lower())
        matched = _PATH.fullmatch(request.path)
        if matched is None:
            return Response(404, b"")
        what = (matched["what"] or "").lower()
        if (request.method, what) not in _READS and what != "getstaffavailability":
            return Response(404, b"")
        if what == "bookingssettings":
            return Response(200, self._settings())
        user = self._owner(matched["business"])
        page = user.page if user else Page.MISSING_404
        return self._forced_sign_in(page) or self._of_page(request, user, page, what)

    def _browser_page(self, guid: str) -> Response:
        user = self._state.tenant.by_mailbox(guid, self._state.clock())
        behaviour = self._state.behaviour
        hides_pages = behaviour.bookings.auth_hides_pages
        outcome = outcome_of(user.page, behaviour.organization, hides_pages=hides_pages) if user else Outcome.NO_PAGE
        return browser_page(user, outcome, self._meeting_types())

    def _owner(self, business: str) -> SimulatedUser | None:
        matched = _BUSINESS.fullmatch(business)
        if matched is None or matched["tenant"].lower() != self._state.tenant.tenant_id:
            return None
        return self._state.tenant.by_mailbox(matched["guid"].lower(), self._state.clock())

    def _settings(self) -> dict[str, Any]:
        forced = self._state.behaviour.organization.bookings_auth_enabled
        return {"tenantSettings": {"settings": {"BookingsAuthEnabled": {"boolValue": forced}}}}

    def _forced_sign_in(self, page: Page) -> Response | None:
        """The response of a page that would have worked without BookingsAuthEnabled."""
        if not self._state.behaviour.organization.bookings_auth_enabled or OUTCOMES[page] not in _WORKING:
            return None
        bookings = self._state.behaviour.bookings
        instead = Page.MISSING_404 if bookings.auth_hides_pages else Page.SIGN_IN_401
        return fixed_response(instead, self._state.urls, "", bookings)

    def _of_page(self, request: Request, user: SimulatedUser | None, page: Page, what: str) -> Response:
        bookings = self._state.behaviour.bookings
        fixed = fixed_response(page, self._state.urls, request.raw_path, bookings)
        if fixed is not None or user is None:
            return fixed or Response(404, b"")
        if page is Page.REDIRECT_SAME_ORIGIN and request.method == "GET" and _MOVED not in request.raw_query:
            return Response(302, b"", {"Location": f"{request.raw_path.partition('?')[0]}?{_MOVED}"})
        delay_seconds = bookings.slow_seconds if page is Page.SLOW else 0
        return self._respond_normally(request, user, what, delay_seconds)

    def _respond_normally(self, request: Request, user: SimulatedUser, what: str, delay_seconds: float) -> Response:
        match what:
            case "services":
                listed = self._meeting_types().of(user)
                return Response(
                    200, {"service": listed, "count": len(listed), "nextSkipToken": ""}, delay_seconds=delay_seconds
                )
            case "getstaffavailability":
                return self._availability(request, user)
            case "staffmembers":
                return Response(200, {"staffMembers": [{"id": STAFF_ID, "displayName": user.display_name}]})
            case _:
                policy = {"schedulingPolicy": {"timeSlotInterval": "PT30M"}}
                info = {"displayName": user.display_name, "businessTimeZone": "W. Europe Standard Time", **policy}
                return Response(200, {"businessInfo": info})

    def _meeting_types(self) -> MeetingTypes:
        return MeetingTypes(self._state.plan.seed, self._state.urls["bookings"])

    def _availability(self, request: Request, user: SimulatedUser) -> Response:
        if user.page is Page.AVAILABILITY_FAILS:
            return Response(500, {"message": "An internal server error occurred. Try again later."})
        requested = request.json()
        window = _window(requested)
        if window is None:
            return Response(400, {"message": "startDateTime and endDateTime need a dateTime and a Windows timeZone."})
        service_id = requested.get("serviceId")
        if service_id and service_id not in self._meeting_types().ids_of(user):
            return Response(400, {"message": "The service is not offered by this business."})
        return self._intervals(user, requested, window)

    def _intervals(
        self, user: SimulatedUser, requested: dict[str, Any], window: tuple[datetime, datetime, str]
    ) -> Response:
        bookings = self._state.behaviour.bookings
        start, end, zone = window
        times = availability(user, start, end, starts_inside_busy=bookings.starts_inside_busy)
        items = [_item(interval, zone, requested.get("serviceId")) for interval in times]
        if user.page is Page.MALFORMED_AVAILABILITY:
            items.append({"status": AVAILABLE, "startDateTime": None, "endDateTime": {"dateTime": "soon"}})
        staff = requested.get("staffIds") or []
        members = [{"staffId": one, "availabilityItems": items if one == STAFF_ID else []} for one in staff]
        delay_seconds = 0 if all(one == STAFF_ID for one in staff) else bookings.slow_seconds
        return Response(200, {"staffAvailabilityResponse": members}, delay_seconds=delay_seconds)


def _window(requested: Any) -> tuple[datetime, datetime, str] | None:
    """Start and end in UTC, and the Windows zone of the request."""
    try:
        zones = [requested[name]["timeZone"] for name in ("startDateTime", "endDateTime")]
        start, end = (
            datetime.fromisoformat(requested[name]["dateTime"]).replace(tzinfo=ZoneInfo(WINDOWS_ZONES[zone][0]))
            for name, zone in zip(("startDateTime", "endDateTime"), zones, strict=True)
        )
    except (KeyError, TypeError, ValueError):
        return None
    return (start.astimezone(UTC), end.astimezone(UTC), zones[0]) if start < end else None


def _item(interval: Interval, zone: str, service_id: str | None) -> dict[str, Any]:
    name, display = WINDOWS_ZONES[zone]
    item: dict[str, Any] = {"status": interval.status}
    for field, instant in (("startDateTime", interval.start), ("endDateTime", interval.end)):
        local = instant.astimezone(ZoneInfo(name)).strftime("%Y-%m-%dT%H:%M:%S")
        item[field] = {"dateTime": local, "timeZone": display}
    return {**item, "serviceId": service_id, "availableCount": 0} if service_id else item
