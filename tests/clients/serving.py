"""A small web server for responses that the simulated tenant never sends."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Served:
    """The URL of the server, and the requests it received."""

    url: str = ""
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        return [path for _, path, _, _ in self.requests]


@asynccontextmanager
async def serving(
    respond: Callable[[web.BaseRequest], web.StreamResponse | Awaitable[web.StreamResponse]],
) -> AsyncIterator[Served]:
    """Serve until the block ends."""
    served = Served()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        served.requests.append((request.method, request.raw_path, headers, await request.read()))
        response = respond(request)
        return response if isinstance(response, web.StreamResponse) else await response

    runner = web.ServerRunner(web.Server(handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield served
    finally:
        await runner.cleanup()


def one_after_another(*responses: Callable[[], web.StreamResponse]) -> Callable[[web.BaseRequest], web.StreamResponse]:
    """Each response once, the last one for ever."""
    left = list(responses)
    return lambda _: (left.pop(0) if len(left) > 1 else left[0])()
