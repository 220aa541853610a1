"""The web service behind personal Bookings pages, called as an anonymous visitor would call it.

Microsoft documents none of it (docs/microsoft-365.md, section 5). Only two requests are sent, and both only read: what
can be booked, and when.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from atlas.domain.availability import AvailabilityItem
from atlas.domain.pages import NoPage, PageFound, PageResponse, PageRules, Redirected, SignInRequired, classify
from atlas.domain.unknown import Reason, Unknown
from atlas.microsoft365.calls import MEBIBYTE, ApiClient, Request, Response, wait_seconds_of
from atlas.microsoft365.failures import NotUnderstood, Refused, TenantFailure, Throttled, Unreachable

PERSONAL_STAFF_ID = "1c1c7887-e0fc-479b-ac7d-6983d0f026ff"
"""The one staff id of every personal page."""
SERVICES_TIMEOUT_SECONDS = 30
AVAILABILITY_TIMEOUT_SECONDS = 60
MAX_RESPONSE_BYTES = 2 * MEBIBYTE

type PageResult = PageFound | SignInRequired | NoPage


class _Moment(BaseModel):
    model_config = ConfigDict(frozen=True)
    moment: datetime = Field(alias="dateTime")

    def utc(self) -> datetime:
        # The zone beside it is a name for people, never parsed: what is asked in UTC is answered in UTC.
        return self.moment.replace(tzinfo=UTC) if self.moment.tzinfo is None else self.moment.astimezone(UTC)


class _Item(BaseModel):
    model_config = ConfigDict(frozen=True)
    status: str
    start: _Moment = Field(alias="startDateTime")
    end: _Moment = Field(alias="endDateTime")


class _Staff(BaseModel):
    model_config = ConfigDict(frozen=True)
    items: tuple[_Item, ...] = Field(alias="availabilityItems")


class _Availability(BaseModel):
    model_config = ConfigDict(frozen=True)
    staff: tuple[_Staff, ...] = Field(alias="staffAvailabilityResponse", min_length=1)


@dataclass(frozen=True, slots=True)
class BookingsPages:
    """Asks personal pages of one tenant. Every method raises ``TenantFailure`` where the answer tells nothing."""

    calls: ApiClient
    base_url: str
    tenant_id: str
    rules: PageRules

    async def get_page(self, mailbox_guid: UUID) -> PageResult:
        """What the page of this mailbox offers, or that there is none. What is not understood is asked for twice."""
        request = self._request("GET", mailbox_guid, "services", SERVICES_TIMEOUT_SECONDS)
        first = await self._ask_page(request)
        answer = await self._ask_page(request) if _is_not_understood(first) else first
        if isinstance(answer, Unknown):
            raise _failure_of_unknown(answer)
        return answer

    async def get_raw(self, mailbox_guid: UUID) -> tuple[PageResponse, PageResult | Unknown | Redirected]:
        """One answer as it came, and what it is taken for; asked once, and not again when it tells nothing."""
        request = self._request("GET", mailbox_guid, "services", SERVICES_TIMEOUT_SECONDS)
        response = _page_reply(await self.calls.send(request, lambda _response: None))
        return response, classify(response, self.rules)

    async def get_availability(
        self, mailbox_guid: UUID, meeting_type_id: str | None, start: datetime, end: datetime
    ) -> tuple[AvailabilityItem, ...]:
        """The free and busy stretches that the page shows between two aware moments, as the service gives them."""
        body = {
            "staffIds": [PERSONAL_STAFF_ID],
            "startDateTime": _utc_moment(start),
            "endDateTime": _utc_moment(end),
            "serviceId": meeting_type_id,
        }
        request = self._request("POST", mailbox_guid, "getStaffAvailability", AVAILABILITY_TIMEOUT_SECONDS, body)
        response = await self.calls.send(request, _failure_of_availability)
        return parse_availability(response.json())

    async def _ask_page(self, request: Request) -> PageResult | Unknown:
        answer = await self._classified(request)
        if isinstance(answer, Redirected):
            answer = await self._classified(replace(request, url=answer.url))
        return Unknown(Reason.NOT_UNDERSTOOD, "the page redirects twice") if isinstance(answer, Redirected) else answer

    async def _classified(self, request: Request) -> PageResult | Unknown | Redirected:
        response = await self.calls.send(request, self._failure_of_page)
        return classify(_page_reply(response), self.rules)

    def _failure_of_page(self, response: Response) -> TenantFailure | None:
        """Throttled and broken answers are failures, worth another try; all others are answers."""
        answer = classify(_page_reply(response), self.rules)
        if not isinstance(answer, Unknown) or answer.reason is Reason.NOT_UNDERSTOOD:
            return None
        return _failure_of_unknown(answer, wait_seconds_of(response.headers))

    def _request(
        self, method: str, mailbox_guid: UUID, action: str, timeout_seconds: float, body: Any = None
    ) -> Request:
        business = f"mbx:{mailbox_guid.hex}@{self.tenant_id}"
        return Request(
            method,
            f"{self.base_url}/BookingsService/api/V1/bookingBusinessesc2/{business}/{action}",
            _headers(business),
            body,
            timeout_seconds,
            MAX_RESPONSE_BYTES,
        )


def parse_availability(json: Any) -> tuple[AvailabilityItem, ...]:
    """The items of an answer to ``getStaffAvailability``. Raises ``NotUnderstood``."""
    try:
        staff = _Availability.model_validate(json).staff
        return tuple(
            AvailabilityItem(item.status, item.start.utc(), item.end.utc()) for member in staff for item in member.items
        )
    except OverflowError:
        raise NotUnderstood("the Bookings service answered availability outside of all calendars") from None
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise NotUnderstood(f"Bookings answered availability without {where}") from None


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


def _page_reply(response: Response) -> PageResponse:
    return PageResponse(response.status, response.headers, response.body, response.url)


def _is_not_understood(answer: PageResult | Unknown) -> bool:
    return isinstance(answer, Unknown) and answer.reason is Reason.NOT_UNDERSTOOD


def _failure_of_unknown(unknown: Unknown, wait_seconds: float | None = None) -> TenantFailure:
    match unknown.reason:
        case Reason.THROTTLED:
            return Throttled(unknown.detail, wait_seconds)
        case Reason.UNREACHABLE:
            return Unreachable(unknown.detail)
        case Reason.REFUSED:
            return Refused(unknown.detail)
        case Reason.NOT_UNDERSTOOD:
            return NotUnderstood(unknown.detail)


def _failure_of_availability(response: Response) -> TenantFailure | None:
    match response.status:
        case 200:
            return None
        case 429:
            return Throttled("Bookings answered 429", wait_seconds_of(response.headers))
        case status if status == 408 or status >= 500:
            return Unreachable(f"Bookings answered {status} to the question for free times")
        case status:
            return NotUnderstood(f"Bookings answered {status} to the question for free times")
