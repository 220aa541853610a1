"""The one way to call the tenant: time limits, short retries, size caps, and links that stay on their host."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
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

from atlas.domain.pages import origin
from atlas.microsoft365.failures import NotUnderstood, Refused, TenantFailure, Throttled, TimedOut, Unreachable

MAX_INLINE_WAIT_SECONDS = 5.0
"""A longer ``Retry-After`` is returned to the flow, which waits on a durable timer (docs/decisions.md)."""
ATTEMPTS = 3
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as its service's client words it."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    """Sent as JSON where it is not ``None``."""
    timeout_seconds: float = 60
    max_body_bytes: int = 32 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class Response:
    """One whole answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def json(self) -> Any:
        """The JSON of the body. Raises ``NotUnderstood``: a refusal of Exchange may be a run of NUL bytes."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise NotUnderstood(f"{host_of(self.url)} answered {self.status} with a body that is no JSON") from None


type ClassifyFailure = Callable[[Response], TenantFailure | None]
"""Tells an answer from a failure; each service has its own."""
type GetToken = Callable[[], Awaitable[str]]


@dataclass(slots=True)
class RequestCount:
    """How many requests were sent."""

    made: int = 0


_counted: ContextVar[RequestCount | None] = ContextVar("counted", default=None)


@contextmanager
def counted_requests() -> Iterator[RequestCount]:
    """Counts the requests that are sent within the block, also by tasks that it starts."""
    count = RequestCount()
    token = _counted.set(count)
    try:
        yield count
    finally:
        _counted.reset(token)


class ApiClient:
    """Asks over one pooled client. A failure is raised once the short retries are spent."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def send(self, request: Request, failure_of: ClassifyFailure) -> Response:
        """The reply that ``failure_of`` lets pass. Raises ``TenantFailure``; a long throttling is not waited for."""
        async for attempt in stamina.retry_context(
            on=wait_before_retry, attempts=ATTEMPTS, timeout=None, wait_initial=0.2, wait_max=2, wait_jitter=0.3
        ):
            with attempt:
                response = await self._send(request)
                if failure := failure_of(response):
                    raise failure
                return response
        raise AssertionError("stamina ends with an answer or a failure")

    async def _send(self, request: Request) -> Response:
        if count := _counted.get():
            count.made += 1
        try:
            async with asyncio.timeout(request.timeout_seconds):
                return await self._exchange(request)
        except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout):
            raise TimedOut(f"{host_of(request.url)} did not answer in {request.timeout_seconds:.0f} s") from None
        except (httpx.InvalidURL, UnicodeError):
            raise NotUnderstood(f"{host_of(request.url)} leads to an address that is none") from None
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"no connection to {host_of(request.url)} ({type(error).__name__})") from error

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
            return Response(response.status_code, headers, await _capped(response, request), request.url)


async def _capped(response: httpx.Response, request: Request) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > request.max_body_bytes:
            raise NotUnderstood(f"{host_of(request.url)} answered more than {request.max_body_bytes:,} bytes")
    return bytes(body)


def wait_before_retry(error: Exception) -> bool | float:
    """Whether a failed call is repeated at once, and after how many seconds if the service said so."""
    match error:
        case Throttled(wait_seconds=float(wait_seconds)):
            return wait_seconds if wait_seconds <= MAX_INLINE_WAIT_SECONDS else False
        case Throttled():
            return True
        case Unreachable():
            return not isinstance(error, TimedOut)
        case _:
            return False


def failure_of_status(response: Response, refused: str) -> TenantFailure | None:
    """The failure that a status code alone tells; ``refused`` says what to grant where the answer is 401 or 403."""
    host = host_of(response.url)
    match response.status:
        case status if 200 <= status < 300:
            return None
        case 401 | 403:
            return Refused(f"{host} answered {response.status}: {refused}")
        case 429:
            return Throttled(f"{host} answered 429", wait_seconds_of(response.headers))
        case 503 if (wait_seconds := wait_seconds_of(response.headers)) is not None:
            return Throttled(f"{host} answered 503", wait_seconds)
        case status if status == 408 or status >= 500:
            return Unreachable(f"{host} answered {response.status}")
        case status:
            return NotUnderstood(f"{host} answered {status}")


def wait_seconds_of(headers: Mapping[str, str]) -> float | None:
    """The seconds that ``Retry-After`` asks for: whole, fractional, or until an HTTP date; ``None`` where it is absent.

    Header names in lower case. A date is held against the answer's own ``Date``, so that our clock does not matter.
    """
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
        return seconds if 0 <= seconds < float("inf") else None
    except ValueError:
        until, now = _http_date(text), _http_date(headers.get("date", ""))
    if until is None:
        return None
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())  # noqa: TID251 - no Date: our own clock


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def link_on(base_url: str, link: object) -> str | None:
    """A paging link, if there is one. Raises ``NotUnderstood`` for one of another origin: it would get our token."""
    if link is None or link == "":
        return None
    if not isinstance(link, str) or origin(link) != origin(base_url):
        raise NotUnderstood(f"{host_of(base_url)} answered a link to the next page that leads to another host")
    return link


def host_of(url: str) -> str:
    """Host and port of an address, for messages: paths may hold a person's id."""
    return urlsplit(url).netloc
