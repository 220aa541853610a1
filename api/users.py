"""The routes of users: one user's page and availability, and the complete tenant as JSON pages or as CSV."""

from collections.abc import Coroutine
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from api.access import AUTH_LEVEL, AppRole, caller_of, check_access
from api.json_responses import json_response, next_link
from api.list_responses import CsvExport, accepted_form, csv_response, page_of
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
from api.problems import invalid_parameter, returns_problems
from atlas import wiring
from atlas.domain.events import availability_queried
from atlas.domain.page_urls import PageAddress
from atlas.domain.user_filters import UserOrder
from atlas.domain.user_references import UserReference, parse_user_reference
from atlas.domain.user_rows import UserRow
from atlas.exports.csv_file import USERS
from atlas.pages.free_times import FreeTimes, NoFreeTimes, get_free_times
from atlas.pages.listing import get_users, iterate_users
from atlas.pages.lookup import LookupResult, Source, lookup
from atlas.pages.observation import NoSuchUser
from atlas.resources import Resources
from atlas.tables.paging import ListPage
from atlas.wiring import Opened

NOT_REQUESTED = NoFreeTimes("notAsked", "the request says availability=false")

blueprint = df.Blueprint()


@blueprint.route("users", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_all_users(req: func.HttpRequest) -> func.HttpResponse:
    """Rows that match the filters, as JSON pages in the requested order, or as CSV."""
    check_access(req, AppRole.READ)
    resources = await wiring.resources()
    query = UsersQuery.of(req)
    if (query.form or accepted_form(req)) == "csv":
        if query.order is not UserOrder.USER_ID:
            raise invalid_parameter("order", "is not available as CSV, which is sorted by the user ID")
        return await _csv_response(resources, req, query)
    page = await page_of(_page(resources, query, query.order))
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


def _page(
    resources: Resources, query: FilterQuery, order: UserOrder = UserOrder.USER_ID
) -> Coroutine[Any, Any, ListPage[UserRow]]:
    return get_users(resources, query.filter, order, query.limit or DEFAULT_PAGE_SIZE, query.continuation)


async def _csv_response(resources: Resources, req: func.HttpRequest, query: FilterQuery) -> func.HttpResponse:
    export = CsvExport(
        resources.tenant_id,
        USERS,
        "personal-bookings.csv",
        "status, domain or search",
        lambda: _page(resources, query),
        lambda: iterate_users(resources, query.filter),
    )
    return await csv_response(req, export, is_complete=query.limit is None and query.continuation is None)
