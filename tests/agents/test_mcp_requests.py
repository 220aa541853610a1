"""Which HTTP requests may contain a message of the protocol: by origin, media types and size."""

import azure.functions as func
import pytest

from api.mcp.route import MAX_BODY_BYTES, refusal_of
from api.problems import Problem

URL = "https://atlas.azurewebsites.net/api/mcp"
GATEWAY = "https://europe-002.azure-apihub.net/apim/bookings-atlas/7f"


def request(**headers: str) -> func.HttpRequest:
    given = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return func.HttpRequest("POST", URL, headers=given, body=b"")


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://atlas.azurewebsites.net:8080", "null", "", "garbage", "http://["]
)
def test_scripts_of_other_sites_are_refused(origin: str) -> None:
    """With another site's DNS name for this machine, a script could otherwise reach the app."""
    with pytest.raises(Problem) as problem:
        refusal_of(request(Origin=origin), 10)

    assert (problem.value.code, problem.value.status) == ("forbidden", 403)


def test_the_own_site_and_microsofts_gateways_are_accepted() -> None:
    assert refusal_of(request(), 10) is None
    assert refusal_of(request(Origin="https://atlas.azurewebsites.net"), 10) is None
    by_gateway = request(Origin="https://make.powerautomate.com", x_ms_apim_referrer_prefix=GATEWAY)
    assert refusal_of(by_gateway, 10) is None


def test_another_gateway_proves_nothing() -> None:
    with pytest.raises(Problem):
        refusal_of(request(Origin="https://evil.example", x_ms_apim_referrer_prefix="https://evil.example/api"), 10)


@pytest.mark.parametrize(
    ("headers", "size", "status"),
    [
        ({"Accept": "application/json, text/event-stream"}, MAX_BODY_BYTES, None),
        ({"Accept": "application/json"}, 10, None),
        ({"Accept": "*/*;q=0.8"}, 10, None),
        ({"Content-Type": "application/json; charset=utf-8"}, 10, None),
        ({"Accept": "text/event-stream"}, 10, 406),
        ({"Content-Type": "text/plain"}, 10, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 10, 415),
        ({"Content-Type": ""}, 10, 415),
        ({}, MAX_BODY_BYTES + 1, 413),
    ],
)
def test_media_types_and_sizes(headers: dict[str, str], size: int, status: int | None) -> None:
    response = refusal_of(request(**headers), size)

    assert (response and response.status) == status
