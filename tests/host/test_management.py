"""The durable webhooks over plain HTTP, as curl or another client uses them."""

from typing import Any

import pytest

from tests.host.sample import Sample


async def call(sample: Sample, method: str, path: str, **more: Any) -> tuple[int, Any, Any]:
    url = f"{sample.host.url}/runtime/webhooks/durabletask/{path}"
    headers = {"x-functions-key": sample.host.code, **more.pop("headers", {})}
    async with sample.http.request(method, url, headers=headers, **more) as response:
        return response.status, await response.json(content_type=None), response.headers


async def test_an_orchestration_receives_plain_json(sample: Sample):
    status, started, headers = await call(sample, "POST", "orchestrators/echo_input", json={"plain": 1})
    ended = await sample.wait_for_end(started["id"])

    assert status == 202
    assert headers["Location"] == started["statusQueryGetUri"]
    assert ended["output"] == {"plain": 1}


async def test_status_is_202_while_it_runs_and_200_at_its_end(sample: Sample):
    waiting = await sample.start("waits_for_event")
    await sample.is_running(waiting)
    status, running, headers = await call(sample, "GET", f"instances/{waiting}")
    assert (status, running["runtimeStatus"]) == (202, "Running")
    assert headers["Retry-After"] == "5"

    assert (await call(sample, "POST", f"instances/{waiting}/terminate?reason=enough"))[0] == 202

    status, ended, _ = await call(sample, "GET", f"instances/{waiting}")
    assert (status, ended["runtimeStatus"], ended["output"]) == (200, "Terminated", "enough")


async def test_a_failure_is_500_only_on_request(sample: Sample):
    failed = await sample.start("fails_uncaught")
    await sample.wait_for_end(failed)

    assert (await call(sample, "GET", f"instances/{failed}"))[0] == 200
    assert (await call(sample, "GET", f"instances/{failed}?returnInternalServerErrorOnFailure=true"))[0] == 500


async def test_input_and_history_are_shown_on_request(sample: Sample):
    done = await sample.start("say_hello", "you")
    await sample.wait_for_end(done)

    _, plain, _ = await call(sample, "GET", f"instances/{done}?showInput=false")
    _, full, _ = await call(sample, "GET", f"instances/{done}?showHistory=true&showHistoryOutput=true")

    assert plain["input"] is None
    assert "historyEvents" not in plain
    assert full["input"] == '"you"'
    assert [event["EventType"] for event in full["historyEvents"]] == [
        "ExecutionStarted",
        "TaskScheduled",
        "TaskCompleted",
    ]
    assert full["historyEvents"][2]["Result"] == "hello you"


async def test_lists_come_in_pages(sample: Sample):
    for number in range(5):
        await call(sample, "POST", f"orchestrators/echo_input/page-{number}", json=number)
        await sample.wait_for_end(f"page-{number}")
    pages, token = [], ""
    while not pages or token:
        _, page, headers = await call(
            sample, "GET", "instances?instanceIdPrefix=page-&top=2", headers={"x-ms-continuation-token": token}
        )
        pages.append([each["instanceId"] for each in page])
        token = headers["x-ms-continuation-token"]

    assert pages == [["page-0", "page-1"], ["page-2", "page-3"], ["page-4"]]


async def test_lists_are_filtered_by_time(sample: Sample):
    await call(sample, "POST", "orchestrators/echo_input/timely")
    both = "instances?instanceIdPrefix=timely&createdTimeFrom={}&createdTimeTo={}"

    _, during, _ = await call(sample, "GET", both.format("2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z"))
    _, before, _ = await call(sample, "GET", both.format("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"))

    assert (len(during), len(before)) == (1, 0)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "instances/nobody", 404),
        ("DELETE", "instances/nobody", 404),
        ("DELETE", "instances", 400),
        ("DELETE", "instances?createdTimeFrom=2100-01-01T00:00:00Z", 404),
        ("POST", "instances/nobody/terminate?reason=x", 404),
        ("POST", "instances/nobody/raiseEvent/x", 404),
        ("POST", "instances/nobody/rewind?reason=x", 501),
        ("POST", "orchestrators/nothing", 400),
        ("POST", f"orchestrators/say_hello/{'x' * 101}", 400),
        ("POST", "orchestrators/say_hello/%C3%A4", 400),
    ],
)
async def test_impossible_operations_are_refused(sample: Sample, method: str, path: str, status: int):
    assert (await call(sample, method, path))[0] == status


async def test_an_ended_orchestration_is_gone_for_events_and_terminate(sample: Sample):
    done = await sample.start("say_hello", "you")
    await sample.wait_for_end(done)

    assert (await call(sample, "POST", f"instances/{done}/terminate?reason=late"))[0] == 410
    assert (await call(sample, "POST", f"instances/{done}/raiseEvent/late", json=1))[0] == 410


async def test_a_body_that_is_not_json_is_refused(sample: Sample):
    assert (await call(sample, "POST", "orchestrators/say_hello", data="{"))[0] == 400
