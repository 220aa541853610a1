"""What every request passes before a service answers: counts, latency, throttling, faults, the read-only trap."""

import asyncio

from aiohttp import web

from local.simulator.faults import Fault
from local.simulator.options import Pace
from local.simulator.wire import Ask, Reply, Service
from local.simulator.world import World

_SLOW_ONLY = 200


class Gate:
    """One service behind a socket."""

    def __init__(self, service: Service, world: World) -> None:
        self._service = service
        self._world = world

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        body = await request.read() if request.body_exists else b""
        ask = Ask(request.method, request.raw_path, request.headers, body)
        operation = self._service.operation_of(ask)
        counted = self._world.metrics.of(self._service.name)
        counted.opened(operation)
        status = 0
        try:
            reply = await self._answered(ask, operation, counted.in_flight)
            status = reply.status
            return _response(request, reply)
        finally:
            self._world.metrics.of(self._service.name).closed(status)

    async def _answered(self, ask: Ask, operation: str, in_flight: int) -> Reply:
        reply = self._answer(ask, operation, in_flight)
        wait_seconds = self._latency_seconds() + reply.delay_seconds
        if wait_seconds > 0:
            await asyncio.sleep(wait_seconds)
        return reply

    def _answer(self, ask: Ask, operation: str, in_flight: int) -> Reply:
        if self._service.is_write(ask):
            self._world.metrics.writes.append(f"{self._service.name}: {ask.method} {ask.path}")
            return self._service.refuse_write(ask)
        pace = self._pace()
        if pace.most_in_flight is not None and in_flight > pace.most_in_flight:
            return faulty(self._service, Fault(operation, 429, retry_after=pace.retry_after), ask)
        fault = self._world.faults.next_for(f"{self._service.name}.{operation}")
        return self._service.answer(ask) if fault is None else faulty(self._service, fault, ask)

    def _latency_seconds(self) -> float:
        pace = self._pace()
        jitter_ms = self._world.faults.jitter(pace.jitter_ms) if pace.jitter_ms else 0
        return (pace.latency_ms + jitter_ms) / 1000

    def _pace(self) -> Pace:
        return self._world.behaviour.pace_of(self._service.name)


def faulty(service: Service, fault: Fault, ask: Ask) -> Reply:
    """What a call that a fault hits is answered."""
    reply = _failed(service, fault, ask)
    headers = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
    delay_seconds = reply.delay_seconds + fault.delay_seconds
    return Reply(reply.status, reply.body, {**reply.headers, **headers}, delay_seconds, reply.is_dropped)


def _failed(service: Service, fault: Fault, ask: Ask) -> Reply:
    if fault.status == 0:
        return Reply(status=0, is_dropped=True)
    if fault.status == _SLOW_ONLY and fault.body is None:
        return service.answer(ask)
    if fault.body is not None:
        return Reply(fault.status, fault.body)
    return service.fail(fault, ask)


def _response(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    if reply.is_dropped and request.transport is not None:
        request.transport.abort()
        return web.Response(status=500)
    headers = dict(reply.headers)
    if "Content-Type" not in headers and not isinstance(reply.body, bytes):
        headers["Content-Type"] = "text/plain" if isinstance(reply.body, str) else "application/json"
    return web.Response(status=reply.status or 500, body=reply.content, headers=headers)
