"""The orchestrator of a lane: a few probes at a time, durable timers, and no end before everybody has a result."""

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrators import names
from orchestrators.scan_page import TURNS_PER_GENERATION
from tests.orchestrators.conftest import ORCHESTRATORS, SCAN_ID, Tenant
from tests.orchestrators.fake_context import START, Engine

LANE = {"scan_id": SCAN_ID, "page": 1, "first": 0, "last": 6, "scanned_before": False}
DONE = {"status": "published", "has_response": True}
UNREACHABLE = {"reason": "unreachable"}


async def run(tenant, **lane):
    engine = Engine(ORCHESTRATORS, tenant.activities())
    return engine, await engine.run(names.SCAN_PAGE, f"{SCAN_ID}:1:0", {**LANE, **lane})


async def test_a_lane_returns_its_counts():
    _, done = await run(Tenant())

    assert done.result["counts"]["by_status"] == {"published": 6}
    assert done.status["counts"] == done.result["counts"]


async def test_an_empty_lane_probes_no_user():
    engine, done = await run(Tenant(), last=0)

    assert engine.called == []
    assert done.result["counts"]["by_status"] == {}


async def test_a_lane_sends_one_probe_at_a_time():
    engine, _ = await run(Tenant())

    assert engine.max_concurrent == {names.PROBE_USER: 1}


async def test_a_lane_waits_on_a_durable_timer():
    tenant = Tenant()
    tenant.probes = [{"reason": "throttled", "wait_seconds": 30.0}, DONE]

    engine, done = await run(tenant)

    assert engine.timers == [30, 0.5, 5]
    assert [request["index"] for request in engine.calls(names.PROBE_USER)] == [0, 1, 2, 3, 4, 5, 0]
    assert done.result["counts"] == {
        "by_status": {"published": 6},
        "unrecorded": 0,
        "not_requested": 0,
        "kept": 0,
        "throttled_waits": 1,
    }


async def test_an_outage_of_twenty_seconds_makes_no_user_unknown():
    """The engine's clock moves with timers and activities, so the outage ends while the lane waits."""
    tenant = Tenant()
    healthy = tenant.probe_user

    def probe(request):
        seconds = (engine.now - START).total_seconds()
        return UNREACHABLE if 3 <= seconds < 23 else healthy(request)

    tenant.probe_user = probe
    engine = Engine(ORCHESTRATORS, tenant.activities())
    done = await engine.run(names.SCAN_PAGE, f"{SCAN_ID}:1:0", {**LANE, "last": 20})

    assert done.result["counts"]["by_status"] == {"published": 20}
    assert any(status["is_waiting"] for status in done.shown)
    assert "trial" in {request["mode"] for request in engine.calls(names.PROBE_USER)}


async def test_a_probe_that_never_works_does_not_stop_the_lane():
    """A worker that is lost again and again arrives as an exception."""
    tenant = Tenant()
    tenant.broken = {names.PROBE_USER}

    _, done = await run(tenant, last=2)

    assert done.failure is None
    assert done.result["counts"]["unrecorded"] == 2


async def test_a_lane_without_the_lock_ends_immediately():
    tenant = Tenant()
    tenant.probes = [DONE, {"holds_lock": False}]

    engine, done = await run(tenant)

    assert len(engine.calls(names.PROBE_USER)) == 2
    assert done.result["holds_lock"] is False


async def test_a_finished_lane_does_not_wait():
    tenant = Tenant()
    tenant.probes = [DONE] * 5 + [{"status": "unknown", "reason": "throttled", "wait_seconds": 60.0}]

    engine, _ = await run(tenant)

    assert engine.timers == []


async def test_a_long_lane_continues_as_new_with_everything():
    tenant = Tenant()
    tenant.probes = [DONE] * (TURNS_PER_GENERATION - 1) + [{"reason": "throttled", "wait_seconds": 7.0}]
    users = 2 * TURNS_PER_GENERATION + 5

    engine, done = await run(tenant, last=users)

    assert len(done.generations) == 3
    assert all(status is not None for status in done.shown)
    assert done.result["counts"]["by_status"] == {"published": users}
    assert done.result["counts"]["throttled_waits"] == 1
    assert engine.timers[0] == 7
    assert all(len(history) <= 2 * TURNS_PER_GENERATION for history in done.generations)
    assert [request["index"] for request in engine.calls(names.PROBE_USER)].count(TURNS_PER_GENERATION - 1) == 2


RESULTS = st.sampled_from([DONE, UNREACHABLE, {"reason": "throttled", "wait_seconds": 3.0}, {"reason": "storage"}, {}])


@settings(max_examples=40, deadline=None)
@given(st.lists(RESULTS, max_size=40), st.integers(0, 12))
async def test_everybody_has_one_result_whatever_happens(results, users):
    tenant = Tenant()

    def probe(request):
        result = results.pop() if results else DONE
        if request["mode"] == "trial":
            return {**result, "status": None}
        return {**result, "status": "unknown"} if request["mode"] == "last" and "reason" in result else result

    tenant.probe_user = probe
    engine, done = await run(tenant, last=users)

    counts = done.result["counts"]
    assert sum(counts["by_status"].values()) + counts["unrecorded"] == users
    assert {request["index"] for request in engine.calls(names.PROBE_USER)} == set(range(users))


async def test_payloads_stay_small_during_throttling():
    tenant = Tenant()
    tenant.probes = [{"reason": "throttled", "wait_seconds": 1.0}] * 128

    engine, _ = await run(tenant, last=999)

    assert max(map(len, engine.payloads)) < 20_000
