"""One lane of a page: a few probes at a time, waits as told, and no end without an outcome for everybody."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrators import names
from orchestrators.scan_page import TURNS_PER_GENERATION
from tests.orchestrators.conftest import FLOWS, SCAN_ID, Tenant
from tests.orchestrators.fake_context import Engine

LANE = {
    "scan_id": SCAN_ID,
    "page": 1,
    "first": 0,
    "last": 6,
    "width": 2,
    "sign_in_forced": None,
    "scanned_before": False,
}


async def run(tenant, **lane):
    engine = Engine(FLOWS, tenant.activities())
    return engine, await engine.run(names.SCAN_PAGE, f"{SCAN_ID}:1:0", {**LANE, **lane})


async def test_a_lane_answers_its_counts():
    _, done = await run(Tenant())

    assert done.result == {"by_status": {"published": 6}, "unrecorded": 0, "throttled_waits": 0}
    assert done.status == done.result


async def test_a_lane_of_nobody_asks_nothing():
    engine, done = await run(Tenant(), last=0)

    assert engine.called == []
    assert done.result == {}


async def test_a_lane_asks_as_many_at_once_as_it_is_wide():
    engine, _ = await run(Tenant(), width=4)

    assert engine.most_at_once == {names.PROBE_USER: 4}


async def test_a_lane_waits_as_long_as_it_was_told_then_slows_down_and_speeds_up():
    tenant = Tenant()
    tenant.probes = [{"wait_seconds": 30.0}, {"status": "published"}]

    engine, done = await run(tenant, width=1, last=6)

    assert engine.timers == [30, 0.5]
    assert done.result["by_status"] == {"published": 6}
    assert done.result["throttled_waits"] == 1


async def test_a_lane_that_is_throttled_again_and_again_goes_ever_slower():
    tenant = Tenant()
    tenant.probes = [{"wait_seconds": 0.1}, {"wait_seconds": 0.1}, {"status": "unknown"}] * 2

    engine, _ = await run(tenant, width=1, last=2)

    assert engine.timers == [1, 2, 1, 2, 4]


async def test_the_last_attempt_is_told_so_that_it_answers():
    tenant = Tenant()
    tenant.probes = [{"wait_seconds": 1.0}, {"wait_seconds": 1.0}]

    engine, _ = await run(tenant, last=1)

    assert [request["is_last_attempt"] for request in engine.calls(names.PROBE_USER)] == [False, False, True]


async def test_a_row_that_cannot_be_written_is_counted_and_does_not_stop_the_lane():
    tenant = Tenant()
    tenant.probes = [{}] * 2

    _, done = await run(tenant, width=1, last=2)

    assert done.result["by_status"] == {"published": 2}
    assert done.result["unrecorded"] == 0


async def test_a_lane_that_is_done_waits_for_nothing():
    tenant = Tenant()
    tenant.probes = [{}] * 3

    engine, done = await run(tenant, width=1, last=1)

    assert done.result["unrecorded"] == 1
    assert engine.timers == [5, 5]


async def test_a_long_lane_continues_as_new_and_carries_everything():
    tenant = Tenant()
    tenant.probes = [{"status": "published"}] * TURNS_PER_GENERATION + [{"wait_seconds": 7.0}]
    users = 2 * TURNS_PER_GENERATION + 5

    engine, done = await run(tenant, width=1, last=users)

    assert len(done.generations) == 3
    assert all(status is not None for status in done.shown)
    assert done.result == {"by_status": {"published": users}, "unrecorded": 0, "throttled_waits": 1}
    assert engine.timers[0] == 7
    assert all(len(history) <= 2 * TURNS_PER_GENERATION for history in done.generations)
    assert [request["index"] for request in engine.calls(names.PROBE_USER)].count(TURNS_PER_GENERATION) == 2


ANSWERS = st.sampled_from([{"status": "published"}, {"status": "unknown"}, {"wait_seconds": 3.0}, {}])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ANSWERS, max_size=40), st.integers(0, 12), st.integers(1, 5))
async def test_whatever_the_answers_everybody_has_one_outcome(answers, users, width):
    tenant = Tenant()

    def probe(request):
        answer = answers.pop() if answers else {"status": "published"}
        return {"status": "unknown"} if request["is_last_attempt"] and "wait_seconds" in answer else answer

    tenant._probe_user = probe
    engine, done = await run(tenant, last=users, width=width)

    outcomes = sum(done.result.get("by_status", {}).values()) + done.result.get("unrecorded", 0)
    assert outcomes == users
    assert {request["index"] for request in engine.calls(names.PROBE_USER)} == set(range(users))


@pytest.mark.parametrize("width", [1, 64])
async def test_the_payloads_of_a_lane_stay_small_however_much_is_to_be_asked_again(width):
    tenant = Tenant()
    tenant.probes = [{"wait_seconds": 1.0}] * 128

    engine, _ = await run(tenant, width=width, last=999)

    assert max(map(len, engine.payloads)) < 10_000
