"""An account of Table Storage: signs requests, sends them over a pooled session, and repeats those that fail."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from email.utils import formatdate
from io import BytesIO
from time import time
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
import stamina
from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.core.credentials_async import AsyncTokenCredential
from yarl import URL

from atlas.tables.odata import TableRequest, TableResponse

API_VERSION = "2019-02-02"
SCOPE = "https://storage.azure.com/.default"
MAX_ATTEMPTS = 6
FIRST_WAIT_SECONDS = 0.4
MAX_WAIT_SECONDS = 8.0
TIMEOUT = aiohttp.ClientTimeout(total=90, sock_connect=5, sock_read=40)
TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
MAX_BYTES_AT_ONCE = 2**20
"""aiohttp sends a larger body in parts, so that it does not hold up other requests."""
TOKEN_RESERVE_SECONDS = 300
"""A token is replaced this long before it expires."""


class NoUsableResponse(Exception):
    """The service sent one of ``TRANSIENT``, the last of several times."""

    def __init__(self, response: TableResponse) -> None:
        super().__init__(f"status {response.status}")
        self.response = response


class Signature(Protocol):
    """How an account recognises its callers."""

    async def sign(self, method: str, url: str, headers: dict[str, str]) -> str:
        """Add what authorises the request to ``headers``; returns the URL to send it to."""


@dataclass(frozen=True, slots=True)
class KeySignature:
    """Signs with the account's key."""

    credential: AzureNamedKeyCredential

    async def sign(self, method: str, url: str, headers: dict[str, str]) -> str:
        """The scheme *Shared Key for Table service*."""
        name, key = self.credential.named_key
        content_type = headers.get("Content-Type", "")
        signed = f"{method}\n\n{content_type}\n{headers['x-ms-date']}\n/{name}{urlsplit(url).path}"
        digest = hmac.digest(base64.b64decode(key), signed.encode(), hashlib.sha256)
        headers["Authorization"] = f"SharedKey {name}:{base64.b64encode(digest).decode()}"
        return url


@dataclass(frozen=True, slots=True)
class SharedAccessSignature:
    """Adds a shared access signature."""

    credential: AzureSasCredential

    async def sign(self, method: str, url: str, headers: dict[str, str]) -> str:
        """The signature is part of the query."""
        del method, headers
        return f"{url}{'&' if '?' in url else '?'}{self.credential.signature.lstrip('?')}"


@dataclass(slots=True)
class TokenSignature:
    """Sends a token of an identity, only over TLS."""

    credential: AsyncTokenCredential
    _token: str = ""
    _renew_at: float = 0

    async def sign(self, method: str, url: str, headers: dict[str, str]) -> str:
        """The token, which is requested shortly before the previous one expires."""
        del method
        if not url.startswith("https://"):
            raise ValueError("a token is sent only over https")
        if time() >= self._renew_at:
            token = await self.credential.get_token(SCOPE)
            self._token, self._renew_at = token.token, token.expires_on - TOKEN_RESERVE_SECONDS
        headers["Authorization"] = f"Bearer {self._token}"
        return url


@dataclass(frozen=True, slots=True)
class StorageAccount:
    """Sends requests to one account."""

    session: aiohttp.ClientSession
    url: str
    """Without a slash at the end."""
    signature: Signature
    _known: dict[str, str] = field(default_factory=dict)

    async def send(self, request: TableRequest) -> TableResponse:
        """The response, after repeating what failed for a passing reason.

        A write may arrive twice: if the first response was lost, the second says that the row exists or has changed.
        Raises ``NoUsableResponse``, ``aiohttp.ClientError``, ``TimeoutError``, ``ClientAuthenticationError``.
        """
        try:
            return await self._send_once(request)
        except (NoUsableResponse, aiohttp.ClientError, TimeoutError, OSError):
            async for attempt in stamina.retry_context(
                on=(NoUsableResponse, aiohttp.ClientError, TimeoutError, OSError),
                attempts=MAX_ATTEMPTS - 1,
                timeout=None,
                wait_initial=FIRST_WAIT_SECONDS,
                wait_max=MAX_WAIT_SECONDS,
                wait_jitter=0.2,
            ):
                with attempt:
                    return await self._send_once(request)
        raise AssertionError("stamina ends with a response or a failure")

    async def _send_once(self, request: TableRequest) -> TableResponse:
        headers: dict[str, str] = {
            "x-ms-version": API_VERSION,
            "x-ms-date": formatdate(usegmt=True),
            "DataServiceVersion": "3.0",
            "MaxDataServiceVersion": "3.0;NetFx",
            **request.headers,
        }
        url = await self.signature.sign(request.method, self.url + request.path, headers)
        options: dict[str, Any] = {"data": _payload(request.body)} if request.body else {}
        async with self.session.request(
            request.method, URL(url, encoded=True), headers=headers, timeout=TIMEOUT, allow_redirects=False, **options
        ) as got:
            response = TableResponse(got.status, got.headers, await got.read())
        if response.status in TRANSIENT:
            raise NoUsableResponse(response)
        return response


def _payload(body: bytes) -> bytes | BytesIO:
    return body if len(body) < MAX_BYTES_AT_ONCE else BytesIO(body)


def signature_for(credential: object) -> Signature:
    """How requests are authorised with a credential of Microsoft's libraries."""
    match credential:
        case AzureNamedKeyCredential():
            return KeySignature(credential)
        case AzureSasCredential():
            return SharedAccessSignature(credential)
        case AsyncTokenCredential():
            return TokenSignature(credential)
        case _:
            raise TypeError(f"no requests can be signed with {type(credential).__name__}")
