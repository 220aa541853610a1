"""The route of changes: what a polling trigger asks every few minutes."""

import azure.durable_functions as df
import azure.functions as func
from pydantic import Field

from api.access import AUTH_LEVEL, AppRole, allow
from api.json_responses import json_response, list_response
from api.problems import Problem, returns_problems
from api.queries import Number, Query
from api.shapes import change_shape
from atlas import wiring
from atlas.domain.cursors import InvalidCursor
from atlas.pages.listing import get_changes

MAX_PAGE_SIZE = 1000

blueprint = df.Blueprint()


class ChangesQuery(Query):
    """Where to go on from."""

    since: str | None = Field(None, description="the cursor of an earlier answer")
    limit: Number = Field(100, ge=1, le=MAX_PAGE_SIZE, description=f"a whole number from 1 to {MAX_PAGE_SIZE}")


@blueprint.route("changes", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_all_changes(req: func.HttpRequest) -> func.HttpResponse:
    """What changed behind a cursor, oldest first; without one the newest change, and the cursor to go on from."""
    allow(req, AppRole.READ)
    resources = await wiring.resources()
    query = ChangesQuery.of(req)
    try:
        page = await get_changes(resources, query.since, query.limit)
    except InvalidCursor as wrong:
        raise Problem.of_field("invalidCursor", "since", str(wrong)) from None
    value = [change_shape(told) for told in page.changes]
    continuation = page.cursor if page.has_more else None
    return json_response({**list_response(req, value, continuation, carried_by="since"), "cursor": page.cursor})
