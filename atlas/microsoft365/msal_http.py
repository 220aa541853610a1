"""The HTTP client that msal uses to reach the sign-in service."""

import ssl
import time
from collections.abc import Mapping
from typing import Any

import httpx

from atlas.domain.json_limits import InvalidJson, parse_json
from atlas.microsoft365.calls import parse_retry_after
from atlas.microsoft365.failures import NotUnderstood, Throttled, TimedOut, Unreachable

TIMEOUT_SECONDS = 30.0
MAX_RESPONSE_BYTES = 1024 * 1024


class MsalHttp:
    """The part of an HTTP client that msal uses. It passes bytes, which httpx would send as ``b'...'``.

    Responses that say nothing about the credentials are raised as failures: msal would call them refusals.
    """

    def __init__(self, trust: ssl.SSLContext) -> None:
        self._http = httpx.Client(
            verify=trust,
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),  # a token an hour: no connection is worth keeping
        )

    def post(self, url: str, data: Mapping[str, Any] | None = None, **more: Any) -> httpx.Response:
        """Send a form."""
        form = {name: value.decode() if isinstance(value, bytes) else value for name, value in (data or {}).items()}
        return self._send("POST", url, data=form, **more)

    def get(self, url: str, **more: Any) -> httpx.Response:
        """Send a GET request."""
        return self._send("GET", url, **more)

    def close(self) -> None:
        """Close the connections."""
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
    if throttled := throttled_by(response.status_code, headers, service):
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


def throttled_by(status: int | None, headers: Mapping[str, str], service: str) -> Throttled | None:
    """The failure if the service asks to wait; otherwise ``None``."""
    if status == 429 or (status is not None and status >= 500 and "retry-after" in headers):
        return Throttled(f"{service} responded with {status}", parse_retry_after(headers))
    return None
