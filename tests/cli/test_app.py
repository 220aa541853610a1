"""``atlas doctor --app``: the health that a deployed app reports, or what its address returns instead."""

import json
from datetime import UTC, datetime

import pytest
from aiohttp import web

from api.models.health import Health
from atlas.cli import doctor as doctor_command
from atlas.domain.scans import Scan, ScanState
from atlas.health.checks import Check, HealthStatus
from atlas.health.checks import Health as HealthResult
from tests.clients.serving import serving

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WELL = Check(ok=True, detail="responds")
LAST = Scan("scan-1", ScanState.COMPLETED, "timer", NOW, finished_at=NOW)


def health(status, last=LAST, **checks):
    parts = {"sign_in": WELL, "graph": WELL, "exchange": WELL, "bookings": WELL, "tables": WELL, **checks}
    result = HealthResult(HealthStatus(status), **parts, last_scan=last, at=NOW)
    return Health.of(result, NOW).model_dump(mode="json", by_alias=True)


@pytest.fixture
def request_health(capsys, monkeypatch):
    """The exit code and the output of ``--app`` for a response; the environment has no settings."""
    monkeypatch.setenv("COLUMNS", "100")

    async def request(response, path=""):
        async with serving(lambda _: response) as served:
            code = await doctor_command.run({}, None, served.url + path)
        captured = capsys.readouterr()
        return code, captured.out, captured.err, served.paths

    return request


@pytest.mark.parametrize("path", ["", "/", "/api/health"])
async def test_a_healthy_app_gets_one_request_and_exits_with_0(request_health, path):
    code, out, _, paths = await request_health(web.json_response(health("healthy")), path)

    assert (code, paths) == (0, ["/api/health"])
    assert "app        healthy" in out
    assert "completed, finished 2026-11-23T12:00:00Z" in out
    assert "If this is missing" not in out


@pytest.mark.parametrize(
    ("status", "http_status", "check", "text"),
    [
        ("degraded", 200, "exchange", "every policy verdict is unknown"),
        ("unhealthy", 503, "graph", "df021288-bdef-4463-88db-98f22de89214"),
        ("unhealthy", 503, "tables", "Storage Table Data Contributor"),
        ("unhealthy", 503, "sign_in", "sign-in settings"),
        ("unhealthy", 503, "bookings", "BOOKINGS_URL"),
    ],
)
async def test_a_failing_check_is_shown_with_its_grant(request_health, status, http_status, check, text):
    failing = Check(ok=False, detail="returned 403: a sentence that says why")
    response = web.json_response(health(status, None, **{check: failing}), status=http_status)

    code, out, _, _ = await request_health(response)

    assert code == 1
    assert f"app        {status}" in out
    assert "no scan has finished yet" in out
    assert "fails" in out
    assert text in out


@pytest.mark.parametrize(
    "response",
    [
        web.json_response({"code": "notConfigured", "detail": "TENANT_ID is missing"}, status=503),
        web.json_response({"status": "healthy"}),
        web.json_response({**health("healthy"), "status": "well"}),
        web.json_response({"checks": {}}),
        web.json_response({**health("healthy"), "checks": []}),
        web.json_response({**health("healthy"), "checks": {"graph": {"ok": "perhaps", "detail": "x"}}}),
        web.json_response({**health("healthy"), "checks": {"graph": {"ok": True, "detail": None}}}),
        web.json_response({**health("healthy"), "lastScan": "yesterday"}),
        web.json_response([]),
        web.json_response(None),
        web.Response(text="<html>Sign in</html>", content_type="text/html"),
        web.Response(body=b"\xff\xfe"),
        web.Response(status=302, headers={"Location": "https://login.microsoftonline.com/"}),
        web.Response(status=401),
        web.Response(status=404),
    ],
    ids=range(15),
)
async def test_an_unexpected_response_is_reported_in_one_line(request_health, response):
    code, out, errors, _ = await request_health(response)

    assert (code, out) == (1, "")
    assert "did not return the app's health" in errors
    assert len(errors.splitlines()) == 1


async def test_an_unconfigured_app_is_reported_with_its_settings(request_health):
    problem = {"code": "notConfigured", "detail": "TENANT_ID is missing; it must be a GUID"}

    _, _, errors, _ = await request_health(web.json_response(problem, status=503))

    assert "TENANT_ID is missing; it must be a GUID" in errors


async def test_control_characters_from_an_app_are_replaced(request_health):
    malicious = "\x1b[2J\x1b]0;x\x07"
    _, out, _, _ = await request_health(web.json_response(health("healthy", graph=Check(ok=True, detail=malicious))))
    _, _, errors, _ = await request_health(web.json_response({"detail": malicious}))

    assert {sign for sign in out + errors if not sign.isprintable()} == {"\n"}


async def test_an_unreachable_app_is_reported(capsys):
    code = await doctor_command.run({}, None, "http://127.0.0.1:9")

    assert code == 1
    assert "did not return the app's health" in capsys.readouterr().err


@pytest.mark.parametrize(
    "address",
    [
        "nonsense",
        "http://atlas.example",
        "ftp://127.0.0.1",
        "https://",
        "https:///api/health",
        "https://[::1",
        "https://atlas.example:port",
        "https://atlas.example:99999",
        "https://atlas.example\x00",
        "https://\u00e9..example",
        "127.0.0.1:7071",
    ],
)
async def test_an_invalid_address_exits_with_2(capsys, address):
    code = await doctor_command.run({}, None, address)

    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert "--app must be the https:// address" in captured.err


async def test_a_long_detail_is_truncated(request_health):
    response = web.Response(body=json.dumps({"detail": "x" * 100_000}).encode(), content_type="application/json")

    _, _, errors, _ = await request_health(response)

    assert len(errors) < 1000
