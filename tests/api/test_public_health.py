"""In Azure, the health of the app is public and reveals nothing about the tenant."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from api.access import is_in_azure
from api.models.health import Health
from atlas.domain.unknown import Reason
from atlas.health.checks import Check, HealthStatus
from atlas.health.checks import Health as HealthResult
from tests.e2e.deployment import ROOT, UNSET
from tests.forked import forked_host

pytestmark = pytest.mark.servers

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
SECRET = "AADSTS700016: application df021288-bdef-4463-88db-98f22de89214 was not found in Contoso"
TENANT = "not-a-guid-but-contoso"


@pytest.mark.parametrize("reason", [None, *Reason])
def test_a_public_failure_has_no_details(reason: Reason | None) -> None:
    failed = Check(ok=False, detail=SECRET, reason=reason)
    passed = Check(ok=True, detail="signs in")
    health = HealthResult(HealthStatus.UNHEALTHY, passed, failed, failed, failed, failed, None, NOW)

    public, internal = (Health.of(health, NOW, is_public=is_public).model_dump_json() for is_public in (True, False))
    assert "signs in" in public
    assert "Contoso" not in public
    assert "df021288" not in public
    assert internal.count(SECRET) == 4


@pytest.fixture(scope="module")
def in_azure() -> Iterator[str]:
    """The app with an invalid setting, where the platform says that this is Azure."""
    with forked_host(ROOT, settings={**UNSET, "TENANT_ID": TENANT, "WEBSITE_SITE_NAME": "atlas"}) as host:
        yield host.url


def test_an_invalid_setting_is_named_without_its_value(in_azure: str) -> None:
    response = httpx.get(f"{in_azure}/api/health", timeout=60)

    assert (response.status_code, response.json()["code"]) == (503, "notConfigured")
    assert "TENANT_ID" in response.json()["detail"]
    assert TENANT not in json.dumps(response.json())


def test_problems_have_the_security_headers(in_azure: str) -> None:
    for path in ("health", "users", "no-such-route"):
        headers = httpx.get(f"{in_azure}/api/{path}", timeout=60).headers

        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({"WEBSITE_SITE_NAME": "atlas"}, True), ({"WEBSITE_SITE_NAME": ""}, False), ({}, False)],
)
def test_azure_is_recognised_by_its_environment(environment: dict[str, str], expected: bool) -> None:
    assert is_in_azure(environment) is expected
