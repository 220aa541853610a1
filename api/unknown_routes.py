"""The catch-all route: a request that matches no other route also gets a problem document."""

import re
from urllib.parse import urlsplit

import azure.durable_functions as df
import azure.functions as func

from api.access import AUTH_LEVEL, AppRole, check_access
from api.openapi.operations import OPERATIONS
from api.problems import Problem, returns_problems

ALL_METHODS = [func.HttpMethod(method) for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")]

blueprint = df.Blueprint()


@blueprint.route("{*path}", methods=ALL_METHODS, auth_level=AUTH_LEVEL)
@returns_problems
async def unknown_route(req: func.HttpRequest) -> func.HttpResponse:
    """Respond with 405 and the allowed methods if the path exists, otherwise with 404."""
    check_access(req, AppRole.READ)
    methods = methods_of(urlsplit(req.url).path)
    if not methods:
        raise Problem("routeNotFound", "there is no such route; /api/swagger.json lists all routes")
    allowed = ", ".join(methods)
    raise Problem("methodNotAllowed", f"this route supports {allowed}", headers={"Allow": allowed})


def methods_of(path: str) -> list[str]:
    """The HTTP methods that a path supports; empty if no route has this path."""
    return sorted(
        {operation.method.upper() for operation in OPERATIONS if _pattern(operation.path).fullmatch(path.rstrip("/"))}
    )


def _pattern(template: str) -> re.Pattern[str]:
    parts = (r"[^/]+" if part.startswith("{") else re.escape(part) for part in template.strip("/").split("/"))
    return re.compile("/api/" + "/".join(parts), re.IGNORECASE)
