"""The route that serves the API's description, which lists all other routes."""

import json
import os
from urllib.parse import urlsplit

import azure.durable_functions as df
import azure.functions as func

from api.access import AUTH_LEVEL, AppRole, check_access
from api.http_headers import RESPONSE_HEADERS
from api.models.parameters import NoQuery
from api.openapi.document import swagger_document
from api.problems import returns_problems
from atlas import wiring
from atlas.settings import api_access_of

blueprint = df.Blueprint()


@blueprint.route("swagger.json", methods=["GET"], auth_level=AUTH_LEVEL)
@returns_problems
async def get_swagger(req: func.HttpRequest) -> func.HttpResponse:
    """The OpenAPI 2.0 document, with the host name that the caller used."""
    check_access(req, AppRole.READ)
    NoQuery.of(req)
    await wiring.resources()  # reports invalid settings, as every other route does
    address = urlsplit(req.url)
    document = swagger_document(address.netloc, address.scheme, api_access_of(os.environ))
    return func.HttpResponse(json.dumps(document), headers=RESPONSE_HEADERS, mimetype="application/json")
