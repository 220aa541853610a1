"""The route of the report: open, without data, and with a policy that admits its own script only."""

import re

import azure.functions as func
import pytest

from api.report import get_report


@pytest.fixture
async def responses():
    """Two responses of the route, without any settings."""
    route = get_report.build().get_user_function() if hasattr(get_report, "build") else get_report
    request = func.HttpRequest(method="GET", url="https://atlas.example/api/report", body=b"")
    return [await route(request) for _ in range(2)]


async def test_the_policy_admits_only_what_has_the_nonce(responses):
    response, _ = responses
    policy = response.headers["Content-Security-Policy"]
    (nonce,) = set(re.findall(r"'nonce-([^']+)'", policy))
    page = response.get_body().decode()

    assert response.status_code == 200
    assert response.mimetype == "text/html"
    assert dict(part.split(" ", 1) for part in policy.split("; ")) == {
        "default-src": "'none'",
        "script-src": f"'nonce-{nonce}'",
        "style-src": f"'nonce-{nonce}'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "connect-src": "'self'",
        "frame-ancestors": "'none'",
    }
    assert page.count(f'nonce="{nonce}"') == page.count("<script") + page.count("<style")
    assert response.headers["Cache-Control"] == "no-store"


async def test_every_response_has_a_nonce_of_its_own(responses):
    first, second = (response.headers["Content-Security-Policy"] for response in responses)

    assert first != second
