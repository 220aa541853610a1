"""The routes of shared pages: the inventory, one page, which of them a user can open, and what changed."""

from collections.abc import Coroutine
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from api.access import AUTH_LEVEL, AppRole, check_access
from api.json_responses import json_response
from api.list_responses import CsvExport, accepted_form, changes_response, csv_response, list_response
from api.models.lists import DEFAULT_PAGE_SIZE
from api.models.lookups import UserPath
from api.models.parameters import NoQuery
from api.models.shared_pages import (
    SharedPage,
    SharedPageChange,
    SharedPageChangeList,
    SharedPageChangesQuery,
    SharedPageDetails,
    SharedPageFilterQuery,
    SharedPageList,
    SharedPagePath,
    SharedPagesQuery,
    UserSharedPage,
    UserSharedPageList,
)
from api.problems import Problem, returns_problems
from atlas import wiring
from atlas.domain.shared_pages.rows import SharedPageRow
from atlas.domain.user_references import parse_user_reference
from atlas.exports.csv_file import SHARED_PAGES
from atlas.resources import Resources
from atlas.shared_pages.listing import (
    get_pages_of_user,
    get_shared_page,
    get_shared_page_changes,
    get_shared_pages,
    iterate_shared_pages,
)
from atlas.shared_pages.people import identify
from atlas.tables.paging import ListPage

blueprint = df.Blueprint()


@blueprint.route("shared-pages", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_all_shared_pages(req: func.HttpRequest) -> func.HttpResponse:
    """Shared pages that match the filters, as JSON pages or as CSV."""
    check_access(req, AppRole.READ)
    resources = await wiring.resources()
    query = SharedPagesQuery.of(req)
    if (query.form or accepted_form(req)) == "csv":
        return await _csv_response(resources, req, query)
    return await list_response(req, _page(resources, query), SharedPage.of, SharedPageList)


@blueprint.route("shared-pages.csv", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_all_shared_pages_as_csv(req: func.HttpRequest) -> func.HttpResponse:
    """The same pages as CSV, for callers who cannot set the ``Accept`` header."""
    check_access(req, AppRole.READ)
    resources = await wiring.resources()
    return await _csv_response(resources, req, SharedPageFilterQuery.of(req))


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
    """The shared pages that a user can open, with the right, group or role that allows it."""
    check_access(req, AppRole.READ)
    resources = await wiring.resources()
    NoQuery.of(req)
    user = await identify(resources, parse_user_reference(UserPath.of(req).text))
    pages = await get_pages_of_user(resources, user)
    return json_response(UserSharedPageList(value=[*map(UserSharedPage.of, pages)], continuation=None, next_link=None))


@blueprint.route("shared-page-changes", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_all_shared_page_changes(req: func.HttpRequest) -> func.HttpResponse:
    """Changes after a cursor, oldest first. Without a cursor: the newest change, and the cursor to continue from."""
    check_access(req, AppRole.READ)
    resources = await wiring.resources()
    query = SharedPageChangesQuery.of(req)
    reading = get_shared_page_changes(resources, query.since, query.limit)
    return await changes_response(req, reading, query.includes, SharedPageChange.of, SharedPageChangeList)


def _page(resources: Resources, query: SharedPageFilterQuery) -> Coroutine[Any, Any, ListPage[SharedPageRow]]:
    return get_shared_pages(resources, query.filter, query.limit or DEFAULT_PAGE_SIZE, query.continuation)


async def _csv_response(resources: Resources, req: func.HttpRequest, query: SharedPageFilterQuery) -> func.HttpResponse:
    export = CsvExport(
        resources.tenant_id,
        SHARED_PAGES,
        "shared-pages.csv",
        "published, finding or search",
        lambda: _page(resources, query),
        lambda: iterate_shared_pages(resources, query.filter),
    )
    return await csv_response(req, export, is_complete=query.limit is None and query.continuation is None)
