"""With ``REQUIRE_KEYS=1``, the local host requires keys as Azure does, so a route with a forgotten level shows."""

import re
from collections.abc import Iterator

import httpx
import pytest

from local.host.child import HostChild
from tests.e2e.deployment import ROOT, UNSET
from tests.forked import forked_host

OPEN = {"GET /api/health", "GET /api/report"}
"""The contract leaves these open; every other route requires a key."""
ROUTE = re.compile(r"^  (?P<methods>[A-Z,]+) +http://[^/]+(?P<path>/api/\S+)$", re.MULTILINE)
VALUES = {"{user}": "adele@contoso.com", "{id}": "scan-1", "{*path}": "nothing"}


@pytest.fixture(scope="module", params=[None], ids=["shared host with keys"])
def host() -> Iterator[HostChild]:
    """The app, without settings: routes that a caller may use respond with 503."""
    with forked_host(ROOT, settings={**UNSET, "REQUIRE_KEYS": "1"}) as running:
        yield running


def routes(host: HostChild) -> dict[str, tuple[str, str]]:
    """Every route that the host has found in the app, with one request for it."""
    found = {}
    for methods, template in ROUTE.findall(host.log()):
        path = template
        for name, value in VALUES.items():
            path = path.replace(name, value)
        for method in methods.split(","):
            found[f"{method} {template}"] = (method, host.url + path)
    return found


def test_every_route_except_the_open_ones_requires_a_key(host: HostChild) -> None:
    responses = {name: httpx.request(*request, timeout=30).status_code for name, request in routes(host).items()}

    assert len(responses) > 20
    assert {name for name, status in responses.items() if status != 401} == OPEN & responses.keys()


@pytest.mark.parametrize("place", ["header", "query"])
def test_every_route_accepts_the_key(host: HostChild, place: str) -> None:
    key = host.log().partition("Functions require the key ")[2].split()[0]
    given = {"headers": {"x-functions-key": key}} if place == "header" else {"params": {"code": key}}

    for name, (method, url) in routes(host).items():
        assert httpx.request(method, url, timeout=30, **given).status_code != 401, name  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/api/users", "/api/nothing", "/runtime/webhooks/durabletask/instances", "/admin/x"])
def test_a_wrong_key_opens_nothing(host: HostChild, path: str) -> None:
    assert httpx.get(host.url + path, headers={"x-functions-key": "wrong"}, timeout=30).status_code == 401
