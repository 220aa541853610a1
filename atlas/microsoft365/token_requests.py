"""Requests tokens of Microsoft Entra ID, one function for each kind of sign-in."""

import re
import ssl
import threading
import time
from collections.abc import Callable
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

from atlas.microsoft365.failures import SignInRefused, TenantFailure, Unreachable
from atlas.microsoft365.msal_http import MsalHttp, throttled_by
from atlas.settings import ClientCertificate, ClientSecret, FederatedIdentity, OwnLogin

EXCHANGE_TOKEN_SCOPE = "api://AzureADTokenExchange/.default"  # noqa: S105 - the name of a scope
IDENTITY_TIMEOUT_SECONDS = 3
"""How long connecting to the endpoint of managed identities may take. If there is one, it is on this machine."""
TOOL_TIMEOUT_SECONDS = 30
CERTIFICATE_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
KEY_BLOCK = re.compile(r"-----BEGIN (?:\w+ )?PRIVATE KEY-----.+?-----END (?:\w+ )?PRIVATE KEY-----", re.DOTALL)

type RequestToken = Callable[[str], tuple[str, float]]
"""Requests a token of one scope, blocking; returns it and its lifetime in seconds."""


def managed_identity(client_id: str | None) -> RequestToken:
    """Requests tokens of the machine's identity; without a client ID, of its system-assigned one."""
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
    if throttled := throttled_by(status, headers, "the managed identity endpoint"):
        return throttled
    if not isinstance(error, ClientAuthenticationError) or (status or 0) >= 500:
        return Unreachable(f"the managed identity endpoint did not respond ({status or type(error).__name__})")
    return SignInRefused(
        f"no token from the managed identity endpoint: check that the app runs where there is one, and {setting}. "
        f"Its response: {_first_line(error.message)}"
    )


def own_login(kind: OwnLogin, tenant_id: str) -> RequestToken:
    """Requests tokens of the person who has logged in to the Azure CLI or the Azure Developer CLI."""
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
                f"`{kind.tool}` has no login for this tenant: run `{log_in}`. It reports: {_first_line(error.message)}"
            ) from None
        except ClientAuthenticationError as error:
            raise SignInRefused(
                f"the login of `{kind.tool}` gets no token for {scope.removesuffix('/.default')}. "
                f"It reports: {_first_line(error.message)}"
            ) from None
        return token.token, token.expires_on - time.time()

    return send


def device_code(
    client_id: str,
    authority: str,
    trust: ssl.SSLContext,
    show_code: Callable[[str], None],
    stopped: threading.Event,
) -> RequestToken:
    """The person signs in once; the tokens of other services follow from that sign-in without another code."""
    http = MsalHttp(trust)
    application: msal.PublicClientApplication | None = None
    once = threading.Lock()

    def sign_in(scope: str) -> dict[str, Any]:
        nonlocal application
        if application is None:
            application = msal.PublicClientApplication(
                client_id, authority=authority, instance_discovery=False, http_client=http
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


def app_registration(
    kind: ClientSecret | ClientCertificate | FederatedIdentity, authority: str, trust: ssl.SSLContext
) -> RequestToken:
    """Requests tokens of an app, with its secret, certificate or federated credential."""
    credential, setting = _credential(kind)
    http = MsalHttp(trust)
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
                    http_client=http,
                )
            application.remove_tokens_for_client()  # msal's own cache might hold a rejected token
            result = application.acquire_token_for_client([scope])
        except (httpx.HTTPError, OSError) as error:
            raise Unreachable(f"the sign-in service {authority} did not respond ({type(error).__name__})") from None
        except ValueError as error:
            raise SignInRefused(
                f"the sign-in service {authority} does not know this tenant, or {setting} cannot be read: "
                f"check TENANT_ID, AZURE_AUTHORITY_HOST and {setting}. msal reports: {_first_line(str(error))}"
            ) from None
        return _parse_token(result, authority, f"TENANT_ID, AZURE_CLIENT_ID and {setting}")

    return send


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
            request_assertion = managed_identity(identity)
            assertion = {"client_assertion": lambda: request_assertion(EXCHANGE_TOKEN_SCOPE)[0]}
            return assertion, "FEDERATED_IDENTITY_CLIENT_ID"


def _parse_token(result: dict[str, Any], authority: str, to_check: str) -> tuple[str, float]:
    if "access_token" in result:
        return str(result["access_token"]), float(result["expires_in"])
    raise SignInRefused(
        f"{authority} refused the sign-in ({result.get('error')}): check {to_check}. "
        f"Its response: {_first_line(str(result.get('error_description', '')))}"
    )


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:300] if text.strip() else "nothing"
