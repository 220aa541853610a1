"""Decides who may call the host: programs on this machine, and no web page that a browser happens to show."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from local.host.worker import Function

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
WEBHOOKS = "/runtime/"
ADMIN = "/admin/"


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of this run, random as in Azure: the host's own, and one for the functions if they require keys."""

    host: str
    function: str | None

    @classmethod
    def random(cls, *, require_function_keys: bool) -> "Keys":
        """New keys for one run."""
        return cls(secrets.token_urlsafe(24), secrets.token_urlsafe(24) if require_function_keys else None)

    def open_webhooks(self, request: web.Request) -> bool:
        """Whether a request may use the durable webhooks and the admin routes."""
        return _is(self.host, request)

    def open_function(self, function: Function, request: web.Request) -> bool:
        """Whether a request may call a function of this authorization level."""
        if self.function is None:
            return True
        match str(function.trigger.get("authLevel") or "function").lower():
            case "anonymous":
                return True
            case "admin":
                return _is(self.host, request)
            case _:
                return _is(self.function, request) or _is(self.host, request)


def refuse_other_sites(keys: Keys) -> Middleware:
    """A middleware that lets nothing through that DNS rebinding or another site's page could send."""

    @web.middleware
    async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        if reason := reason_to_refuse(request.headers):
            return web.Response(status=403, text=f"The local host refuses this request: {reason}.")
        if request.path.startswith((WEBHOOKS, ADMIN)) and not keys.open_webhooks(request):
            return web.Response(status=401, text="The local host's code is missing: add ?code=… as it printed it.")
        return await handler(request)

    return refuse


def reason_to_refuse(headers: Mapping[str, str]) -> str | None:
    """Why a request with these headers is refused, or None."""
    host = headers.get("Host", "")
    if hostname_of(host) not in LOOPBACK_NAMES:
        return "its Host header is not a loopback name"
    if headers.get("Origin") not in {None, f"http://{host}"}:
        return "it comes from a page of another origin"
    if headers.get("Sec-Fetch-Site", "").lower() == "cross-site":
        return "it comes from another site"
    return None


def hostname_of(host: str) -> str | None:
    """The name in a Host header, without its port."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _is(key: str, request: web.Request) -> bool:
    given = request.headers.get("x-functions-key") or request.query.get("code") or ""
    return secrets.compare_digest(given.encode(), key.encode())
