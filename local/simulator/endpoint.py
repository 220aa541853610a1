"""What every request passes before a service responds: counts, latency, throttling, faults, and the ban on writes."""

import asyncio
import contextlib

from aiohttp import web

from local.simulator.faults import Effect, Fault
from local.simulator.http_messages import Request, Response, Service
from local.simulator.options import ServiceBehaviour
from local.simulator.state import SimulatorState

_DRIP_PARTS = 10
_ENDLESS_CHUNK = b" " * 65_536


class ServiceEndpoint:
    """One service behind a socket."""

    def __init__(self, service: Service, state: SimulatorState) -> None:
        self._service = service
        self._state = state

    async def __call__(self, http_request: web.BaseRequest) -> web.StreamResponse:
        """Respond to one request."""
        body = await http_request.read() if http_request.body_exists else b""
        request = Request(http_request.method, http_request.raw_path, http_request.headers, body)
        operation = self._service.operation_of(request)
        counted = self._state.metrics.of(self._service.name)
        counted.opened(operation)
        status = 0
        try:
            response = await self._respond_late(request, operation, counted.in_flight)
            status = response.status
            return await _send(http_request, response)
        finally:
            self._state.metrics.of(self._service.name).closed(status)

    async def _respond_late(self, request: Request, operation: str, in_flight: int) -> Response:
        response = self._respond(request, operation, in_flight)
        wait_seconds = self._latency_seconds() + response.delay_seconds
        if wait_seconds > 0:
            await asyncio.sleep(wait_seconds)
        return response

    def _respond(self, request: Request, operation: str, in_flight: int) -> Response:
        if self._service.is_write(request):
            self._state.metrics.writes.append(f"{self._service.name}: {request.method} {request.path}")
            return self._service.reject_write(request)
        behaviour = self._behaviour()
        if behaviour.max_in_flight is not None and in_flight > behaviour.max_in_flight:
            return faulty(self._service, Fault(operation, 429, retry_after=behaviour.retry_after), request)
        fault = self._state.faults.next_for(f"{self._service.name}.{operation}")
        return self._service.respond(request) if fault is None else faulty(self._service, fault, request)

    def _latency_seconds(self) -> float:
        behaviour = self._behaviour()
        jitter_ms = self._state.faults.jitter(behaviour.jitter_ms) if behaviour.jitter_ms else 0
        return (behaviour.latency_ms + jitter_ms) / 1000

    def _behaviour(self) -> ServiceBehaviour:
        return self._state.behaviour.behaviour_of(self._service.name)


def faulty(service: Service, fault: Fault, request: Request) -> Response:
    """The response to a request that a fault affects."""
    response = _fault_response(service, fault, request)
    headers = {**response.headers, **fault.headers}
    if fault.retry_after is not None:
        headers["Retry-After"] = fault.retry_after
    delay_seconds = response.delay_seconds + (0 if fault.effect is Effect.DRIP else fault.delay_seconds)
    drip_seconds = fault.delay_seconds if fault.effect is Effect.DRIP else 0
    body = response.content[: len(response.content) // 2] if fault.effect is Effect.TRUNCATED else response.body
    return Response(response.status, body, headers, delay_seconds, response.is_dropped, fault.effect, drip_seconds)


def _fault_response(service: Service, fault: Fault, request: Request) -> Response:
    if fault.status == 0:
        return Response(status=0, is_dropped=True)
    if fault.body is not None:
        return Response(fault.status, fault.body)
    if fault.status == 200:
        return service.respond(request)
    return service.respond_with_fault(fault, request)


async def _send(request: web.BaseRequest, response: Response) -> web.StreamResponse:
    if response.is_dropped and request.transport is not None:
        request.transport.abort()
        return web.Response(status=500)
    headers = dict(response.headers)
    if "Content-Type" not in headers and not isinstance(response.body, bytes):
        headers["Content-Type"] = "text/plain" if isinstance(response.body, str) else "application/json"
    match response.effect:
        case Effect.DRIP | Effect.ENDLESS | Effect.CUT_OFF:
            return await _stream(request, response, headers)
        case _:
            return web.Response(status=response.status or 500, body=response.content, headers=headers)


async def _stream(request: web.BaseRequest, response: Response, headers: dict[str, str]) -> web.StreamResponse:
    """Send the body slowly, without an end, or only in part although its length is announced."""
    content = response.content
    stream = web.StreamResponse(status=response.status, headers=headers)
    if response.effect is Effect.CUT_OFF:
        stream.content_length = len(content)
    await stream.prepare(request)
    size = max(1, -(-len(content) // _DRIP_PARTS))
    parts = [content[start : start + size] for start in range(0, len(content), size)]
    for part in parts if response.effect is Effect.DRIP else parts[:1]:
        await stream.write(part)
        await asyncio.sleep(response.drip_seconds / _DRIP_PARTS)
    with contextlib.suppress(ConnectionError):  # the client has read enough of it
        # A TLS connection that the client has closed accepts writes without an error.
        while response.effect is Effect.ENDLESS and request.transport and not request.transport.is_closing():
            await stream.write(_ENDLESS_CHUNK)
    if response.effect is Effect.CUT_OFF and request.transport is not None:
        request.transport.abort()
    return stream
