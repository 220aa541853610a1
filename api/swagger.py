"""The route of the description, from which callers and the connector learn every other route."""

import os
from urllib.parse import urlsplit

import azure.durable_functions as df
import azure.functions as func

from api.access import AUTH_LEVEL, AppRole, allow
from api.json_responses import json_response
from api.openapi.document import swagger_document
from api.problems import returns_problems
from api.queries import NoQuery
from atlas import wiring
from atlas.settings import api_access_of

blueprint = df.Blueprint()


@blueprint.route("swagger.json", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_swagger(req: func.HttpRequest) -> func.HttpResponse:
    """The OpenAPI 2.0 document, for callers who reach the app as this one did."""
    allow(req, AppRole.READ)
    NoQuery.of(req)
    await wiring.resources()
    address = urlsplit(req.url)
    return json_response(swagger_document(address.netloc, address.scheme, api_access_of(os.environ)))
