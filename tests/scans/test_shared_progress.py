"""The stage of shared pages: each step that fails loses only what comes from it."""

from dataclasses import replace

import pytest

from atlas.scans.messages import Retry, ScanRequest, SharedResult, StepFailure
from atlas.scans.progress import ScanProgress, Step
from atlas.scans.shared_progress import SharedPages

START = ScanProgress.from_dict(
    ScanRequest(scan_id="scan-20261123T120000000-0a1b2c3d", concurrency=4, scanned_before=True).to_dict()
)
BOTH = SharedPages(has_graph=True, has_exchange=True)
REFUSED = StepFailure(problem="grant Bookings.Read.All", retry=Retry.NEVER)


def at(step, shared=BOTH):
    return replace(START, step=step, shared=shared)


def steps_from(progress, results):
    steps = []
    for result in results:
        progress = progress.with_shared(result)
        steps.append(progress.step)
    return steps, progress


def test_the_steps_follow_one_another():
    done = SharedResult()

    steps, progress = steps_from(
        at(Step.LIST_BUSINESSES, SharedPages()), [SharedResult(count=3), done, done, done, done]
    )

    assert steps == [
        Step.LIST_SHARED_MAILBOXES,
        Step.COMPARE_SHARED_NAMES,
        Step.INSPECT_SHARED_PAGES,
        Step.MARK_SHARED_PAGES_GONE,
        Step.FIND_CREATORS,
    ]
    assert progress.with_shared(done).step is Step.DELETE_EXPIRED
    assert progress.closing().warnings == ()


@pytest.mark.parametrize(
    ("step", "following"),
    [
        (Step.LIST_BUSINESSES, Step.LIST_SHARED_MAILBOXES),
        (Step.LIST_SHARED_MAILBOXES, Step.COMPARE_SHARED_NAMES),
        (Step.COMPARE_SHARED_NAMES, Step.INSPECT_SHARED_PAGES),
        (Step.INSPECT_SHARED_PAGES, Step.FIND_CREATORS),
        (Step.MARK_SHARED_PAGES_GONE, Step.FIND_CREATORS),
        (Step.FIND_CREATORS, Step.DELETE_EXPIRED),
    ],
)
def test_a_step_that_fails_leaves_the_others(step, following):
    after = at(step).with_failure(REFUSED)

    assert after.step is following
    assert any("grant Bookings.Read.All" in warning for warning in after.warnings())
    assert after.closing().error is None


def test_only_an_outage_of_a_permitted_source_keeps_pages_from_being_gone():
    refused = at(Step.LIST_BUSINESSES).with_failure(REFUSED)
    broken = at(Step.LIST_BUSINESSES)
    for _ in range(50):
        if broken.step is Step.LIST_BUSINESSES:
            broken = broken.with_failure(StepFailure(problem="503", retry=Retry.LATER))

    assert not refused.shared.failed
    assert broken.shared.failed
    assert at(Step.INSPECT_SHARED_PAGES, broken.shared).with_shared(SharedResult()).step is Step.FIND_CREATORS
    assert broken.closing().shared_pages_failed


@pytest.mark.parametrize("retry", [Retry.NEVER, Retry.LATER, Retry.AGAIN])
def test_a_search_that_does_not_begin_hardly_delays_a_scan(retry):
    """``FIND_CREATORS`` begins it later, and reports why it cannot."""
    after, waited = START, 0.0
    while after.step is Step.BEGIN_CREATOR_SEARCH:
        after = after.with_failure(StepFailure(problem="503", retry=retry))
        waited += after.wait_seconds

    assert (after.step, after.warnings()) == (Step.READ_ORGANIZATION, [])
    assert waited <= 15
    assert not after.closing().shared_pages_failed


def test_without_any_source_the_stage_ends():
    nothing = at(Step.LIST_BUSINESSES, SharedPages()).with_failure(REFUSED).with_failure(REFUSED)

    assert nothing.step is Step.DELETE_EXPIRED


def test_a_restarted_listing_counts_from_its_new_start():
    restarted = at(Step.LIST_SHARED_MAILBOXES).with_shared(SharedResult(has_next=True))
    restarted = restarted.with_failure(StepFailure(problem="expired", retry=Retry.RESTART))

    done = restarted.with_shared(SharedResult())

    assert done.shared.first_listing == 3
    assert done.shared_request().first_listing == 3


def test_the_search_for_creators_waits_on_the_durable_timer():
    waiting = at(Step.FIND_CREATORS).with_shared(SharedResult(has_next=True, wait_seconds=40))

    assert (waiting.step, waiting.wait_seconds) == (Step.FIND_CREATORS, 40)
