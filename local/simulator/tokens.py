"""Issues and checks the access tokens of the simulated tenant: real JWTs, signed with a key of this run."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

_MAX_REMEMBERED = 512
ISSUER = "https://login.microsoftonline.com/{}/v2.0"
LEGACY_ISSUER = "https://sts.windows.net/{}/"


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller, as a valid token names it."""

    tenant_id: str
    app_id: str
    roles: frozenset[str]


class Tokens:
    """The key of this run, and the tokens signed with it."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._known: dict[str, dict[str, Any]] = {}

    def issue(self, claims: Mapping[str, Any]) -> str:
        """A signed token."""
        return jwt.encode(dict(claims), self._key, algorithm="HS256", headers={"kid": "simulator"})

    def claims_of(self, token: str) -> dict[str, Any] | None:
        """Claims of a token that was issued here, valid or not; None for any other."""
        if token not in self._known:
            claims = self._decode(token)
            if claims is None:
                return None
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            self._known[token] = claims
        return self._known[token]

    def _decode(self, token: str) -> dict[str, Any] | None:
        lenient: Any = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
        try:
            return jwt.decode(token, self._key, algorithms=["HS256"], options=lenient)
        except jwt.InvalidTokenError:
            return None

    def caller(self, authorization: str | None, audiences: frozenset[str], tenant_id: str, now: float) -> Caller | None:
        """The caller; None if the token is missing, foreign, expired, or for another audience or tenant."""
        scheme, _, token = (authorization or "").partition(" ")
        claims = self.claims_of(token) if scheme.lower() == "bearer" and token else None
        if claims is None or claims["aud"] not in audiences or claims["exp"] <= now or claims["tid"] != tenant_id:
            return None
        return Caller(
            claims["tid"], claims["appid"], frozenset(claims.get("roles", ())) | _delegated_permissions(claims)
        )


def _delegated_permissions(claims: Mapping[str, Any]) -> set[str]:
    """The permissions of a person's token, by the names of the application permissions with the same effect."""
    scopes = claims.get("scp", "").split()
    return {"Exchange.ManageAsApp" if scope == "Exchange.Manage" else scope for scope in scopes}


def app_claims(
    *, audience: str, tenant_id: str, app_id: str, object_id: str, roles: tuple[str, ...], now: float, seconds: int
) -> dict[str, Any]:
    """Claims of an app-only token; without roles, the claim `roles` is absent."""
    claims: dict[str, Any] = {
        "aud": audience,
        "iss": LEGACY_ISSUER.format(tenant_id),
        "tid": tenant_id,
        "appid": app_id,
        "azp": app_id,
        "oid": object_id,
        "sub": object_id,
        "idtyp": "app",
        "iat": int(now),
        "nbf": int(now),
        "exp": int(now) + seconds,
    }
    return {**claims, "roles": list(roles)} if roles else claims
