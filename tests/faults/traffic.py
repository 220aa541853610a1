"""Injects faults into the requests of a scan, and records every request: who retried what, when and how many times."""

import itertools
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from local.simulator import SimulatedTenant
from local.simulator.endpoint import ServiceEndpoint
from local.simulator.faults import Fault, Faults
from local.simulator.http_messages import Request, Response
from tests.e2e.deployment import RETRY_SPEED
from tests.faults.faults import StorageFault, transient

type Key = tuple[str, str, bytes]
MAX_INLINE_WAIT_SECONDS = 5.0
MAX_WAIT_SECONDS = 3600.0
"""A longer ``Retry-After`` is cut to this (docs/architecture.md)."""


class AlternatingFaults(Faults):
    """Requests of an operation meet the next faults of its list, ``in_a_row`` of them; then one succeeds."""

    def __init__(self, plan: Mapping[str, Sequence[str]], in_a_row: int = 1) -> None:
        super().__init__(1)
        self._in_a_row = in_a_row
        self._waiting_for = {operation: list(names) for operation, names in plan.items()}
        self._turns: Counter[str] = Counter()
        self.applied: Counter[tuple[str, str]] = Counter()

    def next_for(self, operation: str) -> Fault | None:
        """The fault that affects this request, if any."""
        names = self._waiting_for.get(operation)
        self._turns[operation] += 1
        if not names or self._turns[operation] % (self._in_a_row + 1) == 0:
            return None
        name = names.pop(0)
        self.applied[operation, name] += 1
        return transient(name, operation)


@dataclass(eq=False)
class Traffic:
    """The requests that the simulated services received, by what was requested."""

    requests: dict[Key, list[tuple[float, Response]]] = field(default_factory=lambda: defaultdict(list))

    def most_attempts(self) -> int:
        """How often the same request was sent at most. Requests for tokens are all the same, so they do not count."""
        return max((len(sent) for key, sent in self.requests.items() if not key[0].endswith(".token")), default=0)

    def sent(self, operation: str) -> int:
        """How many requests an operation received."""
        return sum(len(sent) for key, sent in self.requests.items() if key[0] == operation)

    def early_retries(self, timer_speed: float) -> list[str]:
        """The retries that came before ``Retry-After`` had passed; durable timers run at this speed."""
        return [
            f"{key[0]} after {again - at:.2f} s, not {wait} s"
            for key, sent in self.requests.items()
            for (at, response), (again, _) in itertools.pairwise(sent)
            if (wait := _instructed_seconds(key[0], response, timer_speed)) and again - at < wait
        ]


def _instructed_seconds(operation: str, response: Response, timer_speed: float) -> float:
    """How long the next request has to wait at least. The orchestration waits for the sign-in service, on a timer."""
    text = response.headers.get("Retry-After", "")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.9 if text.endswith("GMT") else 0  # a date has whole seconds, and was written a moment before
    is_inline = seconds <= MAX_INLINE_WAIT_SECONDS and operation != "entra.token"
    return seconds / RETRY_SPEED if is_inline else min(seconds, MAX_WAIT_SECONDS) / timer_speed


_recording: list[tuple[SimulatedTenant, Traffic]] = []
_respond = ServiceEndpoint._respond


def _respond_and_record(endpoint: ServiceEndpoint, request: Request, operation: str, in_flight: int) -> Response:
    response = _respond(endpoint, request, operation, in_flight)
    key = (f"{endpoint._service.name}.{operation}", request.raw_path, request.body)
    for tenant, traffic in _recording:
        if endpoint._state is tenant.state:
            traffic.requests[key].append((time.monotonic(), response))
    return response


ServiceEndpoint._respond = _respond_and_record  # type: ignore[method-assign]


@contextmanager
def recorded(tenant: SimulatedTenant) -> Iterator[Traffic]:
    """Record the requests to every service of this tenant."""
    traffic = Traffic()
    _recording.append((tenant, traffic))
    try:
        yield traffic
    finally:
        _recording.remove((tenant, traffic))


@dataclass
class StorageProxy:
    """A proxy in front of Azurite; every n-th request meets the next fault."""

    port: int
    faults: list[StorageFault] = field(default_factory=list)
    every: int = 5
    applied: Counter[StorageFault] = field(default_factory=Counter)
    refuses_writes: StorageFault | None = None
    """What every write gets until this is ``None`` again."""

    def next_for(self, request: web.Request, number: int) -> StorageFault | None:
        """The fault that affects this request, if any."""
        if self.refuses_writes and request.method != "GET":
            return self.refuses_writes
        if number % self.every:
            return None
        for fault in self.faults:
            is_possible = request.method != "GET" or not fault.is_carried_out
            if is_possible and (not fault.only or request.headers.get(fault.only, "*") != "*"):
                self.faults.remove(fault)
                self.applied[fault] += 1
                return fault
        return None


@asynccontextmanager
async def storage_proxy(azurite_port: int) -> AsyncIterator[StorageProxy]:
    """Run a proxy until the block ends. Faults that are added to it apply from then on."""
    proxy, count = StorageProxy(0), itertools.count(1)

    async def forward(request: web.Request) -> web.Response:
        body = await request.read()
        fault = proxy.next_for(request, next(count))
        if fault and not fault.is_carried_out:
            return _faulty(fault, request)
        response = await _forwarded(http, azurite_port, request, body)
        return _faulty(fault, request) if fault else response

    runner = web.ServerRunner(web.Server(forward, access_log=None), shutdown_timeout=0.1)
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        proxy.port = runner.addresses[0][1]
        try:
            yield proxy
        finally:
            await runner.cleanup()


def _faulty(fault: StorageFault, request: web.Request) -> web.Response:
    if fault.status == 0 and request.transport:
        request.transport.abort()
    waits = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    headers = {"Content-Type": "application/json"} | waits
    return web.Response(status=fault.status or 500, body=fault.body(), headers=headers)


async def _forwarded(http: aiohttp.ClientSession, azurite_port: int, request: web.Request, body: bytes) -> web.Response:
    url = URL(f"http://127.0.0.1:{azurite_port}{request.raw_path}", encoded=True)
    skipped = ["Content-Type", "Accept"]
    async with http.request(
        request.method, url, data=body or None, headers=request.headers, skip_auto_headers=skipped
    ) as response:
        dropped = {"content-length", "transfer-encoding", "connection", "keep-alive"}
        kept = CIMultiDict((name, value) for name, value in response.headers.items() if name.lower() not in dropped)
        return web.Response(status=response.status, body=await response.read(), headers=kept)
