"""The steps of a scan: which follows which, what is repeated and for how long, and what a failure costs."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.domain.buckets import BUCKETS, buckets_of_page
from atlas.domain.organization import OrganizationSettings
from atlas.scans.lanes import MAX_WAIT_SECONDS, Breaker, LaneResult
from atlas.scans.messages import (
    ClosingResult,
    Counts,
    ExpiredResult,
    GoneResult,
    JoinResult,
    ListingResult,
    OrganizationResult,
    Retry,
    ScanRequest,
    SharedResult,
    StepFailure,
)
from atlas.scans.personal_progress import PersonalPages
from atlas.scans.progress import (
    HOUR,
    MAX_WAITED_SECONDS,
    REPEATS,
    RESTARTS,
    STAGES,
    ScanNotClosed,
    ScanProgress,
    Step,
    lane_id,
)

REQUEST = ScanRequest(scan_id="scan-20261123T120000000-0a1b2c3d", concurrency=4, scanned_before=True)
BEGUN = ScanProgress.from_dict(REQUEST.to_dict())
LISTING = (Step.LIST_MAILBOXES, Step.LIST_MAILBOX_POLICIES, Step.LIST_USERS)
PAGE = ListingResult(count=10, has_next=True, total=25)


def failure(retry, wait_seconds=None):
    return StepFailure(problem="it failed", retry=retry, wait_seconds=wait_seconds)


def at(step, **changes):
    return replace(BEGUN, step=step, **changes)


def repeat_failure(progress, cause, most=10_000):
    """The progress each time after the same failure, until the step is left."""
    step, seen = progress.step, []
    while progress.step is step:
        progress = ScanProgress.from_dict(progress.with_failure(cause).to_dict())
        seen.append(progress)
        assert len(seen) < most
    return seen


def test_a_scan_starts_with_the_query_that_takes_longest():
    assert BEGUN.step is STAGES[0][0] is Step.BEGIN_CREATOR_SEARCH
    assert (BEGUN.concurrency, BEGUN.scanned_before) == (4, True)


def test_every_step_belongs_to_one_stage():
    steps = [step for stage in STAGES for step in stage]

    assert sorted(steps) == sorted(Step)


def test_a_scan_runs_its_steps_in_order():
    progress, steps = BEGUN, []
    for result, after in (
        (SharedResult(), ScanProgress.with_shared),
        (OrganizationResult(settings=OrganizationSettings(sign_in_forced=True)), ScanProgress.with_organization),
        (ListingResult(has_next=True), ScanProgress.with_mailboxes),
        (ListingResult(), ScanProgress.with_mailboxes),
        (ListingResult(), ScanProgress.with_policies),
        (ListingResult(count=3), ScanProgress.with_users),
        (JoinResult(count=3), ScanProgress.with_joined),
    ):
        steps.append(progress.step)
        progress = after(progress, result)
    progress = progress.with_probes([LaneResult(counts=Counts(by_status={"published": 3}))], None)
    steps.append(progress.step)
    progress = progress.with_gone(GoneResult(by_status={"published": 3}))
    steps.append(progress.step)
    progress = progress.with_shared(SharedResult(enabled=False))
    steps.append(progress.step)
    progress = progress.with_deleted(ExpiredResult())
    steps.append(progress.step)
    closing = progress.closing()
    progress = progress.with_state(ClosingResult(state="completed"))

    assert steps == [
        Step.BEGIN_CREATOR_SEARCH,
        Step.READ_ORGANIZATION,
        Step.LIST_MAILBOXES,
        Step.LIST_MAILBOXES,
        Step.LIST_MAILBOX_POLICIES,
        Step.LIST_USERS,
        Step.JOIN_MAILBOXES,
        Step.MARK_GONE,
        Step.LIST_BUSINESSES,
        Step.DELETE_EXPIRED,
        Step.CLOSE_SCAN,
    ]
    assert (progress.step, progress.result()) == (Step.END, {"state": "completed"})
    assert (closing.counts.by_status, closing.sign_in_forced, closing.warnings) == ({"published": 3}, True, ())
    assert progress.organization.exchange_incomplete is False


@pytest.mark.parametrize("step", [step for step in MAX_WAITED_SECONDS if step is not Step.CLOSE_SCAN])
def test_a_service_that_does_not_respond_is_waited_for(step):
    """Waits double up to a quarter of an hour; in total they fill the budget of the step."""
    waits = [one.wait_seconds for one in repeat_failure(at(step), failure(Retry.LATER))[:-1]]

    assert waits[:3] == [10, 20, 40][: len(waits)]
    assert max(waits) <= 900
    assert MAX_WAITED_SECONDS[step] - 900 < sum(waits) <= MAX_WAITED_SECONDS[step]


def test_lists_of_users_are_waited_for_longest():
    assert MAX_WAITED_SECONDS[Step.LIST_USERS] == 6 * HOUR


@given(st.floats(0, 10**9))
def test_no_step_is_repeated_earlier_than_instructed(seconds):
    wait = at(Step.LIST_USERS).with_failure(failure(Retry.LATER, seconds)).wait_seconds

    assert wait >= min(seconds, MAX_WAIT_SECONDS)
    assert wait <= MAX_WAIT_SECONDS


@pytest.mark.parametrize("step", LISTING)
def test_an_unreadable_page_is_requested_again_then_the_listing_restarts(step):
    progress = replace(at(step), position=replace(BEGUN.position, page=7))

    seen = repeat_failure(progress, failure(Retry.AGAIN))

    pages = [(one.position.page, one.position.is_first) for one in seen[:-1]]
    restarted = [(page, True) for page in range(8, 8 + RESTARTS) for _ in range(REPEATS + 1)]
    assert pages == [(7, False)] * REPEATS + restarted
    assert seen[-1].step not in {step}


@pytest.mark.parametrize("step", LISTING)
def test_a_listing_whose_link_expired_restarts_under_new_numbers(step):
    progress = replace(at(step), position=replace(BEGUN.position, page=7))

    after = progress.with_failure(failure(Retry.RESTART))

    assert (after.position.page, after.position.is_first, after.wait_seconds) == (8, True, 0)
    assert len(repeat_failure(progress, failure(Retry.RESTART))) == RESTARTS + 1


def test_a_page_in_between_does_not_allow_endless_restarts():
    progress = at(Step.LIST_MAILBOXES)
    restarts = 0
    while progress.step is Step.LIST_MAILBOXES:
        progress = progress.with_mailboxes(ListingResult(has_next=True)).with_failure(failure(Retry.RESTART))
        restarts += 1
        assert restarts < 100

    assert restarts == RESTARTS + 1


def test_a_success_resets_the_waits():
    waited = at(Step.LIST_MAILBOXES).with_failure(failure(Retry.LATER)).with_failure(failure(Retry.LATER))

    after = waited.with_mailboxes(ListingResult(has_next=True))

    assert (after.retries.waits, after.retries.waited_seconds, after.wait_seconds) == (0, 0, 0)


def test_a_restarted_listing_counts_its_users_again():
    restarted = at(Step.LIST_USERS).with_users(PAGE).with_users(ListingResult(failure=failure(Retry.RESTART)))
    listed = restarted.with_users(PAGE).with_users(replace(PAGE, has_next=False))

    assert restarted.page_request().is_first
    assert (listed.step, listed.personal.listed, listed.personal.total) == (Step.JOIN_MAILBOXES, 20, 25)
    assert listed.join_request().users_from == 3


def test_a_restart_that_fails_immediately_keeps_the_listed_users():
    restarted = at(Step.LIST_USERS).with_users(PAGE).with_users(ListingResult(failure=failure(Retry.RESTART)))
    failed = restarted.with_users(ListingResult(failure=failure(Retry.NEVER)))

    assert (failed.step, failed.personal.listed) == (Step.JOIN_MAILBOXES, 10)
    assert failed.join_request().users_from == 1


def test_mailboxes_of_an_abandoned_listing_are_not_used():
    progress = at(Step.LIST_MAILBOXES).with_mailboxes(ListingResult(has_next=True))
    restarted = progress.with_mailboxes(ListingResult(failure=failure(Retry.RESTART)))

    assert restarted.with_mailboxes(ListingResult()).exchange.mailboxes_from == 3


def test_the_first_error_is_the_cause():
    failed = at(Step.LIST_USERS).with_users(PAGE).with_failure(failure(Retry.NEVER))
    probed = failed.with_joined(JoinResult(count=10)).with_exception("a lane failed")

    assert "list of licensed users" in probed.closing().error
    assert probed.closing().has_open_lanes


def test_a_scan_shows_since_when_it_probes_and_how_many_users():
    began = datetime(2026, 11, 23, 3, tzinfo=UTC)
    listed = at(Step.LIST_USERS).with_users(replace(PAGE, has_next=False))
    probing = listed.with_joined(JoinResult(count=10, ended_at=began))

    assert (listed.custom_status()["probingSince"], listed.custom_status()["total"]) == (None, 25)
    assert (probing.custom_status()["probingSince"], probing.custom_status()["total"]) == (began.isoformat(), 10)


@given(st.integers(0, 2_000_000))
def test_the_pages_of_a_scan_contain_every_bucket_once(users):
    progress = at(Step.LIST_USERS).with_users(ListingResult(count=users))
    requests = [progress.join_request()]
    progress = progress.with_joined(JoinResult(count=3))
    while progress.step is Step.PROBE_USERS:
        if progress.personal.has_next:
            requests.append(progress.join_request())
        progress = progress.with_probes([], JoinResult(count=3) if progress.personal.has_next else None)

    buckets = [bucket for one in requests for bucket in buckets_of_page(one.page, one.pages)]
    assert buckets == list(range(BUCKETS))
    assert progress.step is Step.MARK_GONE


@pytest.mark.parametrize(
    ("step", "following", "problem"),
    [
        (Step.READ_ORGANIZATION, Step.LIST_MAILBOXES, "organization_problem"),
        (Step.LIST_MAILBOXES, Step.LIST_USERS, "mailboxes_problem"),
        (Step.LIST_MAILBOX_POLICIES, Step.LIST_USERS, "policies_problem"),
    ],
)
def test_without_exchange_a_scan_goes_on_knowing_less(step, following, problem):
    after = at(step).with_failure(failure(Retry.NEVER))

    assert after.step is following
    assert getattr(after.exchange, problem) == "it failed"
    assert after.organization.exchange_incomplete
    assert len(after.warnings()) == 1


def test_exchange_turned_off_gives_no_warning():
    after = BEGUN.with_organization(OrganizationResult(exchange_enabled=False))

    assert (after.step, after.warnings(), after.organization.exchange_incomplete) == (Step.LIST_USERS, [], False)
    assert after.join_request().mailboxes_from is None


def test_mailboxes_are_used_only_after_a_complete_listing():
    partly = at(Step.LIST_MAILBOXES).with_mailboxes(ListingResult(has_next=True))

    assert partly.with_failure(failure(Retry.NEVER)).join_request().mailboxes_from is None
    assert partly.with_mailboxes(ListingResult()).exchange.mailboxes_from


@pytest.mark.parametrize("step", [Step.JOIN_MAILBOXES, Step.PROBE_USERS, Step.MARK_GONE])
def test_a_stage_that_fails_ends_with_its_error_and_counts(step):
    personal = PersonalPages(listed=40, counts=Counts(by_status={"published": 9}, unrecorded=2, throttled_waits=5))

    after = at(step, personal=personal).with_failure(failure(Retry.NEVER))

    assert after.step is Step.LIST_BUSINESSES  # shared pages are inventoried whatever became of personal ones
    assert "it failed" in after.closing().error
    assert (after.closing().listed, after.closing().counts) == (40, personal.counts)


def test_users_who_were_listed_are_probed_although_their_listing_failed():
    listed = at(Step.LIST_USERS).with_users(PAGE).with_failure(failure(Retry.NEVER))
    probed = listed.with_joined(JoinResult(count=10)).with_probes(
        [LaneResult(counts=Counts(by_status={"published": 10}))], None
    )

    assert listed.step is Step.JOIN_MAILBOXES
    assert probed.step is Step.LIST_BUSINESSES, "an incomplete list does not say who is gone"
    assert "it failed" in probed.closing().error
    assert (probed.closing().listed, probed.closing().counts.by_status) == (10, {"published": 10})


def test_a_listing_that_fails_immediately_leaves_no_user_to_probe():
    assert at(Step.LIST_USERS).with_failure(failure(Retry.NEVER)).step is Step.LIST_BUSINESSES


def test_a_page_whose_lanes_may_still_run_is_not_probed_twice():
    assert at(Step.PROBE_USERS).with_exception("a lane failed").closing().error == "a lane failed"


def test_lanes_beside_a_failed_one_may_still_run():
    """They are shown, so that they can be stopped; they still read the census, so it is not deleted yet."""
    failed = at(Step.PROBE_USERS, personal=PersonalPages(page=7, page_size=90)).with_exception("a lane failed")

    assert failed.step is Step.LIST_BUSINESSES  # which reads another part of the census
    assert failed.with_shared(SharedResult(enabled=False)).step is Step.CLOSE_SCAN
    assert (failed.custom_status()["page"], failed.custom_status()["lanes"]) == (7, BEGUN.concurrency)
    assert failed.closing().has_open_lanes
    assert not at(Step.LIST_USERS).with_failure(failure(Retry.NEVER)).closing().has_open_lanes


def test_an_activity_that_raises_is_repeated():
    after = at(Step.MARK_GONE).with_exception("worker lost")

    assert after.step is Step.MARK_GONE
    assert after.wait_seconds > 0


def test_expired_rows_that_cannot_be_deleted_do_not_fail_a_scan():
    after = at(Step.DELETE_EXPIRED).with_failure(failure(Retry.NEVER))

    assert (after.step, after.closing().error) == (Step.CLOSE_SCAN, None)


def test_a_scan_that_cannot_be_closed_fails_after_hours():
    progress, waited = at(Step.CLOSE_SCAN), 0.0
    while waited < 5 * HOUR:
        progress = progress.with_failure(failure(Retry.LATER))
        waited += progress.wait_seconds

    with pytest.raises(ScanNotClosed):
        repeat_failure(progress, failure(Retry.LATER))


@pytest.mark.parametrize(
    ("step", "after"),
    [
        (Step.READ_ORGANIZATION, lambda one: one.with_organization(OrganizationResult(holds_lock=False))),
        (Step.LIST_MAILBOXES, lambda one: one.with_mailboxes(ListingResult(holds_lock=False))),
        (Step.LIST_USERS, lambda one: one.with_users(ListingResult(holds_lock=False))),
        (Step.PROBE_USERS, lambda one: one.with_probes([LaneResult(holds_lock=False), LaneResult()], PAGE)),
        (Step.PROBE_USERS, lambda one: one.with_probes([LaneResult()], ListingResult(holds_lock=False))),
        (Step.MARK_GONE, lambda one: one.with_gone(GoneResult(holds_lock=False))),
        (Step.DELETE_EXPIRED, lambda one: one.with_deleted(ExpiredResult(holds_lock=False))),
    ],
)
def test_without_the_lock_a_scan_ends_at_any_step(step, after):
    ended = after(at(step))

    assert (ended.step, ended.result()) == (Step.END, None)


@given(st.integers(1, 64), st.integers(0, 1000))
def test_lanes_cover_a_page_with_as_many_probes_as_allowed(concurrency, size):
    personal = PersonalPages(page=3, page_size=size, breaker=Breaker(pause_seconds=2))
    lanes = replace(BEGUN, concurrency=concurrency, personal=personal).lanes()

    assert [index for one in lanes for index in range(one.first, one.last)] == list(range(size))
    assert len(lanes) == min(concurrency, size)
    assert all(one.is_open and one.page == 3 for one in lanes)
    assert all(one.breaker == personal.breaker for one in lanes)


def test_counts_of_all_lanes_add_up():
    lanes = [
        LaneResult(counts=Counts(by_status={"published": 2}, unrecorded=1)),
        LaneResult(),
        LaneResult(counts=Counts(by_status={"published": 1, "unknown": 1}, throttled_waits=3)),
    ]

    progress = at(Step.PROBE_USERS).with_probes(lanes, None)

    assert progress.personal.counts == Counts(by_status={"published": 3, "unknown": 1}, unrecorded=1, throttled_waits=3)


def test_a_page_without_users_keeps_what_is_known_about_bookings():
    known = Breaker(outage_seconds=70, responder=(1, 1))
    progress = at(Step.PROBE_USERS, personal=PersonalPages(breaker=known))

    assert progress.with_probes([], JoinResult(count=4)).personal.breaker == known


def test_totals_are_those_of_the_rows():
    """A user listed twice has one row."""
    personal = PersonalPages(counts=Counts(by_status={"published": 9}, unrecorded=2, throttled_waits=5))
    progress = at(Step.MARK_GONE, personal=personal)

    progress = progress.with_gone(GoneResult(by_status={"published": 4}, unconfirmed=1, has_next=True))
    progress = progress.with_gone(GoneResult(by_status={"published": 3}, unconfirmed=2, still_licensed=6))

    closing = progress.closing()
    assert closing.counts == Counts(by_status={"published": 7}, unrecorded=2, throttled_waits=5)
    assert (closing.missed, closing.unconfirmed, closing.error) == (4, 3, None)


@given(st.integers(1, 100_000), st.integers(0, 64))
def test_the_id_of_a_lane_is_derived_and_short(page, number):
    text = lane_id(BEGUN.scan_id, page, number)

    assert text.startswith(BEGUN.scan_id)
    assert len(text) <= 100
    assert text.isascii()


def test_the_state_of_a_scan_stays_small():
    progress = at(
        Step.PROBE_USERS,
        personal=PersonalPages(page=10**6, page_size=999, counts=Counts(by_status=dict.fromkeys("abcdefghij", 10**6))),
    ).with_exception("x" * 500)

    assert len(json.dumps(progress.to_dict())) < 5000
