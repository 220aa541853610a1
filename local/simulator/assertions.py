"""Checks both kinds of client assertion, certificate and federated: docs/microsoft-365.md, sections 1.2 and 1.3."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from local.simulator.options import SignIn
from local.simulator.tokens import ISSUER, Tokens


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no token is issued: HTTP status, `error`, AADSTS number, message."""

    status: int
    error: str
    code: int
    message: str


_CLIENT = "invalid_client"
UNKNOWN_KEY = Refusal(
    401, _CLIENT, 700027, "The certificate with this identifier is not registered on the application."
)
BAD_SIGNATURE = Refusal(401, _CLIENT, 50012, "Authentication failed: the signature of the assertion is not valid.")
OUTSIDE_WINDOW = Refusal(401, _CLIENT, 700024, "Client assertion is not within its valid time range.")
WRONG_AUDIENCE = Refusal(401, _CLIENT, 700023, "Client assertion audience claim does not match Realm issuer.")
NOT_AN_ASSERTION = Refusal(401, _CLIENT, 50027, "The client assertion is not a valid token.")
NO_CREDENTIAL = Refusal(401, _CLIENT, 70021, "No matching federated identity record found for presented assertion.")
WRONG_ISSUER = Refusal(401, _CLIENT, 700211, "No matching federated identity record found for presented issuer.")
WRONG_FEDERATED_AUDIENCE = Refusal(401, _CLIENT, 700212, "No matching federated identity record for this audience.")
WRONG_SUBJECT = Refusal(401, _CLIENT, 700213, "No matching federated identity record found for presented subject.")


def check_certificate_assertion(
    assertion: str, certificate: x509.Certificate | None, client_id: str, endpoint: str, now: float
) -> Refusal | None:
    """Checks that the registered certificate signed the assertion for this endpoint; None: it did."""
    if certificate is None or not _names(assertion, certificate):
        return UNKNOWN_KEY
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)  # noqa: S101  # the certificate is one of ours
    claims = _signed_claims(assertion, key)
    if claims is None:
        return BAD_SIGNATURE
    if not _is_current(claims, now):
        return OUTSIDE_WINDOW
    is_ours = claims.get("sub") == client_id and claims.get("iss") == client_id
    return None if claims.get("aud") == endpoint and is_ours else WRONG_AUDIENCE


def check_federated_assertion(  # every claim is compared with what the registration trusts
    assertion: str, tokens: Tokens, home_tenant_id: str, subject: str, sign_in: SignIn, now: float
) -> Refusal | None:
    """Checks that the assertion is the trusted identity's; None: it is."""
    claims = tokens.claims_of(assertion)
    if claims is None:
        return BAD_SIGNATURE
    wrong: Sequence[tuple[bool, Refusal]] = (
        (not sign_in.federated_credential, NO_CREDENTIAL),
        (claims["iss"] != ISSUER.format(home_tenant_id), WRONG_ISSUER),
        (claims["sub"] != subject, WRONG_SUBJECT),
        (claims["aud"] != sign_in.federated_audience, WRONG_FEDERATED_AUDIENCE),
        (not _is_current(claims, now), OUTSIDE_WINDOW),
    )
    return next((refusal for holds, refusal in wrong if holds), None)


def issuer_of(assertion: str) -> str | None:
    """The issuer that the assertion claims; None if it is not a token."""
    try:
        return str(jwt.decode(assertion, options={"verify_signature": False}).get("iss"))
    except jwt.InvalidTokenError:
        return None


def _names(assertion: str, certificate: x509.Certificate) -> bool:
    """The header names the registered certificate, by SHA-256 or, older, by SHA-1."""
    der = certificate.public_bytes(Encoding.DER)
    try:
        header = jwt.get_unverified_header(assertion)
    except jwt.InvalidTokenError:
        return False
    newer, older = (str(header.get(name, "")).rstrip("=") for name in ("x5t#S256", "x5t"))
    older_digest = hashlib.sha1(der, usedforsecurity=False).digest()
    return newer == _encode(hashlib.sha256(der).digest()) or older == _encode(older_digest)


def _signed_claims(assertion: str, key: rsa.RSAPublicKey) -> dict[str, Any] | None:
    lenient: Any = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
    try:
        return jwt.decode(assertion, key, algorithms=["PS256", "RS256"], options=lenient)
    except jwt.InvalidTokenError:
        return None


def _is_current(claims: dict[str, Any], now: float) -> bool:
    leeway_seconds = 300
    return bool(claims.get("nbf", 0) - leeway_seconds <= now < claims.get("exp", 0))


def _encode(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
