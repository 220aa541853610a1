"""Responses that routes share: JSON that no cache stores, and the absolute URLs in it."""

import re
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit, urlunsplit

import azure.functions as func

from api.http_headers import RESPONSE_HEADERS
from api.models.parameters import query_of
from api.models.responses import Response

GATEWAY_HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+(azure-apihub|azure-apim)\.net")
"""The hosts of Microsoft's connector gateways."""
GATEWAY_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")


def json_response(document: Response, status: int = 200, headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    """A JSON response that no cache stores: it may name people."""
    return func.HttpResponse(
        document.model_dump_json(by_alias=True),
        status_code=status,
        headers={**RESPONSE_HEADERS, **(headers or {})},
        mimetype="application/json",
    )


def base_url(req: func.HttpRequest) -> str:
    """Where the caller reaches the app: at its own host, or at a connector's gateway, which names itself in a header.

    Only through the gateway is a flow signed in. The header is not trusted: the URL is built from its host, which must
    be one of Microsoft's, and from its path.
    """
    return _gateway_url(req.headers.get("x-ms-apim-referrer-prefix", "")) or _origin(req.url)


def came_through_gateway(req: func.HttpRequest) -> bool:
    """Whether the request names one of Microsoft's gateways, which a script of another site cannot do."""
    return _gateway_url(req.headers.get("x-ms-apim-referrer-prefix", "")) is not None


def _gateway_url(prefix: str) -> str | None:
    try:
        parts = urlsplit(prefix)
    except ValueError:
        return None
    host = parts.netloc.lower()
    if parts.scheme != "https" or not GATEWAY_HOST.fullmatch(host) or not GATEWAY_PATH.fullmatch(parts.path):
        return None
    return f"https://{host}{parts.path.rstrip('/')}"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def url_with(req: func.HttpRequest, **changed: str) -> str:
    """The absolute URL of this request with these query parameters, without a function key."""
    return urlunsplit(urlsplit(req.url)._replace(query=urlencode(query_of(req) | changed), fragment=""))


def next_link(req: func.HttpRequest, continuation: str | None, parameter: str = "continuation") -> str | None:
    """The URL of the next page of a list, which this parameter continues; ``None`` at the end."""
    return url_with(req, **{parameter: continuation}) if continuation else None
