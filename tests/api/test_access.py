"""Who may call which route with ``API_ACCESS=entra``: each with every role, with none, and with a forged header."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.access import AppRole, check_role
from api.openapi.operations import OPERATIONS
from api.problems import Problem
from tests.e2e.deployment import ROOT, UNSET
from tests.forked import forked_host

EASY_AUTH = {"WEBSITE_AUTH_ENABLED": "True"}
ROLES = {
    ("post", "/scans"): {AppRole.RUN_SCANS},
    ("delete", "/scans/{id}"): {AppRole.RUN_SCANS},
    ("get", "/users/{user}/bookings"): {AppRole.AVAILABILITY},
}
"""Every other closed route asks for ``Bookings.Read``."""


def principal(*roles: str, role_type: str = "roles") -> str:
    """The header as Easy Auth writes it."""
    document = {
        "auth_typ": "aad",
        "name_typ": "name",
        "role_typ": role_type,
        "claims": [{"typ": "name", "val": "Adele"}, *({"typ": role_type, "val": role} for role in roles)],
    }
    return base64.b64encode(json.dumps(document).encode()).decode()


@pytest.fixture(scope="module")
def with_easy_auth() -> Iterator[str]:
    """The app where Easy Auth is on; it has no settings, so that a caller who is let in is answered 503."""
    with forked_host(ROOT, settings={**UNSET, "API_ACCESS": "entra", **EASY_AUTH}) as host:
        yield host.url


@pytest.fixture(scope="module")
def without_easy_auth() -> Iterator[str]:
    """The same app where the platform does not say that Easy Auth is on."""
    with forked_host(ROOT, settings={**UNSET, "API_ACCESS": "entra", "WEBSITE_AUTH_ENABLED": ""}) as host:
        yield host.url


def closed_routes() -> list[tuple[str, str]]:
    """Every route but the open one."""
    return [(operation.method, operation.path) for operation in OPERATIONS if not operation.is_open]


def asked(url: str, method: str, path: str, **headers: str) -> httpx.Response:
    """A request to a route, with something in the place of its parameters."""
    address = f"{url}/api{path}".replace("{user}", "adele@contoso.com").replace("{id}", "scan-1")
    return httpx.request(method, address, headers=headers, timeout=30)


def test_every_route_asks_for_its_role_and_for_no_other(with_easy_auth: str) -> None:
    for method, path in closed_routes():
        wanted = ROLES.get((method, path), {AppRole.READ})
        for role in AppRole:
            answer = asked(with_easy_auth, method, path, **{"x-ms-client-principal": principal(role)})

            expected = "notConfigured" if role in wanted else "forbidden"
            assert answer.json()["code"] == expected, (method, path, role)


def test_nobody_and_a_forged_header_are_not_let_in(with_easy_auth: str) -> None:
    for method, path in closed_routes():
        for header in ({}, {"x-ms-client-principal": "not base64"}, {"x-ms-client-principal": "bm90IGpzb24="}):
            answer = asked(with_easy_auth, method, path, **header)

            assert answer.status_code == 401, (method, path, header)
            assert answer.json()["code"] == "unauthenticated"


def test_a_header_is_not_believed_where_the_platform_does_not_say_that_easy_auth_is_on(without_easy_auth: str) -> None:
    for method, path in closed_routes():
        answer = asked(without_easy_auth, method, path, **{"x-ms-client-principal": principal(*AppRole)})

        assert answer.status_code == 401, (method, path)


def test_health_is_open(with_easy_auth: str) -> None:
    assert asked(with_easy_auth, "get", "/health").json()["code"] == "notConfigured"


@pytest.mark.parametrize("role_type", ["roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role", "r"])
def test_roles_are_read_under_the_name_that_the_principal_gives_them(role_type: str) -> None:
    headers = {"x-ms-client-principal": principal("Bookings.Read", role_type=role_type)}

    check_role(headers, EASY_AUTH, AppRole.READ)


@pytest.mark.parametrize("document", [[], {"claims": None}, {"claims": [{}]}, {"claims": [1]}, {"claims": "roles"}, 7])
def test_an_odd_principal_is_nobody(document: Any) -> None:
    headers = {"x-ms-client-principal": base64.b64encode(json.dumps(document).encode()).decode()}

    with pytest.raises(Problem) as problem:
        check_role(headers, EASY_AUTH, AppRole.READ)

    assert problem.value.code == "unauthenticated"
