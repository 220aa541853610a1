"""The routes of users: one user's page and availability, and the complete tenant as JSON pages or as CSV."""

from collections.abc import Coroutine
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from api.access import AUTH_LEVEL, AppRole, caller_of, check_access
from api.json_responses import json_response
from api.list_responses import CsvExport, accepted_form, csv_response, list_response
from api.models.lists import DEFAULT_PAGE_SIZE
from api.models.lookups import AvailabilityLookup, AvailabilityQuery, BookingsQuery, Lookup, UserPath
from api.models.users import FilterQuery, User, UserList, UsersQuery
from api.problems import invalid_parameter, returns_problems
from api.user_lookup import look_up_user
from atlas import wiring
from atlas.domain.user_filters import UserOrder
from atlas.domain.user_rows import UserRow
from atlas.exports.csv_file import USERS
from atlas.pages.listing import get_users, iterate_users
from atlas.pages.observation import NoSuchUser
from atlas.resources import Resources
from atlas.tables.paging import ListPage

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
    return await list_response(req, _page(resources, query, query.order), User.of, UserList)


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
        found, times = await look_up_user(
            opened, caller_of(req), UserPath.of(req).text, query, with_availability=query.availability
        )
    except NoSuchUser:
        if query.if_not_found is None:
            raise
        return json_response(Lookup.not_found())
    return json_response(Lookup.found(found, times, query.time_zone, opened.resources.bookings_url))


@blueprint.route("users/{user}/availability", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_user_availability(req: func.HttpRequest) -> func.HttpResponse:
    """The availability of one user, always queried live."""
    check_access(req, AppRole.AVAILABILITY)
    opened = await wiring.opened()
    query = AvailabilityQuery.of(req)
    try:
        found, times = await look_up_user(opened, caller_of(req), UserPath.of(req).text, query, with_availability=True)
    except NoSuchUser:
        if query.if_not_found is None:
            raise
        return json_response(AvailabilityLookup.not_found())
    return json_response(AvailabilityLookup.found(found, times, query.time_zone))


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
