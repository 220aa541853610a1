"""The flows of the Durable extension over Microsoft's own client: what is not there, and what does not answer."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import azure.durable_functions as df
import pytest
from aiohttp import web
from azure.durable_functions.models.utils import http_utils

from api.orchestrations import DurableOrchestrations, OrchestrationsUnavailable
from api.problems import problem_of
from atlas.scans.messages import ScanRequest
from tests.clients.serving import serving

FLOW = {
    "name": "scan_tenant",
    "instanceId": "scan-1",
    "runtimeStatus": "Running",
    "customStatus": {"page": 2},
    "createdTime": "2026-11-23T03:00:00Z",
    "lastUpdatedTime": "2026-11-23T03:00:00Z",
}
LANE = {**FLOW, "instanceId": "scan-1:1:0", "runtimeStatus": "Completed"}
BROKEN = {"Message": "Something went wrong.", "ExceptionMessage": "storage"}
ORDER = ScanRequest("scan-1", 4, scanned_before=False)


@pytest.fixture(autouse=True)
async def client_that_is_closed() -> AsyncIterator[None]:
    yield
    await http_utils._handle_request_error()


def flows_at(url):
    urls = {"id": "INSTANCEID", "statusQueryGetUri": url, "terminatePostUri": url, "purgeHistoryDeleteUri": url}
    binding = {"taskHubName": "h", "rpcBaseUrl": f"{url}/rpc/", "creationUrls": {}, "managementUrls": urls}
    return DurableOrchestrations(df.DurableOrchestrationClient(json.dumps(binding)))


def answering(one, listed=(200, [])):
    """An extension that gives these answers to the question for one flow, and to that for all of a prefix."""

    def answer(request):
        is_list = "instanceIdPrefix" in request.query
        status, body = listed if is_list else one
        return web.json_response(body, status=status)

    return serving(answer)


@pytest.mark.parametrize("status", [200, 202])
async def test_a_flow_that_runs_is_told_with_what_it_shows(status):
    async with answering((status, FLOW)) as served:
        found = await flows_at(served.url).get("scan-1")

    assert found is not None
    assert (found.is_active, found.was_terminated, found.custom_status) == (True, False, {"page": 2})
    assert len(served.asked) == 1


@pytest.mark.parametrize("listed", [[], [LANE], [{**FLOW, "instanceId": "scan-12"}]])
async def test_a_flow_that_neither_question_finds_is_not_there(listed):
    async with answering((404, BROKEN), (200, listed)) as served:
        assert await flows_at(served.url).get("scan-1") is None


@pytest.mark.parametrize("status", [400, 404, 500])
async def test_a_question_that_breaks_does_not_make_a_flow_that_runs_disappear(status):
    """The client gives the same empty status for each of these."""
    async with answering((status, BROKEN), (200, [FLOW, LANE])) as served:
        found = await flows_at(served.url).get("scan-1")

    assert found is not None
    assert found.is_active
    assert found.custom_status == {"page": 2}


@pytest.mark.parametrize("one", [(500, BROKEN), (503, {}), (500, None), (200, [7]), (404, {})])
@pytest.mark.parametrize("listed", [(500, BROKEN), (503, {})])
async def test_an_extension_that_does_not_answer_is_unavailable_and_nothing_else(one, listed):
    async with answering(one, listed) as served:
        with pytest.raises(OrchestrationsUnavailable):
            await flows_at(served.url).get("scan-1")


@pytest.mark.parametrize(
    "send",
    [
        lambda orchestrations: orchestrations.get("scan-1"),
        lambda orchestrations: orchestrations.start_scan(ORDER),
        lambda orchestrations: orchestrations.terminate("scan-1", "why"),
        lambda orchestrations: orchestrations.delete_before(datetime(2026, 1, 1, tzinfo=UTC)),
    ],
    ids=["get", "start", "terminate", "forget"],
)
async def test_an_extension_that_is_away_is_a_503_that_names_it(send):
    with pytest.raises(OrchestrationsUnavailable) as caught:
        await send(flows_at("http://127.0.0.1:9"))

    problem = problem_of(caught.value)
    assert (problem.status, problem.code) == (503, "upstreamUnavailable")
    assert "Durable" in problem.detail


async def test_a_flow_that_is_not_there_is_not_stopped():
    async with answering((404, BROKEN)) as served:
        await flows_at(served.url).terminate("scan-1", "why")

    assert {method for method, *_ in served.asked} == {"GET"}
