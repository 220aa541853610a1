"""What is read from a request: its query as it was sent, and where the caller reaches the app."""

import azure.functions as func
import pytest

from api.json_responses import base_url, url_with
from api.models.changes import ChangesQuery
from api.models.parameters import Query
from api.models.users import UsersQuery
from api.problems import Problem

HOST = "https://atlas.azurewebsites.net"
GATEWAY = "https://europe-002.azure-apihub.net/apim/bookings-atlas/7f"


def request(path: str, headers: dict[str, str] | None = None) -> func.HttpRequest:
    """A request as Azure passes it on: without the blank values of its query."""
    query = [pair.partition("=") for pair in path.partition("?")[2].split("&")]
    params = {name: value for name, _, value in query if value}
    return func.HttpRequest("GET", f"{HOST}/api{path}", headers=headers or {}, params=params, body=b"")


@pytest.mark.parametrize(
    ("query", "path", "field"),
    [
        (ChangesQuery, "/changes?since=", "since"),
        (ChangesQuery, "/changes?limit=5&since=", "since"),
        (ChangesQuery, "/changes?kind=", "kind"),
        (UsersQuery, "/users?domain=", "domain"),
        (UsersQuery, "/users?domain", "domain"),
        (UsersQuery, "/users?status=", "status"),
        (UsersQuery, "/users?search=&limit=5", "search"),
        (UsersQuery, "/users?enabled=", "enabled"),
        (UsersQuery, "/users?userType=", "userType"),
        (UsersQuery, "/users?continuation=", "continuation"),
    ],
)
def test_a_blank_value_is_rejected(query: type[Query], path: str, field: str) -> None:
    """Azure drops blank values; a blank filter must never mean "everything"."""
    with pytest.raises(Problem) as problem:
        query.of(request(path))

    assert [name for name, _ in problem.value.errors] == [field]


@pytest.mark.parametrize("name", ["code", "clientId", "triggerstate", "triggerState"])
@pytest.mark.parametrize("value", ["", "x"])
def test_parameters_of_the_platforms_are_ignored(name: str, value: str) -> None:
    assert ChangesQuery.of(request(f"/changes?{name}={value}")).since is None


@pytest.mark.parametrize("name", ["code", "triggerstate"])
def test_a_link_has_no_parameter_of_the_platforms(name: str) -> None:
    assert url_with(request(f"/users?{name}=x&limit=5"), continuation="c") == f"{HOST}/api/users?limit=5&continuation=c"


@pytest.mark.parametrize(
    ("prefix", "base"),
    [
        (GATEWAY, GATEWAY),
        (f"{GATEWAY}/", GATEWAY),
        (GATEWAY.replace("europe-002", "EUROPE-002"), GATEWAY),
        (
            "https://unitedstates-001.azure-apim.net/apim/x-y.z/1",
            "https://unitedstates-001.azure-apim.net/apim/x-y.z/1",
        ),
    ],
)
def test_a_gateway_of_microsoft_leads_back(prefix: str, base: str) -> None:
    assert base_url(request("/scans", {"x-ms-apim-referrer-prefix": prefix})) == base


@pytest.mark.parametrize(
    "prefix",
    [
        "https://evil.example/apim",
        "https://evil.example/.azure-apihub.net",
        "https://azure-apihub.net.evil.example/",
        "https://.azure-apihub.net/apim",
        "https://evil.example#.azure-apihub.net",
        "https://evil.example\\.azure-apihub.net/",
        "https://user@europe-002.azure-apihub.net/apim",
        "https://europe-002.azure-apihub.net:8443/apim",
        "http://europe-002.azure-apihub.net/apim",
        f"{GATEWAY}?next=https://evil.example",
        f"{GATEWAY}#fragment",
        f"{GATEWAY}/../../x y",
        f"{GATEWAY}/<script>",
        f"{GATEWAY}/%0d%0aSet-Cookie: a=b",
        f"{GATEWAY}\r\nSet-Cookie: a=b",
        "https://[::1",
        "",
    ],
)
def test_any_other_gateway_is_ignored(prefix: str) -> None:
    """The header is never echoed: a URL is built from a valid host and path, or the app's own host is used."""
    base = base_url(request("/scans", {"x-ms-apim-referrer-prefix": prefix}))

    assert base in {HOST, GATEWAY}
    assert base == HOST or prefix.startswith(GATEWAY)
