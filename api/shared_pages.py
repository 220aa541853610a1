"""The routes of shared pages: the inventory, one page, which of them a user can open, and what changed."""

import azure.durable_functions as df
import azure.functions as func

from api.access import AUTH_LEVEL, AppRole, check_access
from api.json_responses import json_response, next_link
from api.models.lists import DEFAULT_PAGE_SIZE
from api.models.parameters import NoQuery
from api.models.shared_pages import (
    SharedPage,
    SharedPageChange,
    SharedPageChangeList,
    SharedPageChangesQuery,
    SharedPageDetails,
    SharedPageList,
    SharedPagePath,
    SharedPagesQuery,
    UserSharedPage,
    UserSharedPageList,
)
from api.models.users import UserPath
from api.problems import Problem, returns_problems
from atlas import wiring
from atlas.domain.cursors import InvalidCursor
from atlas.domain.user_references import parse_user_reference
from atlas.shared_pages.listing import (
    get_pages_of_user,
    get_shared_page,
    get_shared_page_changes,
    get_shared_pages,
)
from atlas.shared_pages.people import identify

blueprint = df.Blueprint()


@blueprint.route("shared-pages", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_all_shared_pages(req: func.HttpRequest) -> func.HttpResponse:
    """Shared pages that match the filters."""
    check_access(req, AppRole.READ)
    resources = await wiring.resources()
    query = SharedPagesQuery.of(req)
    try:
        page = await get_shared_pages(resources, query.filter, query.limit or DEFAULT_PAGE_SIZE, query.continuation)
    except InvalidCursor as error:
        raise Problem.of_field("invalidContinuation", "continuation", str(error)) from None
    return json_response(
        SharedPageList(
            value=[*map(SharedPage.of, page.rows)],
            continuation=page.continuation,
            next_link=next_link(req, page.continuation),
        )
    )


@blueprint.route("shared-pages/{id}", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_one_shared_page(req: func.HttpRequest) -> func.HttpResponse:
    """One shared page, by any of its addresses or the object ID of its account."""
    check_access(req, AppRole.READ)
    resources = await wiring.resources()
    NoQuery.of(req)
    row = await get_shared_page(resources, SharedPagePath.of(req).text)
    if row is None:
        raise Problem("sharedPageNotFound", "no shared page with this address or account was found by a scan")
    return json_response(SharedPageDetails.of(row))


@blueprint.route("users/{user}/shared-pages", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_user_shared_pages(req: func.HttpRequest) -> func.HttpResponse:
    """Which shared pages a user can open, by which right or group, and in which role."""
    check_access(req, AppRole.READ)
    resources = await wiring.resources()
    NoQuery.of(req)
    user = await identify(resources, parse_user_reference(UserPath.of(req).text))
    pages = await get_pages_of_user(resources, user)
    return json_response(UserSharedPageList(value=[*map(UserSharedPage.of, pages)], continuation=None, next_link=None))


@blueprint.route("shared-page-changes", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_all_shared_page_changes(req: func.HttpRequest) -> func.HttpResponse:
    """What changed after a cursor, oldest first; without one, the newest change and the cursor to continue from."""
    check_access(req, AppRole.READ)
    resources = await wiring.resources()
    query = SharedPageChangesQuery.of(req)
    try:
        page = await get_shared_page_changes(resources, query.since, query.limit)
    except InvalidCursor as error:
        raise Problem.of_field("invalidCursor", "since", str(error)) from None
    continuation = page.cursor if page.has_more else None
    return json_response(
        SharedPageChangeList(
            value=[*map(SharedPageChange.of, page.changes)],
            continuation=continuation,
            next_link=next_link(req, continuation, "since"),
            cursor=page.cursor,
        )
    )
