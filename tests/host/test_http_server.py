"""HTTP doors: what a function is told of a request, and what becomes of its answer."""

import pytest

from local.host.routes import Routes, read_route
from local.host.worker import BrokenApp, Function
from tests.host.sample import Sample


def door(template: str, *methods: str) -> Function:
    trigger = {"type": "httpTrigger", "name": "req", "route": template, "methods": list(methods)}
    return Function(f"{template} {' '.join(methods)}", "1", trigger, ())


def who_answers(path: str, *templates: str, method: str = "GET") -> str | None:
    routes = Routes([read_route(door(template), "api") for template in templates])
    found = routes.find(method, path)
    return found[0].template.removeprefix("/api/") if found else None


async def test_a_function_is_told_everything_about_a_request(sample: Sample):
    url = f"{sample.host.url}/api/users/ada@contoso.com/bookings?x=1&x=2&empty=&plus=a+b"
    async with sample.http.get(url, headers={"X-Sample": "yes"}) as answer:
        told = await answer.json()

    assert told["method"] == "GET"
    assert told["url"].startswith(f"{sample.host.url}/api/users/")
    assert told["params"] == {"user": "ada@contoso.com"}
    assert told["query"] == {"x": "1,2", "empty": "", "plus": "a b"}
    assert told["header"] == "yes"


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
async def test_a_route_parameter_is_decoded_once_and_never_its_slashes(sample: Sample, segment: str, user: str):
    import yarl

    url = yarl.URL(f"{sample.host.url}/api/users/{segment}/bookings", encoded=True)
    async with sample.http.get(url) as answer:
        assert (await answer.json())["params"] == {"user": user}


async def test_a_body_arrives_in_a_synchronous_function(sample: Sample):
    async with sample.http.put(f"{sample.host.url}/api/echo", data="J\u00fcrgen".encode()) as answer:
        assert (await answer.json())["body"] == "J\u00fcrgen"


async def test_status_headers_cookies_and_body_come_back(sample: Sample):
    async with sample.http.get(f"{sample.host.url}/api/teapot") as answer:
        assert (answer.status, await answer.text()) == (418, "I'm a teapot")
        assert answer.headers["X-Short"] == "and stout"
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["Set-Cookie"] == "tea=green; Path=/; HttpOnly"


async def test_a_function_that_raises_is_an_empty_500_and_a_traceback_in_the_log(sample: Sample):
    async with sample.http.get(f"{sample.host.url}/api/broken") as answer:
        assert (answer.status, await answer.text()) == (500, "")

    assert "broken (/api/broken) failed: RuntimeError: the kettle is empty" in sample.host.log()
    assert 'raise RuntimeError("the kettle is empty")' in sample.host.log()


async def test_the_more_specific_route_answers(sample: Sample):
    async with sample.http.get(f"{sample.host.url}/api/users/me/bookings") as answer:
        assert await answer.text() == "mine"


@pytest.mark.parametrize("path", ["nothing", "users/ada", "users//bookings", "users/ada/bookings/more"])
async def test_no_route_is_404(sample: Sample, path: str):
    async with sample.http.get(f"{sample.host.url}/api/{path}") as answer:
        assert answer.status == 404


async def test_a_method_without_a_route_is_404(sample: Sample):
    async with sample.http.delete(f"{sample.host.url}/api/echo") as answer:
        assert answer.status == 404


async def test_a_log_line_names_its_level_and_its_function_in_a_thread_too(sample: Sample):
    async with sample.http.post(f"{sample.host.url}/api/log", data="a line from a thread") as answer:
        assert answer.status == 204

    (line,) = [line for line in sample.host.log().splitlines() if "a line from a thread" in line]
    assert "INFO    write_log: a line from a thread" in line


async def test_the_libraries_are_quiet(sample: Sample):
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
def test_of_two_routes_that_fit_the_more_specific_answers(path: str, template: str | None):
    templates = (
        "{*path}",
        "users/{user}",
        "users/{user}/bookings",
        "users/{id:int}",
        "users/me",
        "users",
        "files/{name}.txt",
    )
    assert who_answers(path, *templates) == template
    assert who_answers(path, *reversed(templates)) == template


def test_a_catch_all_answers_for_a_method_that_a_specific_route_lacks():
    routes = Routes([read_route(door("users", "GET"), "api"), read_route(door("{*path}"), "api")])
    found = routes.find("POST", "/api/users")

    assert found
    assert found[0].template == "/api/{*path}"
    assert found[1] == {"path": "users"}


def test_an_optional_parameter_may_be_missing():
    routes = Routes([read_route(door("scans/{id?}"), "api")])

    for path, parameters in (("/api/scans", {}), ("/api/scans/7", {"id": "7"})):
        found = routes.find("GET", path)
        assert found
        assert found[1] == parameters


def test_a_constraint_that_is_not_simulated_is_refused_by_name():
    with pytest.raises(BrokenApp, match="range"):
        read_route(door("users/{id:range}"), "api")
