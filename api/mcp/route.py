"""The route of agents: the Model Context Protocol, which serves the tools to callers with their roles."""

from http import HTTPStatus
from urllib.parse import urlsplit

import azure.durable_functions as df
import azure.functions as func

from api.access import AUTH_LEVEL, AppRole, caller_of, check_access
from api.http_headers import RESPONSE_HEADERS
from api.json_responses import came_through_gateway
from api.mcp.protocol import Code, Json, ProtocolError, Response, Server, rejection
from api.mcp.tools import DATA, TOOLS, failure_result, success_result
from api.models.parameters import NoQuery
from api.openapi.document import TITLE, VERSION
from api.problems import Problem, returns_problems
from atlas import wiring

MAX_BODY_BYTES = 64 * 1024
INSTRUCTIONS = (
    "Finds the booking pages of people in this organisation, why a person has none, and when a person can be booked. "
    f"Everything is read-only. {DATA}"
)
TOOL_BY_NAME = {tool.name: tool for tool in TOOLS}
DEFINITIONS = [tool.definition for tool in TOOLS]

blueprint = df.Blueprint()


@blueprint.route("mcp", methods=["POST"], auth_level=AUTH_LEVEL)
@returns_problems
async def post_mcp(req: func.HttpRequest) -> func.HttpResponse:
    """One message of the Model Context Protocol, or a batch of them."""
    check_access(req, AppRole.READ, AppRole.AVAILABILITY)
    await wiring.opened()  # reports invalid settings, as every other route does
    NoQuery.of(req)
    body = req.get_body()
    response = refusal_of(req, len(body)) or await _server(req).respond(body, req.headers)
    return func.HttpResponse(
        response.body or None,
        status_code=response.status,
        headers=RESPONSE_HEADERS,
        mimetype="application/json",
    )


def refusal_of(req: func.HttpRequest, size: int) -> Response | None:
    """Return the error response to a request that cannot be an MCP request, otherwise ``None``. Raises ``Problem``."""
    origin = req.headers.get("origin")
    if origin is not None and not came_through_gateway(req) and _host_of(origin) != _host_of(req.url):
        # A script of another site must not reach an app on this machine.
        raise Problem("forbidden", "the Origin header names another site")
    if _media_types(req.headers.get("content-type", "")) != {"application/json"}:
        return rejection("Content-Type must be application/json", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    if not _media_types(req.headers.get("accept", "*/*")) & {"application/json", "application/*", "*/*"}:
        return rejection("Accept must include application/json", HTTPStatus.NOT_ACCEPTABLE)
    if size > MAX_BODY_BYTES:
        return rejection(f"the body is larger than {MAX_BODY_BYTES:,} bytes", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return None


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return None


def _media_types(header: str) -> set[str]:
    return {part.partition(";")[0].strip().lower() for part in header.split(",")}


def _server(req: func.HttpRequest) -> Server:
    async def call_tool(name: str, arguments: Json) -> Json:
        tool = TOOL_BY_NAME.get(name)
        if tool is None:
            raise ProtocolError(Code.INVALID_PARAMS, f"there is no tool {name[:100]}; tools/list returns all tools")
        try:
            check_access(req, tool.role)
            return success_result(await tool.call(await wiring.opened(), caller_of(req), arguments))
        except Exception as error:  # noqa: BLE001 - agents get every failure as a result; `failed` logs bugs
            return failure_result(error, name)

    return Server("bookings-atlas", TITLE, VERSION, INSTRUCTIONS, DEFINITIONS, call_tool)
