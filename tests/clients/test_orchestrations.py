"""The orchestrations of the Durable extension over Microsoft's own client."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import azure.durable_functions as df
import pytest
from aiohttp import web
from azure.durable_functions.models.utils import http_utils

from api.orchestrations import DurableOrchestrations, OrchestrationsUnavailable, PurgeNotSupported
from api.problems import problem_of
from atlas.scans.messages import ScanRequest
from tests.clients.serving import serving

INSTANCE = {
    "name": "scan_tenant",
    "instanceId": "scan-1",
    "runtimeStatus": "Running",
    "customStatus": {"page": 2},
    "createdTime": "2026-11-23T03:00:00Z",
    "lastUpdatedTime": "2026-11-23T03:00:00Z",
}
LANE = {**INSTANCE, "instanceId": "scan-1:1:0", "runtimeStatus": "Completed"}
BROKEN = {"Message": "Something went wrong.", "ExceptionMessage": "storage"}
REQUEST = ScanRequest(scan_id="scan-1", concurrency=4, scanned_before=False)


@pytest.fixture(autouse=True)
async def client_that_is_closed() -> AsyncIterator[None]:
    yield
    await http_utils._handle_request_error()


def orchestrations_at(url):
    urls = {"id": "INSTANCEID", "statusQueryGetUri": url, "terminatePostUri": url, "purgeHistoryDeleteUri": url}
    binding = {"taskHubName": "h", "rpcBaseUrl": f"{url}/rpc/", "creationUrls": {}, "managementUrls": urls}
    return DurableOrchestrations(df.DurableOrchestrationClient(json.dumps(binding)))


def responding(one, listed=(200, [])):
    """An extension with these responses to a request for one instance, and for all with a prefix."""

    def respond(request):
        is_list = "instanceIdPrefix" in request.query
        status, body = listed if is_list else one
        return web.json_response(body, status=status)

    return serving(respond)


@pytest.mark.parametrize("status", [200, 202])
async def test_a_running_orchestration_is_returned_with_its_status(status):
    async with responding((status, INSTANCE)) as served:
        found = await orchestrations_at(served.url).get("scan-1")

    assert found is not None
    assert (found.is_active, found.was_terminated, found.custom_status) == (True, False, {"page": 2})
    assert len(served.requests) == 1


@pytest.mark.parametrize("listed", [[], [LANE], [{**INSTANCE, "instanceId": "scan-12"}]])
async def test_an_orchestration_that_no_request_finds_is_unknown(listed):
    async with responding((404, BROKEN), (200, listed)) as served:
        assert await orchestrations_at(served.url).get("scan-1") is None


@pytest.mark.parametrize("status", [400, 404, 500])
async def test_a_failed_request_does_not_hide_a_running_orchestration(status):
    """The client returns the same empty status for each of these."""
    async with responding((status, BROKEN), (200, [INSTANCE, LANE])) as served:
        found = await orchestrations_at(served.url).get("scan-1")

    assert found is not None
    assert found.is_active
    assert found.custom_status == {"page": 2}


@pytest.mark.parametrize("one", [(500, BROKEN), (503, {}), (500, None), (200, [7]), (404, {})])
@pytest.mark.parametrize("listed", [(500, BROKEN), (503, {})])
async def test_an_extension_that_fails_is_unavailable(one, listed):
    async with responding(one, listed) as served:
        with pytest.raises(OrchestrationsUnavailable):
            await orchestrations_at(served.url).get("scan-1")


@pytest.mark.parametrize(
    "send",
    [
        lambda orchestrations: orchestrations.get("scan-1"),
        lambda orchestrations: orchestrations.start_scan(REQUEST),
        lambda orchestrations: orchestrations.terminate("scan-1", "why"),
        lambda orchestrations: orchestrations.delete_before(datetime(2026, 1, 1, tzinfo=UTC)),
    ],
    ids=["get", "start", "terminate", "delete"],
)
async def test_an_extension_that_cannot_be_reached_is_a_503(send):
    with pytest.raises(OrchestrationsUnavailable) as caught:
        await send(orchestrations_at("http://127.0.0.1:9"))

    problem = problem_of(caught.value)
    assert (problem.status, problem.code) == (503, "upstreamUnavailable")
    assert "Durable" in problem.detail


async def test_an_unknown_orchestration_is_not_terminated():
    async with responding((404, BROKEN)) as served:
        await orchestrations_at(served.url).terminate("scan-1", "why")

    assert {method for method, *_ in served.requests} == {"GET"}


async def test_a_provider_that_does_not_purge_is_not_an_outage():
    """The Durable Task Scheduler responds 400 to a purge by filter (azure-functions-durable-python#563)."""
    async with serving(lambda _: web.json_response(BROKEN, status=400)) as served:
        with pytest.raises(PurgeNotSupported, match="retention"):
            await orchestrations_at(served.url).delete_before(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("status", [500, 503])
async def test_a_purge_that_fails_is_an_outage(status):
    async with serving(lambda _: web.json_response(BROKEN, status=status)) as served:
        with pytest.raises(OrchestrationsUnavailable):
            await orchestrations_at(served.url).delete_before(datetime(2026, 1, 1, tzinfo=UTC))
