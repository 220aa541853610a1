"""Opens the pooled HTTP clients of one OS process, all of which trust the same certificate authorities."""

import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import aiohttp
import certifi
import httpx
from httpx_aiohttp import AiohttpTransport

IDLE_SECONDS = 4
"""Servers close idle connections, Azurite after 5 s. If we close them first, no request fails because of it."""
MAX_CONNECTIONS = 64


def trusted_authorities(extra_certificates: Path | None) -> ssl.SSLContext:
    """The public certificate authorities, and those of the file that ``SSL_CERT_FILE`` names."""
    context = ssl.create_default_context(cafile=certifi.where())
    if extra_certificates:
        context.load_verify_locations(cafile=extra_certificates)
    return context


def open_session(trust: ssl.SSLContext) -> aiohttp.ClientSession:
    """A session on aiohttp's connection pool; needs a running event loop."""
    connector = aiohttp.TCPConnector(ssl=trust, limit=MAX_CONNECTIONS, keepalive_timeout=IDLE_SECONDS)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False)


def open_http(trust: ssl.SSLContext) -> httpx.AsyncClient:
    """The client for every request to Microsoft 365. It keeps no cookies and follows no redirects."""
    transport = AiohttpTransport(verify=trust, client=lambda: open_session(trust))
    return httpx.AsyncClient(
        transport=transport,
        headers={"user-agent": "bookings-atlas", "accept-encoding": "gzip"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        trust_env=False,
    )
