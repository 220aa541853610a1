"""Signs in to the tenant: a token for each service, cached, renewed in time, asked once for all who wait."""

import asyncio
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import httpx
import msal
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.identity import ManagedIdentityCredential

from atlas.microsoft365.calls import wait_seconds_of
from atlas.microsoft365.failures import SignInRefused, TenantFailure, Throttled, Unreachable
from atlas.settings import ClientCertificate, ClientSecret, FederatedIdentity, ManagedIdentity, SignInKind

GRAPH_SCOPE = "https://graph.microsoft.com/.default"
EXCHANGE_SCOPE = "https://outlook.office365.com/.default"
EXCHANGE_TOKEN_SCOPE = "api://AzureADTokenExchange/.default"  # noqa: S105 - the name of a scope
RENEW_BEFORE_SECONDS = 300
PAUSE_SECONDS = 30
"""After a renewal that failed, while the old token lives."""
CERTIFICATE_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
KEY_BLOCK = re.compile(r"-----BEGIN (?:\w+ )?PRIVATE KEY-----.+?-----END (?:\w+ )?PRIVATE KEY-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and the times, in seconds of the given clock, to renew it and after which it is of no use."""

    text: str
    renew_at: float
    expires_at: float


type Asks = Callable[[str], tuple[str, float]]
"""Asks for a token of one scope, blocking; answers it and the seconds it lives."""


class SignIn:
    """Tokens of one identity, whatever its kind. Safe to share by everything that runs in one event loop."""

    def __init__(self, asks: Asks, clock: Callable[[], float] = time.monotonic) -> None:
        self._asks = asks
        self._clock = clock
        self._tokens: dict[str, Token] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def token(self, scope: str) -> str:
        """A token of this scope that is still good for its next call.

        Raises ``SignInRefused`` with the setting to look at, ``Throttled`` or ``Unreachable``. While an old token
        lives, a failed renewal is no failure.
        """
        async with self._locks.setdefault(scope, asyncio.Lock()):
            held = self._tokens.get(scope)
            if held and self._clock() < held.renew_at:
                return held.text
            try:
                text, lifetime = await asyncio.to_thread(self._asks, scope)
            except TenantFailure:
                if held and (now := self._clock()) < held.expires_at:
                    self._tokens[scope] = replace(held, renew_at=min(now + PAUSE_SECONDS, held.expires_at))
                    return held.text
                raise
            now = self._clock()
            renew_at = now + max(lifetime - RENEW_BEFORE_SECONDS, lifetime / 2)
            self._tokens[scope] = Token(text, renew_at, now + lifetime)
            return text

    def forget(self, scope: str, refused: str) -> None:
        """Drop a token that its service refused, so that the next call asks for another."""
        held = self._tokens.get(scope)
        if held and held.text == refused:
            del self._tokens[scope]


class TokenSource(Protocol):
    """What a service's client needs of ``SignIn``."""

    def token(self, scope: str) -> Awaitable[str]:
        """A token of this scope."""

    def forget(self, scope: str, refused: str) -> None:
        """Drop a refused token."""


def sign_in_with(kind: SignInKind, tenant_id: str, authority_host: str, trust: ssl.SSLContext) -> SignIn:
    """Sign-in as the settings say. Nothing is asked until the first token is."""
    if isinstance(kind, ManagedIdentity):
        return SignIn(_managed_identity(kind.client_id))
    return SignIn(_app_registration(kind, f"{authority_host}/{tenant_id}", trust))


def _managed_identity(client_id: str | None) -> Asks:
    setting = "MANAGED_IDENTITY_CLIENT_ID" if client_id else "the app's system-assigned identity"

    def send(scope: str) -> tuple[str, float]:
        answers: list[int] = []

        def note(answer: Any) -> None:  # the library's error does not tell a busy endpoint from one that refuses
            answers.append(int(answer.http_response.status_code))

        try:
            # A new credential each time: it would answer from a cache of its own a token that its service refused.
            with ManagedIdentityCredential(client_id=client_id, raw_response_hook=note) as credential:
                token = credential.get_token(scope)
        except AzureError as error:
            raise _identity_failure(error, answers[-1] if answers else None, setting) from None
        return token.token, token.expires_on - time.time()

    return send


def _identity_failure(error: AzureError, status: int | None, setting: str) -> TenantFailure:
    if status == 429:
        return Throttled("the managed identity endpoint answered 429")
    if not isinstance(error, ClientAuthenticationError) or (status or 0) >= 500:
        return Unreachable(f"the managed identity endpoint does not answer ({status or type(error).__name__})")
    return SignInRefused(
        f"no token from the managed identity endpoint: is this a place that has one, and does it know {setting}? "
        f"It said: {_first_line(error.message)}"
    )


def _app_registration(
    kind: ClientSecret | ClientCertificate | FederatedIdentity, authority: str, trust: ssl.SSLContext
) -> Asks:
    credential, setting = _credential(kind)
    http = httpx.Client(
        verify=trust,
        timeout=30,
        trust_env=False,
        limits=httpx.Limits(max_keepalive_connections=0),  # tokens are asked for once an hour; nothing is left to close
        event_hooks={"response": [_raise_if_busy]},
    )
    application: msal.ConfidentialClientApplication | None = None

    def send(scope: str) -> tuple[str, float]:
        nonlocal application
        try:
            if application is None:
                application = msal.ConfidentialClientApplication(
                    kind.client_id,
                    client_credential=credential,
                    authority=authority,
                    instance_discovery=False,  # else msal asks the public cloud about any other authority
                    http_client=_HttpForMsal(http),
                )
            application.remove_tokens_for_client()  # msal's own cache might hold a token that its service refused
            answer = application.acquire_token_for_client([scope])
        except (httpx.HTTPError, OSError) as error:
            raise Unreachable(f"the sign-in service {authority} does not answer ({type(error).__name__})") from None
        except ValueError as error:
            raise SignInRefused(
                f"the sign-in service {authority} does not know this tenant, or {setting} cannot be read: "
                f"look at TENANT_ID, AZURE_AUTHORITY_HOST and {setting}. It said: {_first_line(str(error))}"
            ) from None
        return _token_of(answer, authority, setting)

    return send


class _HttpForMsal:
    """The part of an HTTP client that msal uses. It signs assertions as bytes, which httpx would send as ``b'...'``."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def post(self, url: str, data: Mapping[str, Any] | None = None, **more: Any) -> httpx.Response:
        form = {name: value.decode() if isinstance(value, bytes) else value for name, value in (data or {}).items()}
        return self._http.post(url, data=form, **more)

    def get(self, url: str, **more: Any) -> httpx.Response:
        return self._http.get(url, **more)

    def close(self) -> None:
        self._http.close()


def _raise_if_busy(response: httpx.Response) -> None:
    """Spares msal the answers that say nothing about the credentials."""
    host = response.request.url.host
    if response.status_code == 429:
        headers = {name.lower(): value for name, value in response.headers.items()}
        raise Throttled(f"the sign-in service {host} answered 429", wait_seconds_of(headers))
    if response.status_code >= 500:
        raise Unreachable(f"the sign-in service {host} answered {response.status_code}")


def _credential(kind: ClientSecret | ClientCertificate | FederatedIdentity) -> tuple[Any, str]:
    match kind:
        case ClientSecret(secret=secret):
            return secret.get_secret_value(), "AZURE_CLIENT_SECRET"
        case ClientCertificate(pem=pem):
            text = pem.get_secret_value()
            key, certificate = KEY_BLOCK.search(text), CERTIFICATE_BLOCK.search(text)
            return {
                "private_key": key[0] if key else text,
                "public_certificate": certificate[0] if certificate else text,
            }, "AZURE_CLIENT_CERTIFICATE"
        case FederatedIdentity(identity_client_id=identity):
            asks = _managed_identity(identity)
            return {"client_assertion": lambda: asks(EXCHANGE_TOKEN_SCOPE)[0]}, "FEDERATED_IDENTITY_CLIENT_ID"


def _token_of(answer: dict[str, Any], authority: str, setting: str) -> tuple[str, float]:
    if "access_token" in answer:
        return str(answer["access_token"]), float(answer["expires_in"])
    raise SignInRefused(
        f"{authority} refused the sign-in ({answer.get('error')}): look at TENANT_ID, AZURE_CLIENT_ID and "
        f"{setting}. It said: {_first_line(str(answer.get('error_description', '')))}"
    )


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:300] if text.strip() else "nothing more"
