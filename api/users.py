"""The routes of users: one user's page and availability, and the complete tenant as JSON pages or as CSV."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import azure.durable_functions as df
import azure.functions as func

from api.access import AUTH_LEVEL, AppRole, caller_of, check_access
from api.http_headers import RESPONSE_HEADERS
from api.json_responses import json_response, next_link
from api.models.lists import DEFAULT_PAGE_SIZE
from api.models.users import (
    AvailabilityLookup,
    AvailabilityQuery,
    BookingsQuery,
    FilterQuery,
    Lookup,
    User,
    UserList,
    UserPath,
    UsersQuery,
)
from api.problems import Problem, invalid_parameter, retry_later, returns_problems
from atlas import wiring
from atlas.domain.cursors import InvalidCursor
from atlas.domain.events import availability_queried
from atlas.domain.page_urls import PageAddress
from atlas.domain.user_references import UserReference, parse_user_reference
from atlas.domain.user_rows import UserRow
from atlas.exports.csv_file import TooManyRows, csv_file
from atlas.pages.free_times import FreeTimes, NoFreeTimes, get_free_times
from atlas.pages.listing import get_users, iterate_users
from atlas.pages.lookup import LookupResult, Source, lookup
from atlas.pages.observation import NoSuchUser
from atlas.resources import Resources
from atlas.tables.paging import ListPage
from atlas.wiring import Opened

MAX_CSV_ROWS = 100_000
EXPORT_WAIT_SECONDS = 20
"""How long an export of the complete tenant waits for the previous one."""
NOT_REQUESTED = NoFreeTimes("notAsked", "the request says availability=false")

blueprint = df.Blueprint()
_exporting = asyncio.Lock()


@blueprint.route("users", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_all_users(req: func.HttpRequest) -> func.HttpResponse:
    """Rows that match the filters, in the order of the object ID, as JSON pages or as CSV."""
    check_access(req, AppRole.READ)
    resources = await wiring.resources()
    query = UsersQuery.of(req)
    if (query.form or _accepted_form(req)) == "csv":
        return await _csv_response(resources, req, query)
    page = await _page(resources, query)
    return json_response(
        UserList(
            value=[*map(User.of, page.rows)],
            continuation=page.continuation,
            next_link=next_link(req, page.continuation),
        )
    )


@blueprint.route("users.csv", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_all_users_as_csv(req: func.HttpRequest) -> func.HttpResponse:
    """The same rows as CSV, for callers who cannot set the ``Accept`` header."""
    check_access(req, AppRole.READ)
    resources = await wiring.resources()
    return await _csv_response(resources, req, FilterQuery.of(req))


@blueprint.route("users/{user}/bookings", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_user_bookings(req: func.HttpRequest) -> func.HttpResponse:
    """One user, by UPN, object ID or pasted page URL: from the row or live, with availability always live."""
    without_availability = req.params.get("availability", "").lower() == "false"
    check_access(req, AppRole.READ if without_availability else AppRole.AVAILABILITY)
    opened = await wiring.opened()
    query = BookingsQuery.of(req)
    try:
        found, times = await _lookup(opened, req, query, with_availability=query.availability)
    except NoSuchUser:
        if query.if_not_found is None:
            raise
        return json_response(Lookup.not_found())
    return json_response(Lookup.found(found, times, query.time_zone, opened.resources.bookings_url))


@blueprint.route("users/{user}/availability", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_user_availability(req: func.HttpRequest) -> func.HttpResponse:
    """When one user can be booked, live."""
    check_access(req, AppRole.AVAILABILITY)
    opened = await wiring.opened()
    query = AvailabilityQuery.of(req)
    try:
        found, times = await _lookup(opened, req, query, with_availability=True)
    except NoSuchUser:
        if query.if_not_found is None:
            raise
        return json_response(AvailabilityLookup.not_found())
    return json_response(AvailabilityLookup.found(found, times, query.time_zone))


async def _lookup(
    opened: Opened, req: func.HttpRequest, query: AvailabilityQuery, *, with_availability: bool
) -> tuple[LookupResult, FreeTimes | NoFreeTimes]:
    resources, caller = opened.resources, caller_of(req)
    subject = parse_user_reference(UserPath.of(req).text)
    query.window(resources.clock())
    admit = opened.live_limit.request_of(caller)
    if query.fresh or with_availability:
        admit()
    found = await lookup(resources, opened.live, subject, admit, fresh=query.fresh)
    if not with_availability:
        return found, NOT_REQUESTED
    times = await _free_times(opened, query, subject, found)
    user_id = found.row.user.user_id
    resources.emit(availability_queried(resources.tenant_id, caller, user_id, known=isinstance(times, FreeTimes)))
    return found, times


async def _free_times(
    opened: Opened, query: AvailabilityQuery, subject: UserReference, found: LookupResult
) -> FreeTimes | NoFreeTimes:
    """The free times in the requested time; callers who request the same share one query."""
    resources, row = opened.resources, found.row
    address = subject if isinstance(subject, PageAddress) else None
    meeting_type = query.meeting_type or (address.meeting_type_id if address else None)
    is_private_link = address is not None and address.is_private_link
    return await opened.live.share(
        ("availability", row.user.user_id, row.checked_at, query.requested_time, meeting_type, is_private_link),
        lambda: get_free_times(
            resources,
            row,
            query.window(resources.clock()),
            meeting_type,
            is_private_link=is_private_link,
            is_live=found.source is Source.LIVE,
        ),
    )


async def _page(resources: Resources, query: FilterQuery) -> ListPage[UserRow]:
    try:
        return await get_users(resources, query.filter, query.limit or DEFAULT_PAGE_SIZE, query.continuation)
    except InvalidCursor as error:
        raise Problem.of_field("invalidContinuation", "continuation", str(error)) from None


async def _csv_response(resources: Resources, req: func.HttpRequest, query: FilterQuery) -> func.HttpResponse:
    compressed = _accepts_gzip(req)
    headers = {**RESPONSE_HEADERS, "Content-Disposition": 'attachment; filename="personal-bookings.csv"'}
    if compressed:
        headers["Content-Encoding"] = "gzip"
    if query.limit is None and query.continuation is None:
        content = await _complete_csv(resources, query, compressed=compressed)
    else:
        page = await _page(resources, query)
        content = await csv_file(_each(page.rows), resources.tenant_id, MAX_CSV_ROWS, compressed=compressed)
        if link := next_link(req, page.continuation):
            headers["Link"] = f'<{link}>; rel="next"'
    return func.HttpResponse(content, headers=headers, mimetype="text/csv", charset="utf-8")


async def _complete_csv(resources: Resources, query: FilterQuery, *, compressed: bool) -> bytes:
    """All rows that match; one export at a time, because a large one takes much memory."""
    try:
        async with asyncio.timeout(EXPORT_WAIT_SECONDS):
            await _exporting.acquire()
    except TimeoutError:
        raise retry_later("tooManyRequests", "another export is running") from None
    try:
        rows = iterate_users(resources, query.filter)
        return await csv_file(rows, resources.tenant_id, MAX_CSV_ROWS, compressed=compressed)
    except TooManyRows as error:
        advice = f"{error}: filter by status, domain or search, or request parts with limit and continuation"
        raise invalid_parameter("limit", advice) from None
    finally:
        _exporting.release()


async def _each(rows: Iterable[UserRow]) -> AsyncIterator[UserRow]:
    for row in rows:
        yield row


def _accepts_gzip(req: func.HttpRequest) -> bool:
    codings = req.headers.get("accept-encoding", "").lower().split(",")
    return any(coding.replace(" ", "") in {"gzip", "gzip;q=1", "gzip;q=1.0"} for coding in codings)


def _accepted_form(req: func.HttpRequest) -> str:
    """CSV if the ``Accept`` header names it and does not name JSON."""
    accepted = req.headers.get("accept", "").lower()
    return "csv" if "text/csv" in accepted and "application/json" not in accepted else "json"
