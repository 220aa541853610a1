"""Who may call the routes in Azure, by ``API_ACCESS``: callers with a function key, or with the route's app role.

The setting is read when the app is imported, because the bindings depend on it.
"""

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import azure.functions as func

from api.problems import Problem
from atlas.settings import api_access_of

BY_TOKEN = api_access_of(os.environ) == "entra"
AUTH_LEVEL = func.AuthLevel.ANONYMOUS if BY_TOKEN else func.AuthLevel.FUNCTION
"""With ``entra``, Easy Auth checks the token before the Functions host, and ``check_access`` checks its roles."""
AZURE_NAMES = ("WEBSITE_SITE_NAME", "WEBSITE_INSTANCE_ID")
"""Set by the platform on every plan."""
PRINCIPAL_HEADER = "x-ms-client-principal"
PRINCIPAL_ID_HEADER = "x-ms-client-principal-id"
EASY_AUTH_IS_ON = "WEBSITE_AUTH_ENABLED"
"""Set only by the platform; without Easy Auth, any caller could send the header."""
ROLE_CLAIMS = frozenset({"roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"})


class AppRole(StrEnum):
    """The app roles of the registration (docs/api.md)."""

    READ = "Bookings.Read"
    AVAILABILITY = "Bookings.Availability"
    RUN_SCANS = "Scans.Run"


def is_in_azure(environment: Mapping[str, str]) -> bool:
    """Whether anyone on the internet may send requests to open routes."""
    return any(environment.get(name) for name in AZURE_NAMES)


def check_access(req: func.HttpRequest, *roles: AppRole) -> None:
    """Raises ``Problem``: 401 if the caller is not authenticated, 403 if the caller has none of these roles.

    With ``API_ACCESS=key``, the Functions host has already checked the key.
    """
    if BY_TOKEN:
        check_role(req.headers, os.environ, *roles)


def caller_of(req: func.HttpRequest) -> str:
    """Who sends a request, for limits and events: the principal of Easy Auth, or else the function key.

    Both are checked before the request reaches the app; locally, all callers are one.
    """
    if BY_TOKEN:
        return req.headers.get(PRINCIPAL_ID_HEADER, "")
    key = req.headers.get("x-functions-key") or req.params.get("code") or ""
    return hashlib.sha256(key.encode()).hexdigest()


def check_role(headers: Mapping[str, str], environment: Mapping[str, str], *accepted: AppRole) -> None:
    """The same, for these headers on this platform."""
    if environment.get(EASY_AUTH_IS_ON, "").lower() != "true":
        raise Problem("unauthenticated", "API_ACCESS is entra, but Easy Auth is not enabled for this app")
    text = headers.get(PRINCIPAL_HEADER)
    roles = _roles(text) if text else None
    if roles is None:
        raise Problem("unauthenticated", "the request has no token that Easy Auth accepted")
    if roles.isdisjoint(accepted):
        raise Problem("forbidden", f"the token lacks the app role {' or '.join(accepted)}")


def _roles(principal: str) -> frozenset[str] | None:
    """The app roles that Easy Auth found in the token; ``None`` for a header that Easy Auth did not write."""
    try:
        document: Any = json.loads(base64.b64decode(principal, validate=True))
        names = ROLE_CLAIMS | {document.get("role_typ") or "roles"}
        return frozenset(str(claim["val"]) for claim in document["claims"] if claim["typ"] in names)
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError):
        return None
