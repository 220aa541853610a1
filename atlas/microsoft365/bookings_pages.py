"""The web service behind personal Bookings pages, called as an anonymous visitor would call it.

Microsoft documents none of it (docs/microsoft-365.md, section 5). Only two requests are sent, and both only read: what
can be booked, and when.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from atlas.domain.availability import AvailabilityItem
from atlas.domain.pages import NoPage, PageFound, PageResponse, PageRules, Redirected, SignInRequired, classify
from atlas.domain.records import MalformedRecord, parse_records
from atlas.domain.unknown import Reason, Unknown
from atlas.microsoft365.calls import MEBIBYTE, ApiClient, Request, Response, parse_retry_after
from atlas.microsoft365.failures import NotUnderstood, Refused, TenantFailure, Throttled, Unreachable

PERSONAL_STAFF_ID = "1c1c7887-e0fc-479b-ac7d-6983d0f026ff"
"""The staff ID of every personal page."""
SERVICES_TIMEOUT_SECONDS = 30
AVAILABILITY_TIMEOUT_SECONDS = 60
MAX_PAGE_BYTES = 2 * MEBIBYTE

type PageResult = PageFound | SignInRequired | NoPage


class _Moment(BaseModel):
    model_config = ConfigDict(frozen=True)
    moment: datetime = Field(alias="dateTime")

    def utc(self) -> datetime:
        # The zone beside it is a display name and is never parsed: requests are in UTC, so responses are too.
        return self.moment.replace(tzinfo=UTC) if self.moment.tzinfo is None else self.moment.astimezone(UTC)


class _Item(BaseModel):
    model_config = ConfigDict(frozen=True)
    status: str
    start: _Moment = Field(alias="startDateTime")
    end: _Moment = Field(alias="endDateTime")

    def as_item(self) -> AvailabilityItem:
        """Raises ``MalformedRecord``."""
        try:
            return AvailabilityItem(self.status, self.start.utc(), self.end.utc())
        except OverflowError:
            raise MalformedRecord("a time is outside of all calendars") from None


@dataclass(frozen=True, slots=True)
class BookingsPages:
    """The personal pages of one tenant. Every method raises ``TenantFailure`` if the response does not say anything."""

    client: ApiClient
    base_url: str
    tenant_id: str
    rules: PageRules

    async def get_page(self, mailbox_guid: UUID) -> PageResult:
        """What the page of this mailbox offers, or that there is none.

        A response that cannot be interpreted is requested once more.
        """
        request = self._request("GET", mailbox_guid, "services", SERVICES_TIMEOUT_SECONDS)
        result = await self._read_page(request)
        if isinstance(result, Unknown):
            result = await self._read_page(request)
        if isinstance(result, Unknown):
            raise _failure_for(result)
        return result

    async def get_raw(self, mailbox_guid: UUID) -> tuple[PageResponse, PageResult | Unknown | Redirected]:
        """Send one request and return the response and its meaning, without retries and without following redirects."""
        request = self._request("GET", mailbox_guid, "services", SERVICES_TIMEOUT_SECONDS)
        response = _as_page_response(await self.client.send(request, lambda _response: None))
        return response, classify(response, self.rules)

    async def get_availability(
        self, mailbox_guid: UUID, meeting_type_id: str | None, start: datetime, end: datetime
    ) -> tuple[AvailabilityItem, ...]:
        """The free and busy periods that the page shows between two aware times."""
        body = {
            "staffIds": [PERSONAL_STAFF_ID],
            "startDateTime": _utc_moment(start),
            "endDateTime": _utc_moment(end),
            "serviceId": meeting_type_id,
        }
        request = self._request("POST", mailbox_guid, "getStaffAvailability", AVAILABILITY_TIMEOUT_SECONDS, body)
        response = await self.client.send(request, _classify_availability)
        return parse_availability(response.json())

    async def _read_page(self, request: Request) -> PageResult | Unknown:
        result = await self._read_once(request)
        if isinstance(result, Redirected):
            result = await self._read_once(replace(request, url=result.url))
        if isinstance(result, Redirected):
            return Unknown(Reason.NOT_UNDERSTOOD, "the page redirects twice")
        return result

    async def _read_once(self, request: Request) -> PageResult | Unknown | Redirected:
        try:
            response = await self.client.send(request, self._classify_page)
        except NotUnderstood as failure:
            return failure.unknown()
        return classify(_as_page_response(response), self.rules)

    def _classify_page(self, response: Response) -> TenantFailure | None:
        """Only a response that is worth another attempt is a failure here."""
        result = classify(_as_page_response(response), self.rules)
        if not isinstance(result, Unknown) or result.reason is Reason.NOT_UNDERSTOOD:
            return None
        return _failure_for(result, response.headers)

    def _request(
        self, method: str, mailbox_guid: UUID, action: str, timeout_seconds: float, body: Any = None
    ) -> Request:
        business = f"mbx:{mailbox_guid.hex}@{self.tenant_id}"
        url = f"{self.base_url}/BookingsService/api/V1/bookingBusinessesc2/{business}/{action}"
        return Request(method, url, _headers(business), body, timeout_seconds, MAX_PAGE_BYTES)


def parse_availability(document: Any) -> tuple[AvailabilityItem, ...]:
    """The readable items of a response to ``getStaffAvailability``. Raises ``NotUnderstood``.

    A malformed item is left out, and what is not free counts as busy.
    """
    members = document.get("staffAvailabilityResponse") if isinstance(document, dict) else None
    if not isinstance(members, list) or not members:
        raise NotUnderstood("Bookings sent availability without staffAvailabilityResponse")
    items = parse_records(
        [item for member in members for item in _items_of(member)], lambda item: _Item.model_validate(item).as_item()
    )
    if items.malformed and not items.valid:
        raise NotUnderstood(f"Bookings sent availability of which {items.malformed[0].problem}")
    return items.valid


def _items_of(member: Any) -> list[Any]:
    items = member.get("availabilityItems") if isinstance(member, dict) else None
    if not isinstance(items, list):
        raise NotUnderstood("Bookings sent availability without availabilityItems")
    return items


def _headers(business: str) -> Mapping[str, str]:
    return {
        "accept": "application/json",
        "content-type": "application/json; charset=utf-8",
        "prefer": 'exchange.behavior="IncludeThirdPartyOnlineMeetingProviders"',
        "x-anchormailbox": business,
        "x-owa-canary": "X-OWA-CANARY_cookie_is_null_or_empty",
        "x-req-source": "BookWithMe",
    }


def _utc_moment(moment: datetime) -> dict[str, str]:
    return {"dateTime": moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"}


def _as_page_response(response: Response) -> PageResponse:
    return PageResponse(response.status, response.headers, response.body, response.url)


def _failure_for(unknown: Unknown, headers: Mapping[str, str] | None = None) -> TenantFailure:
    match unknown.reason:
        case Reason.THROTTLED:
            return Throttled(unknown.detail, parse_retry_after(headers or {}))
        case Reason.UNREACHABLE:
            return Unreachable(unknown.detail)
        case Reason.REFUSED:
            return Refused(unknown.detail)
        case Reason.NOT_UNDERSTOOD:
            return NotUnderstood(unknown.detail)


def _classify_availability(response: Response) -> TenantFailure | None:
    status = response.status
    what = f"Bookings responded with {status} to the request for availability"
    if status == 200:
        return None
    if status == 429 or (status >= 400 and "retry-after" in response.headers):
        return Throttled(what, parse_retry_after(response.headers))
    if status == 408 or status >= 500:
        return Unreachable(what)
    return NotUnderstood(what)
