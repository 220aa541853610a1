"""The route of changes, which a polling trigger reads every few minutes."""

import azure.durable_functions as df
import azure.functions as func

from api.access import AUTH_LEVEL, AppRole, check_access
from api.json_responses import json_response, next_link
from api.list_responses import changes_after
from api.models.changes import Change, ChangeList, ChangesQuery
from api.problems import returns_problems
from atlas import wiring
from atlas.pages.listing import get_changes

blueprint = df.Blueprint()


@blueprint.route("changes", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_all_changes(req: func.HttpRequest) -> func.HttpResponse:
    """What changed after a cursor, oldest first; without one, the newest change and the cursor to continue from."""
    check_access(req, AppRole.READ)
    resources = await wiring.resources()
    query = ChangesQuery.of(req)
    page = await changes_after(get_changes(resources, query.since, query.limit))
    continuation = page.cursor if page.has_more else None
    return json_response(
        ChangeList(
            value=[Change.of(served) for served in page.changes if query.includes(served.change.kind)],
            continuation=continuation,
            next_link=next_link(req, continuation, "since"),
            cursor=page.cursor,
        )
    )
