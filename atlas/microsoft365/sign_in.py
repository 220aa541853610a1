"""Signs in to the tenant: one token for each service, cached, renewed in time, and requested once for all who wait."""

import asyncio
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx
import msal
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.identity import (
    AzureCliCredential,
    AzureDeveloperCliCredential,
    CredentialUnavailableError,
    ManagedIdentityCredential,
)

from atlas.domain.json_limits import InvalidJson, parse_json
from atlas.microsoft365.calls import parse_retry_after
from atlas.microsoft365.failures import (
    NotUnderstood,
    SignInRefused,
    TenantFailure,
    Throttled,
    TimedOut,
    Unreachable,
)
from atlas.settings import (
    ClientCertificate,
    ClientSecret,
    DeviceCode,
    FederatedIdentity,
    ManagedIdentity,
    OwnLogin,
    SignInKind,
)

GRAPH_SCOPE = "https://graph.microsoft.com/.default"
EXCHANGE_SCOPE = "https://outlook.office365.com/.default"
TIMEOUT_SECONDS = 30.0
MAX_RESPONSE_BYTES = 1024 * 1024
EXCHANGE_TOKEN_SCOPE = "api://AzureADTokenExchange/.default"  # noqa: S105 - the name of a scope
RENEW_BEFORE_SECONDS = 300
RETRY_RENEWAL_AFTER_SECONDS = 30
"""How long to wait after a failed renewal, while the old token is still valid."""
IDENTITY_TIMEOUT_SECONDS = 3
"""How long connecting to the endpoint of managed identities may take. If there is one, it is on this machine."""
TOOL_TIMEOUT_SECONDS = 30
CERTIFICATE_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
KEY_BLOCK = re.compile(r"-----BEGIN (?:\w+ )?PRIVATE KEY-----.+?-----END (?:\w+ )?PRIVATE KEY-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and when to renew it and when it expires, in seconds of the clock."""

    text: str
    renew_at: float
    expires_at: float


type RequestToken = Callable[[str], tuple[str, float]]
"""Requests a token of one scope, blocking; returns it and its lifetime in seconds."""


class SignIn:
    """The tokens of one identity, of any kind. Can be shared by everything that runs in one event loop."""

    def __init__(
        self,
        request_token: RequestToken,
        clock: Callable[[], float] = time.monotonic,
        stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._request_token = request_token
        self._clock = clock
        self._stop = stop
        """Ends a request that waits for a person."""
        self._tokens: dict[str, Token] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def token(self, scope: str) -> str:
        """A token of this scope that is valid for the next request.

        Raises ``SignInRefused``, which names the setting to check, ``Throttled``, ``Unreachable`` or ``NotUnderstood``.
        An old token is returned while it is valid and cannot be renewed.
        """
        async with self._locks.setdefault(scope, asyncio.Lock()):
            held = self._tokens.get(scope)
            if held and self._clock() < held.renew_at:
                return held.text
            try:
                text, lifetime = await asyncio.to_thread(self._request_token, scope)
            except TenantFailure:
                if held and (now := self._clock()) < held.expires_at:
                    renew_at = min(now + RETRY_RENEWAL_AFTER_SECONDS, held.expires_at)
                    self._tokens[scope] = replace(held, renew_at=renew_at)
                    return held.text
                raise
            except asyncio.CancelledError:
                self._stop()
                raise
            now = self._clock()
            renew_at = now + max(lifetime - RENEW_BEFORE_SECONDS, lifetime / 2)
            self._tokens[scope] = Token(text, renew_at, now + lifetime)
            return text

    def discard(self, scope: str, rejected: str) -> None:
        """Drop a token that its service rejected, so that the next request gets a new one."""
        held = self._tokens.get(scope)
        if held and held.text == rejected:
            del self._tokens[scope]


def sign_in_with(
    kind: SignInKind,
    tenant_id: str,
    authority_host: str,
    trust: ssl.SSLContext,
    show_code: Callable[[str], None] | None = None,
) -> SignIn:
    """Sign-in by the settings. Nothing is requested until the first token is.

    ``show_code`` shows a person where to enter which code, for a sign-in by device code.
    """
    authority = f"{authority_host}/{tenant_id}"
    match kind:
        case ManagedIdentity(client_id=client_id):
            return SignIn(_managed_identity(client_id))
        case OwnLogin():
            return SignIn(_own_login(kind, tenant_id))
        case DeviceCode(client_id=client_id):
            stopped = threading.Event()
            request_token = _device_code(client_id, authority, trust, show_code or print, stopped)
            return SignIn(request_token, stop=stopped.set)
        case _:
            return SignIn(_app_registration(kind, authority, trust))


def _managed_identity(client_id: str | None) -> RequestToken:
    setting = "MANAGED_IDENTITY_CLIENT_ID" if client_id else "the app's system-assigned identity"

    def send(scope: str) -> tuple[str, float]:
        responses: list[Any] = []

        def record(response: Any) -> None:  # the library's error does not say whether the endpoint is busy
            responses.append(response.http_response)

        try:
            # A new credential each time: its own cache might hold a token that the service rejected.
            with ManagedIdentityCredential(
                client_id=client_id, raw_response_hook=record, connection_timeout=IDENTITY_TIMEOUT_SECONDS
            ) as credential:
                token = credential.get_token(scope)
        except AzureError as error:
            raise _identity_failure(error, responses[-1] if responses else None, setting) from None
        return token.token, token.expires_on - time.time()

    return send


def _identity_failure(error: AzureError, response: Any, setting: str) -> TenantFailure:
    status = int(response.status_code) if response is not None else None
    headers = {name.lower(): value for name, value in response.headers.items()} if response is not None else {}
    if throttled := _throttled(status, headers, "the managed identity endpoint"):
        return throttled
    if not isinstance(error, ClientAuthenticationError) or (status or 0) >= 500:
        return Unreachable(f"the managed identity endpoint did not respond ({status or type(error).__name__})")
    return SignInRefused(
        f"no token from the managed identity endpoint: check that the app runs where there is one, and {setting}. "
        f"It said: {_first_line(error.message)}"
    )


def _own_login(kind: OwnLogin, tenant_id: str) -> RequestToken:
    log_in = {
        "az": f"az login --tenant {tenant_id} --allow-no-subscriptions",
        "azd": f"azd auth login --tenant-id {tenant_id}",
    }[kind.tool]

    def send(scope: str) -> tuple[str, float]:
        credential = (AzureCliCredential if kind.tool == "az" else AzureDeveloperCliCredential)(
            tenant_id=tenant_id, process_timeout=TOOL_TIMEOUT_SECONDS
        )
        try:
            token = credential.get_token(scope)
        except CredentialUnavailableError as error:
            raise SignInRefused(
                f"`{kind.tool}` has no login for this tenant: run `{log_in}`. It said: {_first_line(error.message)}"
            ) from None
        except ClientAuthenticationError as error:
            raise SignInRefused(
                f"the login of `{kind.tool}` gets no token for {scope.removesuffix('/.default')}. "
                f"It said: {_first_line(error.message)}"
            ) from None
        return token.token, token.expires_on - time.time()

    return send


def _device_code(
    client_id: str,
    authority: str,
    trust: ssl.SSLContext,
    show_code: Callable[[str], None],
    stopped: threading.Event,
) -> RequestToken:
    """The person signs in once; the tokens of other services follow from that sign-in without another code."""
    http = _http_for_msal(trust)
    application: msal.PublicClientApplication | None = None
    once = threading.Lock()

    def sign_in(scope: str) -> dict[str, Any]:
        nonlocal application
        if application is None:
            application = msal.PublicClientApplication(
                client_id, authority=authority, instance_discovery=False, http_client=_HttpForMsal(http)
            )
        accounts = application.get_accounts()
        if accounts:
            result = application.acquire_token_silent_with_error([scope], accounts[0], force_refresh=True)
            return result or {"error": "interaction_required"}
        flow = application.initiate_device_flow([scope])
        if "user_code" not in flow:
            return dict(flow)
        show_code(str(flow["message"]))
        return dict(application.acquire_token_by_device_flow(flow, exit_condition=lambda _: stopped.is_set()))

    def send(scope: str) -> tuple[str, float]:
        try:
            with once:
                result = sign_in(scope)
        except (httpx.HTTPError, OSError) as error:
            raise Unreachable(f"the sign-in service {authority} did not respond ({type(error).__name__})") from None
        except ValueError as error:
            raise SignInRefused(f"the sign-in service {authority} does not know this tenant: {error}") from None
        return _parse_token(
            result, authority, "TENANT_ID, --client-id, and that the app registration allows public client flows"
        )

    return send


def _http_for_msal(trust: ssl.SSLContext) -> httpx.Client:
    return httpx.Client(
        verify=trust,
        timeout=TIMEOUT_SECONDS,
        trust_env=False,
        limits=httpx.Limits(max_keepalive_connections=0),  # a token an hour: no connection is worth keeping
    )


def _app_registration(
    kind: ClientSecret | ClientCertificate | FederatedIdentity, authority: str, trust: ssl.SSLContext
) -> RequestToken:
    credential, setting = _credential(kind)
    http = _http_for_msal(trust)
    application: msal.ConfidentialClientApplication | None = None

    def send(scope: str) -> tuple[str, float]:
        nonlocal application
        try:
            if application is None:
                application = msal.ConfidentialClientApplication(
                    kind.client_id,
                    client_credential=credential,
                    authority=authority,
                    instance_discovery=False,  # otherwise msal sends any other authority to the public cloud
                    http_client=_HttpForMsal(http),
                )
            application.remove_tokens_for_client()  # msal's own cache might hold a rejected token
            result = application.acquire_token_for_client([scope])
        except (httpx.HTTPError, OSError) as error:
            raise Unreachable(f"the sign-in service {authority} did not respond ({type(error).__name__})") from None
        except ValueError as error:
            raise SignInRefused(
                f"the sign-in service {authority} does not know this tenant, or {setting} cannot be read: "
                f"check TENANT_ID, AZURE_AUTHORITY_HOST and {setting}. It said: {_first_line(str(error))}"
            ) from None
        return _parse_token(result, authority, f"TENANT_ID, AZURE_CLIENT_ID and {setting}")

    return send


class _HttpForMsal:
    """The part of an HTTP client that msal uses. It passes bytes, which httpx would send as ``b'...'``.

    Responses that say nothing about the credentials are raised as failures: msal would call them refusals.
    """

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def post(self, url: str, data: Mapping[str, Any] | None = None, **more: Any) -> httpx.Response:
        form = {name: value.decode() if isinstance(value, bytes) else value for name, value in (data or {}).items()}
        return self._send("POST", url, data=form, **more)

    def get(self, url: str, **more: Any) -> httpx.Response:
        return self._send("GET", url, **more)

    def close(self) -> None:
        self._http.close()

    def _send(self, method: str, url: str, **more: Any) -> httpx.Response:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        with self._http.stream(method, url, **more) as response:
            service, body = f"the sign-in service {response.request.url.host}", bytearray()
            _raise_if_busy(response, service)
            for part in response.iter_bytes():
                body += part
                if len(body) > MAX_RESPONSE_BYTES:
                    raise NotUnderstood(f"{service} sent more than {MAX_RESPONSE_BYTES:,} bytes")
                if time.monotonic() > deadline:
                    raise TimedOut(f"{service} did not respond within {TIMEOUT_SECONDS:.0f} s")
        _check_document(response.status_code, bytes(body), service)
        return httpx.Response(response.status_code, content=bytes(body), request=response.request)


def _raise_if_busy(response: httpx.Response, service: str) -> None:
    headers = {name.lower(): value for name, value in response.headers.items()}
    if throttled := _throttled(response.status_code, headers, service):
        raise throttled
    if response.status_code == 408 or response.status_code >= 500:
        raise Unreachable(f"{service} responded with {response.status_code}")


def _check_document(status: int, body: bytes, service: str) -> None:
    """Raise ``NotUnderstood`` for a body that is not a JSON object: a token and a refusal are."""
    try:
        document = parse_json(body)
    except InvalidJson as error:
        raise NotUnderstood(f"{service} responded with {status} and a body that is {error}") from None
    if not isinstance(document, dict):
        raise NotUnderstood(f"{service} responded with {status} and JSON that is not an object")


def _throttled(status: int | None, headers: Mapping[str, str], service: str) -> Throttled | None:
    if status == 429 or (status is not None and status >= 500 and "retry-after" in headers):
        return Throttled(f"{service} responded with {status}", parse_retry_after(headers))
    return None


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
            request_assertion = _managed_identity(identity)
            assertion = {"client_assertion": lambda: request_assertion(EXCHANGE_TOKEN_SCOPE)[0]}
            return assertion, "FEDERATED_IDENTITY_CLIENT_ID"


def _parse_token(result: dict[str, Any], authority: str, to_check: str) -> tuple[str, float]:
    if "access_token" in result:
        return str(result["access_token"]), float(result["expires_in"])
    raise SignInRefused(
        f"{authority} refused the sign-in ({result.get('error')}): check {to_check}. "
        f"It said: {_first_line(str(result.get('error_description', '')))}"
    )


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:300] if text.strip() else "nothing"
