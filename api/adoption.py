"""The route of adoption: how many users have set up their pages."""

import azure.durable_functions as df
import azure.functions as func

from api.access import AUTH_LEVEL, AppRole, check_access
from api.json_responses import json_response
from api.models.adoption import Adoption
from api.models.parameters import NoQuery
from api.problems import returns_problems
from atlas import wiring
from atlas.domain.adoption import Adoption as StoredAdoption

blueprint = df.Blueprint()


@blueprint.route("adoption", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_adoption(req: func.HttpRequest) -> func.HttpResponse:
    """The adoption that the last scan counted; empty until the first scan has read all users."""
    check_access(req, AppRole.READ)
    NoQuery.of(req)
    resources = await wiring.resources()
    return json_response(Adoption.of(await resources.scans.get_adoption() or StoredAdoption()))
