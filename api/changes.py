"""The route of changes, which a polling trigger reads every few minutes."""

import azure.durable_functions as df
import azure.functions as func

from api.access import AUTH_LEVEL, AppRole, check_access
from api.list_responses import changes_response
from api.models.changes import Change, ChangeList, ChangesQuery
from api.problems import returns_problems
from atlas import wiring
from atlas.pages.listing import get_changes

blueprint = df.Blueprint()


@blueprint.route("changes", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_all_changes(req: func.HttpRequest) -> func.HttpResponse:
    """Changes after a cursor, oldest first. Without a cursor: the newest change, and the cursor to continue from."""
    check_access(req, AppRole.READ)
    resources = await wiring.resources()
    query = ChangesQuery.of(req)
    reading = get_changes(resources, query.since, query.limit)
    return await changes_response(req, reading, query.includes, Change.of, ChangeList)
