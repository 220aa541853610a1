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

LONGEST_WAIT_IN_PLACE_SECONDS = 5.0
"""A longer ``Retry-After`` is returned to the flow, which waits on a durable timer (docs/decisions.md)."""
ATTEMPTS = 3
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Question:
    """One request, as its service's client words it."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    """Sent as JSON where it is not ``None``."""
    timeout_seconds: float = 60
    largest_body: int = 32 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def document(self) -> Any:
        """The JSON of the body. Raises ``NotUnderstood``: a refusal of Exchange may be a run of NUL bytes."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise NotUnderstood(f"{host_of(self.url)} answered {self.status} with a body that is no JSON") from None


type FailureOf = Callable[[Reply], TenantFailure | None]
"""Tells an answer from a failure; each service has its own."""
type TokenFor = Callable[[], Awaitable[str]]


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


class Calls:
    """Asks over one pooled client. A failure is raised once the short retries are spent."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ask(self, question: Question, failure_of: FailureOf) -> Reply:
        """The reply that ``failure_of`` lets pass. Raises ``TenantFailure``; a long throttling is not waited for."""
        async for attempt in stamina.retry_context(
            on=wait_before_retry, attempts=ATTEMPTS, timeout=None, wait_initial=0.2, wait_max=2, wait_jitter=0.3
        ):
            with attempt:
                reply = await self._send(question)
                if failure := failure_of(reply):
                    raise failure
                return reply
        raise AssertionError("stamina ends with an answer or a failure")

    async def _send(self, question: Question) -> Reply:
        if count := _counted.get():
            count.made += 1
        try:
            async with asyncio.timeout(question.timeout_seconds):
                return await self._exchange(question)
        except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout):
            raise TimedOut(f"{host_of(question.url)} did not answer in {question.timeout_seconds:.0f} s") from None
        except (httpx.InvalidURL, UnicodeError):
            raise NotUnderstood(f"{host_of(question.url)} leads to an address that is none") from None
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"no connection to {host_of(question.url)} ({type(error).__name__})") from error

    async def _exchange(self, question: Question) -> Reply:
        content = None if question.body is None else json.dumps(question.body).encode()
        async with self._http.stream(
            question.method,
            question.url,
            headers=dict(question.headers),
            content=content,
            timeout=httpx.Timeout(question.timeout_seconds, connect=10),
            follow_redirects=False,
        ) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status_code, headers, await _capped(response, question), question.url)


async def _capped(response: httpx.Response, question: Question) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > question.largest_body:
            raise NotUnderstood(f"{host_of(question.url)} answered more than {question.largest_body:,} bytes")
    return bytes(body)


def wait_before_retry(error: Exception) -> bool | float:
    """Whether a failed call is repeated at once, and after how many seconds if the service said so."""
    match error:
        case Throttled(wait_seconds=float(wait_seconds)):
            return wait_seconds if wait_seconds <= LONGEST_WAIT_IN_PLACE_SECONDS else False
        case Throttled():
            return True
        case Unreachable():
            return not isinstance(error, TimedOut)
        case _:
            return False


def failure_of_status(reply: Reply, refused: str) -> TenantFailure | None:
    """The failure that a status code alone tells; ``refused`` says what to grant where the answer is 401 or 403."""
    host = host_of(reply.url)
    match reply.status:
        case status if 200 <= status < 300:
            return None
        case 401 | 403:
            return Refused(f"{host} answered {reply.status}: {refused}")
        case 429:
            return Throttled(f"{host} answered 429", wait_seconds_of(reply.headers))
        case 503 if (wait_seconds := wait_seconds_of(reply.headers)) is not None:
            return Throttled(f"{host} answered 503", wait_seconds)
        case status if status == 408 or status >= 500:
            return Unreachable(f"{host} answered {reply.status}")
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
