"""HTTP in front of the app's functions: a request becomes an invocation, its return value a response."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from multidict import CIMultiDict

from local.host.guard import Keys
from local.host.records import Record, TypedData
from local.host.routes import Route, Routes
from local.host.worker import InvocationFailed, Worker, report

MAX_BODY_BYTES = 100 * 1024 * 1024  # the Functions host's default
MAX_HEADER_BYTES = 32 * 1024  # Kestrel's limits
MAX_HEADERS = 100


class HttpServer:
    """The HTTP functions of one app."""

    def __init__(self, worker: Worker, routes: Routes, keys: Keys) -> None:
        self._worker = worker
        self._routes = routes
        self._keys = keys

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Respond as the Functions host does: 404 without a route, 401 without a key, an empty 500 for an exception."""
        raw_path, _, raw_query = request.raw_path.partition("?")
        if status := _refused_by_kestrel(request, raw_path):
            return web.Response(status=status)
        found = self._routes.find(request.method, raw_path)
        if found is None:
            return web.Response(status=404)
        route, parameters = found
        if not self._keys.open_function(route.function, request):
            return web.Response(status=401)
        http = TypedData(http=await _http(request, raw_path, raw_query, parameters))
        try:
            returned = await self._worker.invoke(route.function, http)
        except InvocationFailed as failure:
            report(_describe(route), failure)
            return web.Response(status=500)
        return _response(returned)


def _describe(route: Route) -> str:
    return f"{route.function.name} ({route.template})"


def _refused_by_kestrel(request: web.Request, raw_path: str) -> int | None:
    if "%00" in raw_path:
        return 400
    size = sum(len(name) + len(value) + 4 for name, value in request.raw_headers)
    return 431 if size > MAX_HEADER_BYTES or len(request.raw_headers) > MAX_HEADERS else None


async def _http(request: web.Request, raw_path: str, raw_query: str, parameters: Mapping[str, str]) -> Record:
    # In Azure, a parameter without a value and a chunked body never reach the function; the URL stays as it was sent.
    query = _join_values(parse_qsl(raw_query, keep_blank_values=False))
    body = b"" if "chunked" in request.headers.get("Transfer-Encoding", "").lower() else await request.read()
    return Record(
        method=request.method,
        url=f"{request.scheme}://{request.host}{raw_path}{'?' + raw_query if raw_query else ''}",
        headers=_join_values((name.lower(), value) for name, value in request.headers.items()),
        params=dict(parameters),
        query=query,
        body=TypedData(bytes=body),
    )


def _join_values(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Values by name. The values of a repeated name are joined with commas."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _response(returned: TypedData | None) -> web.Response:
    if returned is None:
        return web.Response(status=204)
    if returned.kind != "http":
        return web.Response(text=str(returned.value))
    http: Any = returned.value
    headers = CIMultiDict(http.headers)
    for cookie in http.cookies or ():
        headers.add("Set-Cookie", _cookie(cookie))
    return web.Response(status=int(http.status_code), headers=headers, body=http.body.value if http.body else b"")


def _cookie(cookie: Any) -> str:
    parts = [f"{cookie.name}={cookie.value}"]
    for label, value in (("Domain", cookie.domain), ("Path", cookie.path), ("Max-Age", cookie.max_age)):
        if value is not None and value.value not in ("", None):
            parts.append(f"{label}={value.value}")
    if cookie.expires is not None:
        parts.append(f"Expires={cookie.expires.value:%a, %d %b %Y %H:%M:%S} GMT")
    parts += [
        label for label, value in (("Secure", cookie.secure), ("HttpOnly", cookie.http_only)) if value and value.value
    ]
    if cookie.same_site:
        parts.append(f"SameSite={cookie.same_site}")
    return "; ".join(parts)
