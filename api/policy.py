"""The route of the organisation's policy."""

import azure.durable_functions as df
import azure.functions as func

from api.access import AUTH_LEVEL, AppRole, allow
from api.json_responses import json_response
from api.problems import returns_problems
from api.queries import NoQuery
from api.shapes import policy_shape
from atlas import wiring
from atlas.pages.organization_policy import get_organization_policy

blueprint = df.Blueprint()


@blueprint.route("policy", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_policy(req: func.HttpRequest) -> func.HttpResponse:
    """What the organisation's settings say of personal bookings, asked now; what Exchange does not tell is unknown."""
    allow(req, AppRole.READ)
    resources = await wiring.resources()
    NoQuery.of(req)
    return json_response(policy_shape(await get_organization_policy(resources)))
