"""The routes of users: what is known about one person's page."""

from urllib.parse import unquote

import azure.durable_functions as df
import azure.functions as func

from api.access import AUTH_LEVEL
from api.answers import boolean_parameter, json_answer
from api.problems import answers_problems
from atlas import wiring
from atlas.report.shapes import look_up_shape
from atlas.scan.looking_up import look_up, parse_subject

blueprint = df.Blueprint()


@blueprint.route("users/{user}/bookings", methods=["GET"], auth_level=AUTH_LEVEL)
@answers_problems
async def get_user_bookings(req: func.HttpRequest) -> func.HttpResponse:
    """One user, by UPN, object id or pasted page URL; from the row, or with ``fresh=true`` from Microsoft 365."""
    fresh = boolean_parameter(req, "fresh", default=False)
    subject = parse_subject(unquote(req.route_params["user"]))
    return json_answer(look_up_shape(await look_up(await wiring.tools(), subject, fresh=fresh)))
