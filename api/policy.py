"""The route of the organisation's policy."""

import azure.durable_functions as df
import azure.functions as func

from api.access import AUTH_LEVEL, AppRole, allow
from api.answers import json_answer
from api.problems import answers_problems
from api.queries import NoQuery
from atlas import wiring
from atlas.report.shapes import policy_shape
from atlas.scan.reading_policy import read_policy

blueprint = df.Blueprint()


@blueprint.route("policy", methods=["GET"], auth_level=AUTH_LEVEL)
@answers_problems
async def get_policy(req: func.HttpRequest) -> func.HttpResponse:
    """What the organisation's settings say of personal bookings, asked now; what Exchange does not tell is unknown."""
    allow(req, AppRole.READ)
    tools = await wiring.tools()
    NoQuery.of(req)
    return json_answer(policy_shape(await read_policy(tools)))
