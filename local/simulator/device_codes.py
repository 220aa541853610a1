"""Sign-in of a person by device code at the simulated Entra: a code, then tokens for each service.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code; the test chooses the person.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

import jwt

from local.simulator import ids
from local.simulator.assertions import Refusal
from local.simulator.options import SignIn
from local.simulator.principals import Principals, roles_for
from local.simulator.tokens import ISSUER, Tokens

DEVICE_CODE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
GRANTS = frozenset({DEVICE_CODE_GRANT, "refresh_token"})
PERSON = "admin@contoso.com"
_REFRESH_TOKEN = "simulated-refresh-token"  # noqa: S105 - only this simulator takes it
_OPENID = frozenset({"openid", "profile", "offline_access"})
_LIFETIME_SECONDS = 900
_PENDING = Refusal(400, "authorization_pending", 70016, "The user has not yet finished authenticating.")
_DECLINED = Refusal(400, "authorization_declined", 70017, "The user denied the authorization request.")
_UNKNOWN_CODE = Refusal(400, "invalid_grant", 70008, "The provided device code or refresh token is not valid.")
_NO_PUBLIC_CLIENT = Refusal(
    401, "invalid_client", 7000218, "The request body must contain: 'client_assertion' or 'client_secret'."
)


class DeviceCodes:
    """Issues device codes, and tokens for those who have entered them."""

    def __init__(self, tokens: Tokens, principals: Principals, sign_in: Callable[[], SignIn]) -> None:
        self._tokens = tokens
        self._principals = principals
        self._sign_in = sign_in
        self._scopes: dict[str, str] = {}
        """What was asked for with each code; its exchange does not repeat it."""

    def issue(self, form: dict[str, str]) -> dict[str, Any] | Refusal:
        """A code, and where to enter it."""
        if refusal := self._client_refusal(form):
            return refusal
        code = f"device-code-{len(self._scopes)}"
        self._scopes[code] = form.get("scope", "")
        user_code, url = ids.guid_of(ids.key_of(1, code), 1)[:8].upper(), "https://microsoft.com/devicelogin"
        return {
            "device_code": code,
            "user_code": user_code,
            "verification_uri": url,
            "expires_in": _LIFETIME_SECONDS,
            "interval": 1,
            "message": f"To sign in, use a web browser to open the page {url} and enter the code {user_code}.",
        }

    def exchange(self, form: dict[str, str], tenant_id: str, now: float) -> dict[str, Any] | Refusal:
        """Tokens for a code that was entered, or for the refresh token that came with it."""
        if refusal := self._client_refusal(form) or self._grant_refusal(form):
            return refusal
        sign_in = self._sign_in()
        scopes = self._scopes.get(form.get("device_code", ""), form.get("scope", ""))
        [scope] = set(scopes.split()) - _OPENID
        audience = scope.removesuffix("/.default")
        roles = roles_for(audience, sign_in) or ()
        person = {
            "oid": self._principals.app.object_id,
            "tid": tenant_id,
            "preferred_username": PERSON,
            "name": "Admin",
        }
        claims = {
            **person,
            "aud": audience,
            "iss": ISSUER.format(tenant_id),
            "appid": form["client_id"],
            "idtyp": "user",
            "scp": " ".join(role.replace("Exchange.ManageAsApp", "Exchange.Manage") for role in roles),
            "nbf": int(now),
            "exp": int(now) + sign_in.token_seconds,
        }
        identity = {**claims, "aud": form["client_id"], "sub": person["oid"], "iat": int(now)}
        info = json.dumps({"uid": person["oid"], "utid": tenant_id}).encode()
        return {
            "token_type": "Bearer",
            "scope": scope,
            "expires_in": sign_in.token_seconds,
            "access_token": self._tokens.issue(claims),
            "refresh_token": _REFRESH_TOKEN,
            "id_token": jwt.encode(identity, "not verified by a public client, over TLS", algorithm="HS256"),
            "client_info": base64.urlsafe_b64encode(info).decode().rstrip("="),
        }

    def _client_refusal(self, form: dict[str, str]) -> Refusal | None:
        if form.get("client_id", "").lower() != self._principals.app.client_id:
            return Refusal(400, "unauthorized_client", 700016, "The application was not found in the directory.")
        return None if self._sign_in().public_client else _NO_PUBLIC_CLIENT

    def _grant_refusal(self, form: dict[str, str]) -> Refusal | None:
        if form.get("grant_type") == "refresh_token":
            return None if form.get("refresh_token") == _REFRESH_TOKEN else _UNKNOWN_CODE
        if form.get("device_code") not in self._scopes:
            return _UNKNOWN_CODE
        return {"entered": None, "pending": _PENDING, "declined": _DECLINED}[self._sign_in().device_code]
