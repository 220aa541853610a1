"""Responses that routes share: JSON that no cache stores, and the absolute URLs in it."""

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit, urlunsplit

import azure.functions as func

from api.models.parameters import PLATFORM_PARAMETERS
from api.models.responses import Response

GATEWAYS = (".azure-apihub.net", ".azure-apim.net")


def json_response(document: Response, status: int = 200, headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    """A JSON response that no cache stores: it may name people."""
    return func.HttpResponse(
        document.model_dump_json(by_alias=True),
        status_code=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        mimetype="application/json",
    )


def base_url(req: func.HttpRequest) -> str:
    """Where the caller reaches the app: at its own host, or at a connector's gateway, which names itself in a header.

    Only through the gateway is a flow signed in. The header is trusted only if it names one of Microsoft's gateways.
    """
    prefix = req.headers.get("x-ms-apim-referrer-prefix", "")
    gateway = urlsplit(prefix)
    if gateway.scheme == "https" and (gateway.hostname or "").endswith(GATEWAYS):
        return prefix.rstrip("/")
    parts = urlsplit(req.url)
    return f"{parts.scheme}://{parts.netloc}"


def url_with(req: func.HttpRequest, **changed: str) -> str:
    """The absolute URL of this request with these query parameters, without a function key."""
    given = {name: value for name, value in req.params.items() if name.lower() not in PLATFORM_PARAMETERS}
    return urlunsplit(urlsplit(req.url)._replace(query=urlencode(given | changed), fragment=""))


def next_link(req: func.HttpRequest, continuation: str | None, parameter: str = "continuation") -> str | None:
    """The URL of the next page of a list, which this parameter continues; ``None`` at the end."""
    return url_with(req, **{parameter: continuation}) if continuation else None
