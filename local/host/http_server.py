"""HTTP in front of the app's functions: a request becomes an invocation, its return value a response."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from multidict import CIMultiDict

from local.host.records import Record, TypedData
from local.host.routes import Route, Routes
from local.host.worker import InvocationFailed, Worker, report

MAX_BODY_BYTES = 100 * 1024 * 1024  # as the Functions host has it by default


class HttpServer:
    """The HTTP functions of one app."""

    def __init__(self, worker: Worker, routes: Routes) -> None:
        self._worker = worker
        self._routes = routes

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request: 404 without a route for its path and method, an empty 500 when the function raises."""
        raw_path, _, raw_query = request.raw_path.partition("?")
        found = self._routes.find(request.method, raw_path)
        if found is None:
            return web.Response(status=404)
        route, parameters = found
        asked = TypedData(http=await _http(request, raw_path, raw_query, parameters))
        try:
            returned = await self._worker.invoke(route.function, asked)
        except InvocationFailed as failure:
            report(_named(route), failure)
            return web.Response(status=500)
        return _response(returned)


def _named(route: Route) -> str:
    return f"{route.function.name} ({route.template})"


async def _http(request: web.Request, raw_path: str, raw_query: str, parameters: Mapping[str, str]) -> Record:
    query: dict[str, str] = {}
    for name, value in parse_qsl(raw_query, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    url = f"{request.scheme}://{request.host}{raw_path}{'?' + raw_query if raw_query else ''}"
    return Record(
        method=request.method,
        url=url,
        headers=headers,
        params=dict(parameters),
        query=query,
        body=TypedData(bytes=await request.read()),
    )


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
