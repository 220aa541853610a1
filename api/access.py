"""Who may call the routes in Azure, as ``API_ACCESS`` says: a function key, or a token with the route's app role.

Read when the app is imported, for the bindings need it.
"""

import base64
import binascii
import json
import os
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import azure.functions as func

from api.problems import Problem
from atlas.settings import api_access_of

BY_TOKEN = api_access_of(os.environ) == "entra"
AUTH_LEVEL = func.AuthLevel.ANONYMOUS if BY_TOKEN else func.AuthLevel.FUNCTION
"""With ``entra`` the Functions host lets everybody in: Easy Auth stands in front of it, and ``allow`` behind."""
PRINCIPAL_HEADER = "x-ms-client-principal"
EASY_AUTH_IS_ON = "WEBSITE_AUTH_ENABLED"
"""Set by the platform alone; without it anybody could write the header."""
ROLE_CLAIMS = frozenset({"roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"})


class AppRole(StrEnum):
    """The app roles of the registration (docs/api.md)."""

    READ = "Bookings.Read"
    AVAILABILITY = "Bookings.Availability"
    RUN_SCANS = "Scans.Run"


def allow(req: func.HttpRequest, role: AppRole) -> None:
    """Let a caller pass who has this role. Raises ``Problem`` 401 without a caller that can be believed, else 403.

    With ``API_ACCESS=key`` the Functions host has asked for the key already.
    """
    if BY_TOKEN:
        check_role(req.headers, os.environ, role)


def check_role(headers: Mapping[str, str], environment: Mapping[str, str], role: AppRole) -> None:
    """As ``allow``, for these headers on this platform."""
    if environment.get(EASY_AUTH_IS_ON, "").lower() != "true":
        raise Problem(
            HTTPStatus.UNAUTHORIZED, "unauthenticated", "API_ACCESS is entra, and Easy Auth is not on for this app"
        )
    text = headers.get(PRINCIPAL_HEADER)
    roles = _roles(text) if text else None
    if roles is None:
        raise Problem(
            HTTPStatus.UNAUTHORIZED, "unauthenticated", "the request carries no token that Easy Auth accepted"
        )
    if role not in roles:
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden", f"the token has no app role {role}")


def _roles(principal: str) -> frozenset[str] | None:
    """The app roles that Easy Auth read from the token; ``None`` for a header that it did not write."""
    try:
        document: Any = json.loads(base64.b64decode(principal, validate=True))
        names = ROLE_CLAIMS | {document.get("role_typ") or "roles"}
        return frozenset(str(claim["val"]) for claim in document["claims"] if claim["typ"] in names)
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError):
        return None
