"""A lane probes every user, waits as instructed, and turns an outage into nothing but waiting."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.scans.lanes import (
    ATTEMPTS,
    FAILURES_TO_OPEN,
    MAX_BACKOFF_SECONDS,
    MAX_OUTAGE_SECONDS,
    MAX_PAUSE_SECONDS,
    MAX_WAIT_SECONDS,
    Breaker,
    Lane,
    merge_breakers,
)
from atlas.scans.messages import ProbeMode, ProbeResult

DONE = ProbeResult(status="published", has_response=True)
SKIPPED = ProbeResult(status="noMailbox")
NOT_WRITTEN = ProbeResult()
UNREACHABLE = ProbeResult(reason="unreachable")


def throttled_result(seconds=1.0):
    return ProbeResult(reason="throttled", wait_seconds=seconds)


def lane(last=10, **more):
    return Lane(scan_id="s", page=1, first=0, last=last, scanned_before=False, **more)


def with_results(one, *results):
    for result in results:
        one = one.with_result(result)
    return one


class Service:
    """Bookings over a virtual clock: down at some times, and never responding to some users."""

    def __init__(self, outages=(), broken=(), probe_seconds=0.5, down=UNREACHABLE):
        self.outages = outages
        self.broken = broken
        self.probe_seconds = probe_seconds
        self.down = down
        self.now = 0.0
        self.sent = []

    def probe(self, request):
        if request.mode is ProbeMode.OUTAGE:
            return ProbeResult(status="unknown")
        self.sent.append((self.now, request))
        is_down = any(start <= self.now < end for start, end in self.outages)
        if not is_down and request.index not in self.broken:
            return ProbeResult(has_response=True) if request.mode is ProbeMode.TRIAL else DONE
        failed = self.down if is_down else UNREACHABLE
        return replace(failed, status="unknown") if request.mode is ProbeMode.LAST else failed

    def run(self, one):
        """The lane at its end."""
        while one.is_open:
            self.now += one.wait_seconds
            result = self.probe(one.next_request())
            self.now += self.probe_seconds
            one = Lane.from_dict(one.with_result(result).to_dict())
        return one


@given(st.integers(0, 40))
def test_a_healthy_lane_probes_everybody_once_without_waiting(users):
    service = Service()

    end = service.run(lane(users))

    assert [request.index for _, request in service.sent] == list(range(users))
    assert end.counts.by_status == ({"published": users} if users else {})
    assert service.now == 0.5 * users


@given(st.integers(0, 40), st.randoms())
def test_every_user_has_one_result_whatever_happens(users, random):
    choices = [DONE, SKIPPED, NOT_WRITTEN, UNREACHABLE, throttled_result(), ProbeResult(reason="storage")]
    one, turns = lane(users), 0
    while one.is_open:
        request, result = one.next_request(), random.choice(choices)
        if request.mode is ProbeMode.LAST and result.reason in {"unreachable", "throttled"}:
            result = replace(result, status="unknown")
        if request.mode is ProbeMode.OUTAGE:
            result = ProbeResult(status="unknown")
        if request.mode is ProbeMode.TRIAL:
            result = replace(result, status=None)
        one, turns = Lane.from_dict(one.with_result(result).to_dict()), turns + 1
        assert turns < 5000

    assert one.counts.probed + one.counts.unrecorded == users


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 30),
    st.floats(0, 60),
    st.floats(0.1, 3),
    st.sampled_from([UNREACHABLE, throttled_result(1.0), throttled_result(7.0), ProbeResult(reason="storage")]),
)
def test_a_short_outage_makes_no_user_unknown(users, start, probe_seconds, down):
    """The issue's case: 20 seconds, before and after which the service responds."""
    service = Service([(start, start + 20)], probe_seconds=probe_seconds, down=down)

    end = service.run(lane(users))

    assert end.counts.by_status == {"published": users}
    assert end.counts.unrecorded == 0


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 30),
    st.lists(st.floats(20, 3000), min_size=2, max_size=6),
    st.sets(st.integers(0, 29), max_size=5),
)
def test_only_users_whose_own_page_fails_become_unknown(users, times, broken):
    """Up to three outages, however long; some pages never respond."""
    edges = sorted(times)
    outages = list(zip(edges[::2], edges[1::2], strict=False))
    broken = {index for index in broken if index < users}
    broken = set() if len(broken) == users else broken  # with no page at all that responds, see below
    service = Service(outages, broken)

    end = service.run(lane(users))

    unknown = end.counts.by_status.get("unknown", 0)
    assert unknown <= len(broken)
    assert end.counts.by_status.get("published", 0) + unknown == users


def test_attempts_of_one_user_are_not_spent_back_to_back():
    service = Service(broken={4})

    end = service.run(lane(10))

    times = [at for at, request in service.sent if request.index == 4]
    assert end.counts.by_status == {"published": 9, "unknown": 1}
    assert len(times) == ATTEMPTS
    assert all(later - earlier >= 5 for earlier, later in pairwise(times))


def test_a_throttled_user_goes_to_the_end_of_the_lane():
    one = with_results(lane(10), throttled_result(), DONE, throttled_result())

    assert one.next_request().index == 3
    assert one.again == ((0, 2), (2, 2))

    one = with_results(one, *[DONE] * 7)

    assert one.next_request().index == 0
    assert with_results(one, DONE).again == ((2, 2),)


def test_several_failures_in_a_row_open_the_breaker():
    one = with_results(lane(10), UNREACHABLE, UNREACHABLE)

    assert not one.breaker.is_open
    assert with_results(one, UNREACHABLE).breaker.is_open


def test_a_response_in_between_keeps_the_breaker_closed():
    one = with_results(lane(10), UNREACHABLE, UNREACHABLE, DONE, UNREACHABLE)

    assert not one.breaker.is_open


def test_a_trial_probes_a_user_for_whom_bookings_has_responded():
    one = with_results(lane(10), DONE, UNREACHABLE, UNREACHABLE, UNREACHABLE)
    trial = one.next_request()

    after = with_results(one, ProbeResult(has_response=True))

    assert (trial.mode, trial.page, trial.index) == (ProbeMode.TRIAL, 1, 0)
    assert not after.breaker.is_open
    assert (after.first, after.again) == (one.first, one.again)
    assert after.counts == one.counts


def test_trials_wait_longer_and_longer():
    one, waits = with_results(lane(10), UNREACHABLE, UNREACHABLE, UNREACHABLE), []
    for _ in range(12):
        waits.append(one.wait_seconds)
        one = with_results(one, UNREACHABLE)

    assert waits[:6] == [5, 10, 20, 40, 80, 160]
    assert waits[-1] == MAX_BACKOFF_SECONDS


def test_a_failed_trial_is_not_an_attempt_of_its_user():
    one = with_results(lane(1), UNREACHABLE)
    for _ in range(20):
        one = with_results(one, UNREACHABLE)

    assert one.next_request().mode is ProbeMode.NORMAL


def test_after_hours_without_a_response_users_are_recorded_without_requests():
    service = Service([(0, 10**9)])

    end = service.run(lane(500))

    assert end.counts.by_status == {"unknown": 500}
    assert end.counts.not_requested == 500
    assert service.now < MAX_OUTAGE_SECONDS + 1000
    assert len(service.sent) < 100


def test_hanging_responses_do_not_cost_days():
    """100,000 users in 16 lanes, with 60 s until each timeout."""
    service = Service([(0, 10**9)], probe_seconds=60)

    service.run(lane(100_000 // 16))

    hanging = [request for _, request in service.sent]
    assert len(hanging) < 100


def test_the_limit_applies_to_the_complete_scan():
    spent = Breaker(outage_seconds=MAX_OUTAGE_SECONDS - 1)
    one = with_results(lane(10, breaker=spent), UNREACHABLE, UNREACHABLE, UNREACHABLE)

    assert one.next_request().mode is ProbeMode.OUTAGE
    assert one.wait_seconds == 0


def test_lanes_start_with_what_the_last_ones_observed():
    """A lane of the next page sends a trial first, and pauses as the last ones did."""
    known = Breaker(failures=FAILURES_TO_OPEN, pause_seconds=4, responder=(1, 7))
    trial = replace(lane(10, breaker=known), page=2).next_request()

    assert (trial.mode, trial.page, trial.index) == (ProbeMode.TRIAL, 1, 7)


def test_one_lane_with_responses_outweighs_the_others():
    merged = merge_breakers(
        [
            Breaker(failures=9, trials=3, outage_seconds=70, pause_seconds=1),
            Breaker(outage_seconds=30, pause_seconds=8, responder=(2, 5)),
        ]
    )

    assert merged == Breaker(failures=0, trials=0, outage_seconds=70, pause_seconds=8, responder=(2, 5))


def test_a_lane_waits_as_long_as_it_was_instructed():
    assert with_results(lane(), DONE, throttled_result(30)).wait_seconds == 30


def test_no_wait_is_longer_than_an_hour():
    assert with_results(lane(), throttled_result(86_400)).wait_seconds == MAX_WAIT_SECONDS


def test_a_throttled_lane_slows_down_and_speeds_up_again():
    pauses, one = [], lane(100)
    for result in [*[throttled_result(0.1)] * 6, *[DONE] * 6]:
        one = replace(with_results(one, result), again=())
        pauses.append(one.breaker.pause_seconds)

    assert pauses[:6] == [1, 2, 4, 8, MAX_PAUSE_SECONDS, MAX_PAUSE_SECONDS]
    assert pauses[6:] == [4, 2, 1, 0.5, 0, 0]


def test_throttled_probes_are_counted():
    assert with_results(lane(), throttled_result(), throttled_result(), DONE).counts.throttled_waits == 2


def test_a_row_that_is_never_written_is_counted():
    one = lane(1)
    for _ in range(ATTEMPTS):
        one = with_results(one, NOT_WRITTEN)

    assert not one.is_open
    assert one.counts.unrecorded == 1


def test_users_without_a_request_say_nothing_about_bookings():
    one = with_results(lane(10), UNREACHABLE, UNREACHABLE, SKIPPED, SKIPPED)

    assert one.breaker.failures == 2
    assert one.breaker.responder is None


def test_a_lane_without_the_lock_ends():
    one = with_results(lane(), DONE, ProbeResult(holds_lock=False))

    assert not one.is_open
    assert not one.result().holds_lock


def test_a_lane_stays_small_however_much_it_repeats():
    one = lane(999, breaker=Breaker(responder=(1, 0)))
    for turn in range(3000):
        if not one.is_open:
            break
        one = one.with_result(throttled_result() if turn % 2 else DONE)
        assert len(str(one.to_dict())) < 20_000
