"""The routes of users: one person's page with its free times, and the whole tenant page by page or as a file."""

from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import unquote

import azure.durable_functions as df
import azure.functions as func
from pydantic import AfterValidator, BeforeValidator, Field

from api.access import AUTH_LEVEL, AppRole, allow
from api.csv_export import TooManyRows, csv_file
from api.json_responses import address_of, json_response, list_response
from api.problems import Problem, invalid_parameter, returns_problems
from api.queries import Flag, Number, Query
from api.shapes import free_times_shape, look_up_shape, user_shape
from atlas import wiring
from atlas.domain.cursors import InvalidCursor
from atlas.domain.page_urls import PageAddress
from atlas.domain.statuses import Status
from atlas.domain.time_windows import TimeWindow, time_window
from atlas.domain.time_zones import time_zone
from atlas.domain.user_filters import UserFilter
from atlas.domain.user_references import UserReference, parse_user_reference
from atlas.pages.free_times import NoFreeTimes, get_free_times
from atlas.pages.listing import get_users, iterate_users
from atlas.pages.lookup import LookupResult, Source, lookup
from atlas.resources import Resources

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000
MAX_CSV_ROWS = 100_000
MAX_USER_REFERENCE_LENGTH = 2000
STORED_STATUSES = tuple(status for status in Status if status is not Status.NOT_LICENSED)

blueprint = df.Blueprint()


def _statuses(text: Any) -> frozenset[Status]:
    names = {status.lower(): status for status in STORED_STATUSES}
    given = [part.strip().lower() for part in str(text).split(",") if part.strip()]
    if not given or any(name not in names for name in given):
        raise ValueError
    return frozenset(names[name] for name in given)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError
    return text.strip()


class BookingsQuery(Query):
    """What to tell of one user's page."""

    fresh: Flag = Field(default=False, description="true or false")
    availability: Flag = Field(default=True, description="true or false")
    start: str | None = Field(None, alias="from", description="a time of ISO 8601, such as 2026-11-23T08:00:00Z")
    end: str | None = Field(None, alias="to", description="a time of ISO 8601, such as 2026-11-30T08:00:00Z")
    time_zone: str = Field("UTC", alias="timeZone", description="an IANA or Windows name of a time zone")
    meeting_type: Annotated[str, AfterValidator(_not_blank)] | None = Field(
        None, alias="meetingType", description="the id of a public meeting type, or its title where that is unique"
    )

    def window(self, now: datetime) -> TimeWindow:
        """The stretch of time that is asked about. Raises ``InvalidTimeWindow`` or ``UnknownTimeZone``."""
        return time_window(self.start, self.end, time_zone(self.time_zone), now)


class UsersQuery(Query):
    """Which users to list, and how."""

    statuses: Annotated[frozenset[Status], BeforeValidator(_statuses)] | None = Field(
        None, alias="status", description=f"one or more of {', '.join(STORED_STATUSES)}, with commas between them"
    )
    domain: str | None = Field(
        None, pattern=r"^[\w-]+(\.[\w-]+)+$", max_length=255, description="the domain of UPNs, such as contoso.com"
    )
    enabled: Flag | None = Field(None, description="true or false")
    user_type: Annotated[str, BeforeValidator(lambda text: str(text).capitalize())] | None = Field(
        None, alias="userType", pattern="^(Member|Guest)$", description="Member or Guest"
    )
    search: Annotated[str, AfterValidator(_not_blank)] | None = Field(
        None, max_length=100, description="the beginning of a UPN, a display name or a word of it, up to 100 characters"
    )
    limit: Number | None = Field(None, ge=1, le=MAX_PAGE_SIZE, description=f"a whole number from 1 to {MAX_PAGE_SIZE}")
    continuation: str | None = Field(None, description="the continuation of an earlier answer")
    form: Literal["json", "csv"] | None = Field(None, alias="format", description="json or csv")

    def wanted(self) -> UserFilter:
        """The filter."""
        return UserFilter(self.statuses, self.domain, self.enabled, self.user_type, self.search)


@blueprint.route("users", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_all_users(req: func.HttpRequest) -> func.HttpResponse:
    """Rows by filters in the order of the object id, as JSON pages or as a CSV file."""
    allow(req, AppRole.READ)
    resources = await wiring.resources()
    query = UsersQuery.of(req)
    if (query.form or _accepted_form(req)) == "csv":
        return await _file(resources, req, query)
    page = await _page(resources, query, query.limit or DEFAULT_PAGE_SIZE)
    return json_response(list_response(req, [user_shape(row) for row in page.rows], page.continuation))


@blueprint.route("users/{user}/bookings", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_user_bookings(req: func.HttpRequest) -> func.HttpResponse:
    """One user, by UPN, object id or pasted page URL: from the row or asked now, with free times asked live."""
    without_free_times = req.params.get("availability", "").lower() == "false"
    allow(req, AppRole.READ if without_free_times else AppRole.AVAILABILITY)
    resources = await wiring.resources()
    query = BookingsQuery.of(req)
    subject = parse_user_reference(_subject_text(req.route_params["user"]))
    window = query.window(resources.clock())
    found = await lookup(resources, subject, fresh=query.fresh)
    if not query.availability:
        not_asked = NoFreeTimes("notAsked", "the request says availability=false")
        return json_response(
            {**look_up_shape(found, resources.bookings_url), **free_times_shape(not_asked, query.time_zone)}
        )
    times = await get_free_times(
        resources,
        found.row,
        window,
        query.meeting_type or _type_of(subject),
        is_private_link=isinstance(subject, PageAddress) and subject.is_private_link,
        is_live=_is_live(found),
    )
    return json_response({**look_up_shape(found, resources.bookings_url), **free_times_shape(times, query.time_zone)})


async def _page(resources: Resources, query: UsersQuery, limit: int) -> Any:
    try:
        return await get_users(resources, query.wanted(), limit, query.continuation)
    except InvalidCursor as wrong:
        raise Problem.of_field("invalidContinuation", "continuation", str(wrong)) from None


async def _file(resources: Resources, req: func.HttpRequest, query: UsersQuery) -> func.HttpResponse:
    headers = {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="personal-bookings.csv"'}
    if query.limit is None and query.continuation is None:
        rows = iterate_users(resources, query.wanted())
    else:
        page = await _page(resources, query, query.limit or DEFAULT_PAGE_SIZE)
        rows = _each(page.rows)
        if page.continuation:
            headers["Link"] = f'<{address_of(req, continuation=page.continuation)}>; rel="next"'
    try:
        content = await csv_file(rows, resources.tenant_id, MAX_CSV_ROWS)
    except TooManyRows as too_many:
        advice = f"{too_many}: narrow it by status, domain or search, or ask for pages by limit and continuation"
        raise invalid_parameter("format", advice) from None
    return func.HttpResponse(content, headers=headers, mimetype="text/csv", charset="utf-8")


async def _each(rows: Any) -> Any:
    for row in rows:
        yield row


def _accepted_form(req: func.HttpRequest) -> str:
    """CSV where it is asked for and JSON is not."""
    accepted = req.headers.get("accept", "").lower()
    return "csv" if "text/csv" in accepted and "application/json" not in accepted else "json"


def _subject_text(segment: str) -> str:
    if len(segment) > MAX_USER_REFERENCE_LENGTH:
        raise invalid_parameter("user", f"should be at most {MAX_USER_REFERENCE_LENGTH} characters")
    return unquote(segment)


def _type_of(subject: UserReference) -> str | None:
    return subject.meeting_type_id if isinstance(subject, PageAddress) else None


def _is_live(found: LookupResult) -> bool:
    return found.source is Source.LIVE
