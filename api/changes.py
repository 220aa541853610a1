"""The route of changes: what a polling trigger asks every few minutes."""

import azure.durable_functions as df
import azure.functions as func
from pydantic import Field

from api.access import AUTH_LEVEL, AppRole, allow
from api.answers import json_answer, list_answer
from api.problems import Problem, answers_problems
from api.queries import Number, Query
from atlas import wiring
from atlas.domain.cursors import WrongCursor
from atlas.report.shapes import change_shape
from atlas.scan.listing import get_changes

LARGEST_PAGE = 1000

blueprint = df.Blueprint()


class ChangesQuery(Query):
    """Where to go on from."""

    since: str | None = Field(None, description="the cursor of an earlier answer")
    limit: Number = Field(100, ge=1, le=LARGEST_PAGE, description=f"a whole number from 1 to {LARGEST_PAGE}")


@blueprint.route("changes", methods=["GET"], auth_level=AUTH_LEVEL)
@answers_problems
async def get_all_changes(req: func.HttpRequest) -> func.HttpResponse:
    """What changed behind a cursor, oldest first; without one the newest change, and the cursor to go on from."""
    allow(req, AppRole.READ)
    tools = await wiring.tools()
    query = ChangesQuery.of(req)
    try:
        page = await get_changes(tools, query.since, query.limit)
    except WrongCursor as wrong:
        raise Problem.of_field("invalidCursor", "since", str(wrong)) from None
    value = [change_shape(told) for told in page.changes]
    continuation = page.cursor if page.has_more else None
    return json_answer({**list_answer(req, value, continuation, carried_by="since"), "cursor": page.cursor})
