"""The route of the organisation's policy."""

import azure.durable_functions as df
import azure.functions as func

from api.access import AUTH_LEVEL, AppRole, check_access
from api.json_responses import json_response
from api.models.parameters import NoQuery
from api.models.policy import Policy
from api.problems import returns_problems
from atlas import wiring
from atlas.pages.organization_policy import get_organization_policy

blueprint = df.Blueprint()


@blueprint.route("policy", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_policy(req: func.HttpRequest) -> func.HttpResponse:
    """What the organisation's settings mean for personal bookings; what Exchange does not return is unknown."""
    check_access(req, AppRole.READ)
    opened = await wiring.opened()
    NoQuery.of(req)
    policy = await opened.live.share("policy", lambda: get_organization_policy(opened.resources))
    return json_response(Policy.of(policy))
