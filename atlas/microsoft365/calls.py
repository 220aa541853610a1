"""The one way to send a request to Microsoft 365: time limits, short retries, size limits, safe links."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx
import stamina

from atlas.domain.json_limits import MAX_ITEMS, InvalidJson, TooManyItems, parse_json
from atlas.domain.pages import origin
from atlas.microsoft365.failures import (
    NotUnderstood,
    Refused,
    ResponseTooLarge,
    TenantFailure,
    Throttled,
    TimedOut,
    Unreachable,
)

MAX_INLINE_WAIT_SECONDS = 5.0
"""A longer ``Retry-After`` is returned to the orchestration, which waits on a durable timer (docs/decisions.md)."""
MAX_RETRY_AFTER_SECONDS = 24 * 60 * 60.0
"""No service means more than a day; a longer ``Retry-After`` counts as a day."""
MAX_REQUEST_ATTEMPTS = 3
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One request, complete except for the token."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    """Sent as JSON, unless it is ``None``."""
    timeout_seconds: float = 60
    max_response_bytes: int = 2 * MEBIBYTE
    """The limit applies after decompression."""
    max_items: int = MAX_ITEMS
    """How many items the response's JSON may have."""


@dataclass(frozen=True, slots=True)
class Response:
    """One complete response."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    url: str
    max_items: int = MAX_ITEMS

    def json(self) -> Any:
        """The JSON of the body. Raises ``NotUnderstood``: a refusal of Exchange may be a run of NUL bytes."""
        try:
            return parse_json(self.body, self.max_items)
        except TooManyItems as error:
            raise ResponseTooLarge(f"{host_of(self.url)} sent a body with {error}") from None
        except InvalidJson as error:
            host = host_of(self.url)
            raise NotUnderstood(f"{host} responded with {self.status} and a body that is {error}") from None


type ClassifyFailure = Callable[[Response], TenantFailure | None]
"""The failure that a response means, or ``None`` if it is a result; each service has its own rules."""


@dataclass(slots=True)
class RequestCount:
    """How many requests were sent."""

    made: int = 0


_request_count: ContextVar[RequestCount | None] = ContextVar("request_count", default=None)


@contextmanager
def counted_requests() -> Iterator[RequestCount]:
    """Counts the requests that are sent within the block, including those of tasks that it starts."""
    count = RequestCount()
    token = _request_count.set(count)
    try:
        yield count
    finally:
        _request_count.reset(token)


class ApiClient:
    """Sends requests over one connection pool. A failure is raised once the short retries are used up."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def send(self, request: Request, classify_failure: ClassifyFailure) -> Response:
        """The first response that ``classify_failure`` accepts. Raises ``TenantFailure``; long waits are not waited."""
        async for attempt in stamina.retry_context(
            on=wait_before_retry,
            attempts=MAX_REQUEST_ATTEMPTS,
            timeout=None,
            wait_initial=0.2,
            wait_max=2,
            wait_jitter=0.3,
        ):
            with attempt:
                response = await self._send_once(request)
                if failure := classify_failure(response):
                    raise failure
                return response
        raise AssertionError("stamina ends with a response or a failure")

    async def _send_once(self, request: Request) -> Response:
        if count := _request_count.get():
            count.made += 1
        host = host_of(request.url)
        try:
            async with asyncio.timeout(request.timeout_seconds):
                return await self._exchange(request)
        except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout):
            raise TimedOut(f"{host} did not respond within {request.timeout_seconds:.0f} s") from None
        except (httpx.InvalidURL, UnicodeError):
            raise NotUnderstood(f"{host} sent an invalid address") from None
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"no connection to {host} ({type(error).__name__})") from error

    async def _exchange(self, request: Request) -> Response:
        content = None if request.body is None else json.dumps(request.body).encode()
        async with self._http.stream(
            request.method,
            request.url,
            headers=dict(request.headers),
            content=content,
            timeout=httpx.Timeout(request.timeout_seconds, connect=10),
            follow_redirects=False,
        ) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            body = await _read_body(response, request)
            return Response(response.status_code, headers, body, request.url, request.max_items)


async def _read_body(response: httpx.Response, request: Request) -> bytes:
    """The decompressed body, up to the limit of the request.

    Raises ``NotUnderstood`` for a body that is too large or cannot be decompressed. If the status reports an error, the
    status counts, and the part that could be read is returned.
    """
    body = bytearray()
    try:
        async for part in _decompress(response, request):
            body += part
            if len(body) > request.max_response_bytes:
                raise ResponseTooLarge(f"{host_of(request.url)} sent more than {request.max_response_bytes:,} bytes")
    except NotUnderstood:
        if response.is_success:
            raise
        del body[request.max_response_bytes :]
    return bytes(body)


async def _decompress(response: httpx.Response, request: Request) -> AsyncIterator[bytes]:
    """The body in parts that never exceed the limit by much. One coding is accepted: a stack of them may be a bomb."""
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding in {"", "identity"}:
        async for chunk in response.aiter_raw():
            yield chunk
        return
    if coding != "gzip":
        raise NotUnderstood(f"{host_of(request.url)} sent a body in a coding that was not requested")
    decompressor = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        async for chunk in response.aiter_raw():
            yield decompressor.decompress(chunk, request.max_response_bytes + 1)
    except zlib.error:
        raise NotUnderstood(f"{host_of(request.url)} sent a body that is not gzip") from None
    if not decompressor.eof and response.is_success:
        raise NotUnderstood(f"{host_of(request.url)} sent a body that ends early")


def wait_before_retry(error: Exception) -> bool | float:
    """Whether a failed request is repeated, or after how many seconds if the service says so."""
    match error:
        case Throttled(wait_seconds=float(wait_seconds)):
            return wait_seconds if wait_seconds <= MAX_INLINE_WAIT_SECONDS else False
        case Throttled():
            return True
        case Unreachable():
            return not isinstance(error, TimedOut)
        case _:
            return False


def classify_status(response: Response, missing_permission: str) -> TenantFailure | None:
    """The failure that the status means; ``missing_permission`` says what to grant after a 401 or 403."""
    host, status = host_of(response.url), response.status
    if 200 <= status < 300:
        return None
    if status in {401, 403}:
        return Refused(f"{host} responded with {status}: {missing_permission}")
    if status == 429 or (status >= 400 and "retry-after" in response.headers):
        return Throttled(f"{host} responded with {status}", parse_retry_after(response.headers))
    if status == 408 or status >= 500:
        return Unreachable(f"{host} responded with {status}")
    return NotUnderstood(f"{host} responded with {status}")


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of ``Retry-After``, which may be whole, fractional or an HTTP date; ``None`` if there are none.

    Header names are in lower case. A date is compared with the response's own ``Date``: our clock may differ.
    """
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
        return min(seconds, MAX_RETRY_AFTER_SECONDS) if 0 <= seconds < float("inf") else None
    except ValueError:
        until, now = _http_date(text), _http_date(headers.get("date", ""))
    if until is None:
        return None
    seconds = (until - (now or datetime.now(UTC))).total_seconds()  # noqa: TID251 - without a Date, our own clock
    return min(max(0.0, seconds), MAX_RETRY_AFTER_SECONDS)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def parse_next_link(base_url: str, link: object) -> str | None:
    """The link to the next page, if there is one. Raises ``NotUnderstood`` if it leads to another origin."""
    if link is None or link == "":
        return None
    if not isinstance(link, str) or origin(link) != origin(base_url):
        raise NotUnderstood(f"{host_of(base_url)} sent a link to the next page that leads to another host")
    return link


def host_of(url: str) -> str:
    """Host and port of a URL, for messages: paths may contain a person's ID."""
    return urlsplit(url).netloc
