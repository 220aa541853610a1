"""What every request passes before a service answers: counts, latency, throttling, faults, the read-only trap."""

import asyncio

from aiohttp import web

from local.simulator.faults import Fault
from local.simulator.http_messages import Request, Response, Service
from local.simulator.options import ServiceBehaviour
from local.simulator.state import SimulatorState

_SLOW_ONLY = 200


class ServiceEndpoint:
    """One service behind a socket."""

    def __init__(self, service: Service, state: SimulatorState) -> None:
        self._service = service
        self._state = state

    async def __call__(self, http_request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        body = await http_request.read() if http_request.body_exists else b""
        request = Request(http_request.method, http_request.raw_path, http_request.headers, body)
        operation = self._service.operation_of(request)
        counted = self._state.metrics.of(self._service.name)
        counted.opened(operation)
        status = 0
        try:
            response = await self._answered(request, operation, counted.in_flight)
            status = response.status
            return _response(http_request, response)
        finally:
            self._state.metrics.of(self._service.name).closed(status)

    async def _answered(self, request: Request, operation: str, in_flight: int) -> Response:
        response = self._answer(request, operation, in_flight)
        wait_seconds = self._latency_seconds() + response.delay_seconds
        if wait_seconds > 0:
            await asyncio.sleep(wait_seconds)
        return response

    def _answer(self, request: Request, operation: str, in_flight: int) -> Response:
        if self._service.is_write(request):
            self._state.metrics.writes.append(f"{self._service.name}: {request.method} {request.path}")
            return self._service.reject_write(request)
        pace = self._pace()
        if pace.max_in_flight is not None and in_flight > pace.max_in_flight:
            return faulty(self._service, Fault(operation, 429, retry_after=pace.retry_after), request)
        fault = self._state.faults.next_for(f"{self._service.name}.{operation}")
        return self._service.respond(request) if fault is None else faulty(self._service, fault, request)

    def _latency_seconds(self) -> float:
        pace = self._pace()
        jitter_ms = self._state.faults.jitter(pace.jitter_ms) if pace.jitter_ms else 0
        return (pace.latency_ms + jitter_ms) / 1000

    def _pace(self) -> ServiceBehaviour:
        return self._state.behaviour.behaviour_of(self._service.name)


def faulty(service: Service, fault: Fault, request: Request) -> Response:
    """What a call that a fault hits is answered."""
    response = _failed(service, fault, request)
    headers = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
    delay_seconds = response.delay_seconds + fault.delay_seconds
    return Response(response.status, response.body, {**response.headers, **headers}, delay_seconds, response.is_dropped)


def _failed(service: Service, fault: Fault, request: Request) -> Response:
    if fault.status == 0:
        return Response(status=0, is_dropped=True)
    if fault.status == _SLOW_ONLY and fault.body is None:
        return service.respond(request)
    if fault.body is not None:
        return Response(fault.status, fault.body)
    return service.respond_with_fault(fault, request)


def _response(request: web.BaseRequest, response: Response) -> web.StreamResponse:
    if response.is_dropped and request.transport is not None:
        request.transport.abort()
        return web.Response(status=500)
    headers = dict(response.headers)
    if "Content-Type" not in headers and not isinstance(response.body, bytes):
        headers["Content-Type"] = "text/plain" if isinstance(response.body, str) else "application/json"
    return web.Response(status=response.status or 500, body=response.content, headers=headers)
