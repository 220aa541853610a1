"""HTTP: the request that a function receives, and the response that its caller gets."""

import pytest
import yarl

from local.host.routes import Routes, parse_route
from local.host.worker import BrokenApp, Function
from tests.host.sample import Sample


def http_function(template: str, *methods: str) -> Function:
    trigger = {"type": "httpTrigger", "name": "req", "route": template, "methods": list(methods)}
    return Function(f"{template} {' '.join(methods)}", "1", trigger, ())


def route_of(path: str, *templates: str, method: str = "GET") -> str | None:
    routes = Routes([parse_route(http_function(template), "api") for template in templates])
    found = routes.find(method, path)
    return found[0].template.removeprefix("/api/") if found else None


async def test_a_function_receives_the_request(sample: Sample):
    url = f"{sample.host.url}/api/users/ada@contoso.com/bookings?x=1&x=2&empty=&plus=a+b"
    async with sample.http.get(url, headers={"X-Sample": "yes"}) as response:
        received = await response.json()

    assert received["method"] == "GET"
    assert received["url"] == url.replace("@", "%40") or received["url"] == url
    assert received["params"] == {"user": "ada@contoso.com"}
    assert received["query"] == {"x": "1,2", "plus": "a b"}
    assert received["header"] == "yes"


@pytest.mark.parametrize(
    ("segment", "user"),
    [
        ("ada%40contoso.com", "ada@contoso.com"),
        ("ada%2540contoso.com", "ada%40contoso.com"),
        ("a%20b+c", "a b+c"),
        ("https%3A%2F%2Fbook.ms%2fx", "https:%2F%2Fbook.ms%2fx"),
        ("J%C3%BCrgen", "J\u00fcrgen"),
    ],
)
async def test_a_route_parameter_is_decoded_once_without_its_slashes(sample: Sample, segment: str, user: str):
    url = yarl.URL(f"{sample.host.url}/api/users/{segment}/bookings", encoded=True)
    async with sample.http.get(url) as response:
        assert (await response.json())["params"] == {"user": user}


async def test_a_synchronous_function_receives_the_body(sample: Sample):
    async with sample.http.put(f"{sample.host.url}/api/echo", data="J\u00fcrgen".encode()) as response:
        assert (await response.json())["body"] == "J\u00fcrgen"


async def test_the_caller_gets_status_headers_cookies_and_body(sample: Sample):
    async with sample.http.get(f"{sample.host.url}/api/teapot") as response:
        assert (response.status, await response.text()) == (418, "I'm a teapot")
        assert response.headers["X-Short"] == "and stout"
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert response.headers["Set-Cookie"] == "tea=green; Path=/; HttpOnly"


async def test_an_exception_is_an_empty_500_and_logged(sample: Sample):
    async with sample.http.get(f"{sample.host.url}/api/broken") as response:
        assert (response.status, await response.text()) == (500, "")

    assert "broken (/api/broken) failed: RuntimeError: the kettle is empty" in sample.host.log()
    assert 'raise RuntimeError("the kettle is empty")' in sample.host.log()


async def test_the_more_specific_route_is_chosen(sample: Sample):
    async with sample.http.get(f"{sample.host.url}/api/users/me/bookings") as response:
        assert await response.text() == "mine"


@pytest.mark.parametrize("path", ["nothing", "users/ada", "users//bookings", "users/ada/bookings/more"])
async def test_no_route_is_404(sample: Sample, path: str):
    async with sample.http.get(f"{sample.host.url}/api/{path}") as response:
        assert response.status == 404


async def test_a_method_without_a_route_is_404(sample: Sample):
    async with sample.http.delete(f"{sample.host.url}/api/echo") as response:
        assert response.status == 404


async def test_a_log_line_names_level_and_function(sample: Sample):
    async with sample.http.post(f"{sample.host.url}/api/log", data="a line from a thread") as response:
        assert response.status == 204

    (line,) = [line for line in sample.host.log().splitlines() if "a line from a thread" in line]
    assert "INFO    write_log: a line from a thread" in line


async def test_the_log_has_no_lines_of_the_worker(sample: Sample):
    await sample.output_of("say_hello", "you")
    assert "Function Type" not in sample.host.log()


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/api/users", "users"),
        ("/api/Users/", "users"),
        ("/api/users/me", "users/me"),
        ("/api/users/7", "users/{id:int}"),
        ("/api/users/ada", "users/{user}"),
        ("/api/users/ada/bookings", "users/{user}/bookings"),
        ("/api/users/ada/else", "{*path}"),
        ("/api/anything/at/all", "{*path}"),
        ("/api", "{*path}"),
        ("/api/files/a.txt", "files/{name}.txt"),
        ("/elsewhere", None),
    ],
)
def test_of_two_matching_routes_the_more_specific_wins(path: str, template: str | None):
    templates = (
        "{*path}",
        "users/{user}",
        "users/{user}/bookings",
        "users/{id:int}",
        "users/me",
        "users",
        "files/{name}.txt",
    )
    assert route_of(path, *templates) == template
    assert route_of(path, *reversed(templates)) == template


def test_a_catch_all_takes_methods_that_a_route_lacks():
    routes = Routes([parse_route(http_function("users", "GET"), "api"), parse_route(http_function("{*path}"), "api")])
    found = routes.find("POST", "/api/users")

    assert found
    assert found[0].template == "/api/{*path}"
    assert found[1] == {"path": "users"}


def test_an_optional_parameter_may_be_missing():
    routes = Routes([parse_route(http_function("scans/{id?}"), "api")])

    for path, parameters in (("/api/scans", {}), ("/api/scans/7", {"id": "7"})):
        found = routes.find("GET", path)
        assert found
        assert found[1] == parameters


def test_a_constraint_that_is_not_simulated_is_refused_by_name():
    with pytest.raises(BrokenApp, match="range"):
        parse_route(http_function("users/{id:range}"), "api")


async def test_a_chunked_body_is_empty_as_in_azure(sample: Sample):
    async def parts():
        yield b"never"

    async with sample.http.post(f"{sample.host.url}/api/echo", data=parts()) as response:
        assert (await response.json())["body"] == ""


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/rest/%00", {}, 400),
        ("/api/teapot", {f"X-{number}": "x" * 4000 for number in range(9)}, 431),
        ("/api/teapot", {f"X-{number}": "x" for number in range(101)}, 431),
        ("/api/teapot", {"X-Long": "x" * 20_000}, 418),
    ],
)
async def test_requests_beyond_kestrels_limits_are_refused(
    sample: Sample, path: str, headers: dict[str, str], status: int
):
    async with sample.http.get(yarl.URL(sample.host.url + path, encoded=True), headers=headers) as response:
        assert response.status == status
