"""Who may call the host: programs on this machine with its keys, and no other site's page."""

from collections.abc import Mapping

import pytest

from local.host.child import HostChild
from tests.forked import forked_host
from tests.host.sample import SAMPLE_APP, SETTINGS, Sample


async def status(sample: Sample, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> int:
    async with sample.http.request(method, sample.host.url + path, headers=headers) as response:
        return response.status


@pytest.mark.parametrize("path", ["/api/teapot", "/admin/host/status", "/runtime/webhooks/durabletask/instances"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "attacker.example"},
        {"Host": "127.0.0.1.attacker.example:7071"},
        {"Host": "attacker.example:7071"},
        {"Host": ""},
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
async def test_other_sites_are_refused(sample: Sample, path: str, headers: dict[str, str]):
    code = {"x-functions-key": sample.host.code}
    assert await status(sample, path, headers=headers | code) in {400, 403}
    assert await status(sample, path, "POST", headers=headers | code) in {400, 403}


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST"])
async def test_every_loopback_name_is_accepted(sample: Sample, name: str):
    port = sample.host.url.rpartition(":")[2]
    own_page = {"Host": f"{name}:{port}", "Origin": f"http://{name}:{port}", "Sec-Fetch-Site": "same-origin"}

    assert await status(sample, "/api/teapot", headers=own_page) == 418


@pytest.mark.parametrize("path", ["/admin/host/status", "/runtime/webhooks/durabletask/instances"])
async def test_admin_routes_and_webhooks_require_the_code(sample: Sample, path: str):
    assert await status(sample, path) == 401
    assert await status(sample, f"{path}?code=wrong") == 401
    assert await status(sample, f"{path}?code={sample.host.code}") == 200
    assert await status(sample, path, headers={"x-functions-key": sample.host.code}) == 200


def test_each_run_has_a_code_of_its_own(sample_host: HostChild):
    with forked_host(SAMPLE_APP, settings=SETTINGS) as other:
        assert other.code != sample_host.code
        assert other.code in other.log()


async def test_functions_require_keys_on_request(http):
    with forked_host(SAMPLE_APP, settings=SETTINGS | {"REQUIRE_KEYS": "1"}) as host:
        sample = Sample(http, host)
        key = host.log().partition("Functions require the key ")[2].split()[0]

        assert await status(sample, "/api/users/ada/bookings") == 401
        assert await status(sample, f"/api/users/ada/bookings?code={key}") == 200
        assert await status(sample, "/api/users/ada/bookings", headers={"x-functions-key": key}) == 200
        assert await status(sample, f"/admin/host/status?code={key}") == 401
        assert await status(sample, "/api/open") == 200
