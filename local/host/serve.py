"""Assembles the host and runs it: settings, worker, routes, timers and task hub around one function app."""

import asyncio
import contextlib
import errno
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from azure.durable_functions.models.utils.http_utils import _close_session as close_the_sdks_session

from local.host.console import summary
from local.host.durable.engine import Engine
from local.host.durable.hazards import Hazards
from local.host.durable.management import Management, client_json
from local.host.durable.tasks import Functions
from local.host.guard import Keys, refuse_other_sites
from local.host.http_server import MAX_BODY_BYTES, MAX_HEADER_BYTES, HttpServer
from local.host.records import TypedData
from local.host.routes import Routes, parse_route
from local.host.settings import HostSettings, is_disabled, is_on, read_host_json, read_local_settings
from local.host.timers import BadSchedule, Schedule, Timer
from local.host.worker import BrokenApp, Function, Worker

log = logging.getLogger("local.host")

HOST = "127.0.0.1"


class PortInUse(Exception):
    """Another program listens on the port; the message names the port."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a run may do differently: hazards of production, and how long completions are collected for one turn."""

    hazards: Hazards = field(default_factory=Hazards)
    gather_seconds: float = 0.015
    handle_signals: bool = True


@dataclass(frozen=True, slots=True)
class Ready:
    """A host that responds: its address, its code for webhooks and admin routes, and a summary for its developer."""

    port: int
    url: str
    code: str
    summary: str


async def serve(
    app_folder: Path,
    port: int = 7071,
    *,
    options: Options | None = None,
    on_ready: Callable[[Ready], None] | None = None,
) -> None:
    """Run the function app of a folder until it is cancelled, or stopped by SIGINT or SIGTERM.

    Port 0 takes a free one. The environment overrides local.settings.json, whose values are put into the environment
    before the app is imported. Raises BrokenApp, UnusableSettings or PortInUse when it cannot start.
    """
    options = options or Options()
    app_folder = Path(os.path.abspath(app_folder))  # noqa: ASYNC240,PTH100 - does not touch the disk
    for name, value in read_local_settings(app_folder).items():
        os.environ.setdefault(name, value)
    host = await _Host.build(app_folder, read_host_json(app_folder), options)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(host.stop)
        ready = await host.start(port)
        if on_ready:
            on_ready(ready)
        await _until_stopped(handle_signals=options.handle_signals)


class _Host:
    def __init__(self, worker: Worker, functions: list[Function], settings: HostSettings, options: Options) -> None:
        self._worker = worker
        self._settings = settings
        self._by_kind: dict[str, dict[str, Function]] = {}
        for function in functions:
            self._by_kind.setdefault(function.kind, {})[_durable_name(function).lower()] = function
        self._warn_of_unknown_triggers()
        functions_with_routes = self._of("httpTrigger").values()
        self._routes = Routes([parse_route(function, settings.route_prefix) for function in functions_with_routes])
        self._keys = Keys.random(require_function_keys=is_on(os.environ.get("REQUIRE_KEYS", "")))
        self._timers = dict(self._read_timers())
        self._engine = Engine(
            self._run_orchestrator,
            self._run_activity,
            Functions(self._names("orchestrationTrigger"), self._names("activityTrigger")),
            concurrent_orchestrators=settings.concurrent_orchestrators,
            concurrent_activities=settings.concurrent_activities,
            gather_seconds=options.gather_seconds,
            hazards=options.hazards,
        )
        self._url = ""
        self._runner: web.AppRunner | None = None
        self._running_timers: list[asyncio.Task[None]] = []

    @classmethod
    async def build(cls, app_folder: Path, settings: HostSettings, options: Options) -> "_Host":
        worker = Worker(app_folder)
        functions = [found for found in await worker.index() if not is_disabled(found.name, os.environ)]
        return cls(worker, functions, settings, options)

    async def start(self, port: int) -> Ready:
        http = HttpServer(self._worker, self._routes, self._keys)
        application = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[refuse_other_sites(self._keys)])
        application.add_routes(Management(self._engine, lambda: self._url, self._keys.host).routes())
        application.router.add_get("/admin/host/status", self._host_status)
        application.router.add_post("/admin/functions/{name}", self._run_timer)
        application.router.add_route("*", "/{path:(?s:.*)}", http.respond)
        self._runner = web.AppRunner(
            application,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=0.5,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, port)
        try:
            await site.start()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(
                    f"port {port} is in use: stop the program that listens there, or choose another port"
                ) from error
            raise
        taken = int(self._runner.addresses[0][1])
        self._url = f"http://{HOST}:{taken}"
        self._worker.client_json = client_json(self._url, self._settings.hub_name, self._keys.host)
        self._running_timers = [asyncio.create_task(timer.run_forever()) for timer in self._timers.values()]
        text = summary(
            self._url,
            self._keys,
            self._routes,
            self._timers.values(),
            self._names("orchestrationTrigger"),
            self._names("activityTrigger"),
        )
        return Ready(taken, self._url, self._keys.host, text)

    async def stop(self) -> None:
        for timer in self._running_timers:
            timer.cancel()
        self._engine.close()
        if self._runner:
            await self._runner.cleanup()
        await close_the_sdks_session()
        self._worker.stop()

    def _of(self, kind: str) -> dict[str, Function]:
        """The functions of a trigger, by their names in lower case: Azure ignores case in names."""
        return self._by_kind.get(kind, {})

    def _names(self, kind: str) -> frozenset[str]:
        return frozenset(_durable_name(function) for function in self._of(kind).values())

    def _warn_of_unknown_triggers(self) -> None:
        known = {"httpTrigger", "timerTrigger", "orchestrationTrigger", "activityTrigger"}
        for kind in self._by_kind.keys() - known:
            log.warning("%s: the local host does not simulate a %s, so it never runs", ", ".join(self._of(kind)), kind)

    def _read_timers(self) -> Iterator[tuple[str, Timer]]:
        for name, function in self._of("timerTrigger").items():
            try:
                schedule = Schedule.parse(function.trigger["schedule"], os.environ)
            except BadSchedule as fault:
                log.error("the timer %s does not start: %s", name, fault)  # noqa: TRY400 - the message says it all
            else:
                yield name, Timer(self._worker, function, schedule)

    async def _run_orchestrator(self, name: str, request: str) -> str:
        result = await self._worker.invoke(self._of("orchestrationTrigger")[name.lower()], TypedData(string=request))
        return str(result.value) if result else "{}"

    async def _run_activity(self, name: str, argument: str) -> str:
        result = await self._worker.invoke(self._of("activityTrigger")[name.lower()], TypedData(string=argument))
        return str(result.value) if result else "null"

    async def _host_status(self, _request: web.Request) -> web.Response:
        return web.json_response({"state": "Running", "measured": self._engine.measurements.to_dict()})

    async def _run_timer(self, request: web.Request) -> web.Response:
        timer = self._timers.get(request.match_info["name"].lower())
        if timer is None:
            return web.Response(status=404)
        work = asyncio.create_task(_once(timer))
        self._running_timers.append(work)
        work.add_done_callback(self._running_timers.remove)
        return web.Response(status=202)


async def _once(timer: Timer) -> None:
    await timer.run(datetime.now(UTC))


def _durable_name(function: Function) -> str:
    return str(function.trigger.get("orchestration") or function.trigger.get("activity") or function.name)


async def _until_stopped(*, handle_signals: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM) if handle_signals and sys.platform != "win32" else ()
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        await stop.wait()
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


__all__ = ["BrokenApp", "Hazards", "Options", "PortInUse", "Ready", "serve"]
