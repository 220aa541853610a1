"""The routes of users: one user's page with its availability, and the complete tenant as JSON pages or as CSV."""

from collections.abc import AsyncIterator, Iterable

import azure.durable_functions as df
import azure.functions as func

from api.access import AUTH_LEVEL, AppRole, check_access
from api.csv_export import TooManyRows, csv_file
from api.json_responses import json_response, next_link
from api.models.lists import DEFAULT_PAGE_SIZE
from api.models.users import BookingsQuery, Lookup, User, UserList, UserPath, UsersQuery
from api.problems import Problem, invalid_parameter, returns_problems
from atlas import wiring
from atlas.domain.cursors import InvalidCursor
from atlas.domain.page_urls import PageAddress
from atlas.domain.time_windows import TimeWindow
from atlas.domain.user_references import UserReference, parse_user_reference
from atlas.domain.user_rows import UserRow
from atlas.pages.free_times import FreeTimes, NoFreeTimes, get_free_times
from atlas.pages.listing import get_users, iterate_users
from atlas.pages.lookup import LookupResult, Source, lookup
from atlas.resources import Resources
from atlas.tables.paging import ListPage

MAX_CSV_ROWS = 100_000
NOT_REQUESTED = NoFreeTimes("notAsked", "the request says availability=false")

blueprint = df.Blueprint()


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


@blueprint.route("users/{user}/bookings", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_user_bookings(req: func.HttpRequest) -> func.HttpResponse:
    """One user, by UPN, object ID or pasted page URL: from the row or live, with availability always live."""
    without_availability = req.params.get("availability", "").lower() == "false"
    check_access(req, AppRole.READ if without_availability else AppRole.AVAILABILITY)
    resources = await wiring.resources()
    query = BookingsQuery.of(req)
    subject = parse_user_reference(UserPath.of(req).text)
    window = query.window(resources.clock())
    found = await lookup(resources, subject, fresh=query.fresh)
    times = await _free_times(resources, query, subject, window, found) if query.availability else NOT_REQUESTED
    return json_response(Lookup.found(found, times, query.time_zone, resources.bookings_url))


async def _free_times(
    resources: Resources, query: BookingsQuery, subject: UserReference, window: TimeWindow, found: LookupResult
) -> FreeTimes | NoFreeTimes:
    address = subject if isinstance(subject, PageAddress) else None
    return await get_free_times(
        resources,
        found.row,
        window,
        query.meeting_type or (address.meeting_type_id if address else None),
        is_private_link=address is not None and address.is_private_link,
        is_live=found.source is Source.LIVE,
    )


async def _page(resources: Resources, query: UsersQuery) -> ListPage[UserRow]:
    try:
        return await get_users(resources, query.filter, query.limit or DEFAULT_PAGE_SIZE, query.continuation)
    except InvalidCursor as error:
        raise Problem.of_field("invalidContinuation", "continuation", str(error)) from None


async def _csv_response(resources: Resources, req: func.HttpRequest, query: UsersQuery) -> func.HttpResponse:
    headers = {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="personal-bookings.csv"'}
    if query.limit is None and query.continuation is None:
        rows = iterate_users(resources, query.filter)
    else:
        page = await _page(resources, query)
        rows = _each(page.rows)
        if link := next_link(req, page.continuation):
            headers["Link"] = f'<{link}>; rel="next"'
    try:
        content = await csv_file(rows, resources.tenant_id, MAX_CSV_ROWS)
    except TooManyRows as error:
        advice = f"{error}: filter by status, domain or search, or request pages with limit and continuation"
        raise invalid_parameter("format", advice) from None
    return func.HttpResponse(content, headers=headers, mimetype="text/csv", charset="utf-8")


async def _each(rows: Iterable[UserRow]) -> AsyncIterator[UserRow]:
    for row in rows:
        yield row


def _accepted_form(req: func.HttpRequest) -> str:
    """CSV if the header ``Accept`` names it and does not name JSON."""
    accepted = req.headers.get("accept", "").lower()
    return "csv" if "text/csv" in accepted and "application/json" not in accepted else "json"
