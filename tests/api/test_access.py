"""Which callers may use which routes with ``API_ACCESS=entra``: with each role, with none, and with a forged header."""

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

pytestmark = pytest.mark.servers

EASY_AUTH = {"WEBSITE_AUTH_ENABLED": "True"}
ROLES = {
    ("post", "/scans"): {AppRole.RUN_SCANS},
    ("delete", "/scans/{id}"): {AppRole.RUN_SCANS},
    ("get", "/users/{user}/bookings"): {AppRole.AVAILABILITY},
    ("get", "/users/{user}/availability"): {AppRole.AVAILABILITY},
    ("post", "/mcp"): {AppRole.READ, AppRole.AVAILABILITY},
}
"""Every other closed route requires ``Bookings.Read``."""


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
    """The app with Easy Auth and without settings, so that callers with the role get 503."""
    with forked_host(ROOT, settings={**UNSET, "API_ACCESS": "entra", **EASY_AUTH}) as host:
        yield host.url


@pytest.fixture(scope="module")
def without_easy_auth() -> Iterator[str]:
    """The same app without Easy Auth."""
    with forked_host(ROOT, settings={**UNSET, "API_ACCESS": "entra", "WEBSITE_AUTH_ENABLED": ""}) as host:
        yield host.url


def closed_routes() -> list[tuple[str, str]]:
    """Every route except the open one."""
    return [(operation.method, operation.path) for operation in OPERATIONS if not operation.is_open]


def send(url: str, method: str, path: str, **headers: str) -> httpx.Response:
    """A request to a route, with values for its parameters."""
    address = f"{url}/api{path}".replace("{user}", "adele@contoso.com").replace("{id}", "scan-1")
    return httpx.request(method, address, headers=headers, timeout=30)


def test_every_route_requires_exactly_its_role(with_easy_auth: str) -> None:
    for method, path in closed_routes():
        wanted = ROLES.get((method, path), {AppRole.READ})
        for role in AppRole:
            response = send(with_easy_auth, method, path, **{"x-ms-client-principal": principal(role)})

            expected = "notConfigured" if role in wanted else "forbidden"
            assert response.json()["code"] == expected, (method, path, role)


def test_missing_and_forged_principals_are_rejected(with_easy_auth: str) -> None:
    for method, path in closed_routes():
        for header in ({}, {"x-ms-client-principal": "not base64"}, {"x-ms-client-principal": "bm90IGpzb24="}):
            response = send(with_easy_auth, method, path, **header)

            assert response.status_code == 401, (method, path, header)
            assert response.json()["code"] == "unauthenticated"


def test_a_principal_is_not_trusted_without_easy_auth(without_easy_auth: str) -> None:
    for method, path in closed_routes():
        response = send(without_easy_auth, method, path, **{"x-ms-client-principal": principal(*AppRole)})

        assert response.status_code == 401, (method, path)


def test_health_is_open(with_easy_auth: str) -> None:
    assert send(with_easy_auth, "get", "/health").json()["code"] == "notConfigured"


@pytest.mark.parametrize("role_type", ["roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role", "r"])
def test_roles_are_read_by_the_claim_type_of_the_principal(role_type: str) -> None:
    headers = {"x-ms-client-principal": principal("Bookings.Read", role_type=role_type)}

    check_role(headers, EASY_AUTH, AppRole.READ)


@pytest.mark.parametrize("document", [[], {"claims": None}, {"claims": [{}]}, {"claims": [1]}, {"claims": "roles"}, 7])
def test_a_malformed_principal_is_rejected(document: Any) -> None:
    headers = {"x-ms-client-principal": base64.b64encode(json.dumps(document).encode()).decode()}

    with pytest.raises(Problem) as problem:
        check_role(headers, EASY_AUTH, AppRole.READ)

    assert problem.value.code == "unauthenticated"
