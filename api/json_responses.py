"""Answers that routes share: JSON that is not kept, and lists with a link to what follows."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import azure.functions as func

from api.queries import PLATFORM_PARAMETERS

GATEWAYS = (".azure-apihub.net", ".azure-apim.net")


def json_response(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    """A JSON answer that no cache keeps: it may name people."""
    return func.HttpResponse(
        json.dumps(document, ensure_ascii=False),
        status_code=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        mimetype="application/json",
    )


def list_response(
    req: func.HttpRequest, value: Sequence[Any], continuation: str | None, carried_by: str = "continuation"
) -> dict[str, Any]:
    """A list of section 5.1; ``nextLink`` is this request with the continuation in the parameter that carries it."""
    next_link = address_of(req, **{carried_by: continuation}) if continuation else None
    return {"value": list(value), "continuation": continuation, "nextLink": next_link}


def base_of(req: func.HttpRequest) -> str:
    """Where the caller reaches the app: by its own host, or by the gateway of a connector, which says so in a header.

    Only there can a flow that follows an address sign in. The header is believed only for Microsoft's gateways.
    """
    prefix = req.headers.get("x-ms-apim-referrer-prefix", "")
    gateway = urlsplit(prefix)
    if gateway.scheme == "https" and (gateway.hostname or "").endswith(GATEWAYS):
        return prefix.rstrip("/")
    parts = urlsplit(req.url)
    return f"{parts.scheme}://{parts.netloc}"


def address_of(req: func.HttpRequest, **changed: str) -> str:
    """The absolute address of this request with these parameters in its query; a function key is left out of it."""
    stored = {name: value for name, value in req.params.items() if name.lower() not in PLATFORM_PARAMETERS}
    return urlunsplit(urlsplit(req.url)._replace(query=urlencode(stored | changed), fragment=""))
