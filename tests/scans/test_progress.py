"""The walk through a tenant: every user of a page is asked about, as wide as allowed, as slow as told."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.scans.messages import Counts, GoneResult, ProbeResult, UsersResult
from atlas.scans.progress import (
    ATTEMPTS,
    MAX_LANES,
    MAX_PAUSE_SECONDS,
    MAX_WAIT_SECONDS,
    MAX_WARNINGS,
    MORE_WARNINGS,
    STORAGE_WAIT_SECONDS,
    Lane,
    ScanProgress,
    exchange_warnings,
    lane_id,
    limit_warnings,
)

WALK = ScanProgress("scan-20261123T120000000-0a1b2c3d", 4, scanned_before=True)
DONE, BROKEN = ProbeResult(status="published"), ProbeResult()


def throttled(seconds=1.0):
    return ProbeResult(wait_seconds=seconds)


def lane(first=0, last=10, width=3):
    return Lane("s", 1, first, last, width, None, scanned_before=False)


def answered(one, *answers):
    return one.with_answers(one.next_probes()[: len(answers)], answers)


def walked(one, answer_of):
    """The lane at its end, and every probe that was ordered on the way."""
    ordered = []
    while one.is_open:
        probes = one.next_probes()
        assert 0 < len(probes) <= one.width
        ordered += probes
        answers = [answer_of(one.request(index, attempt)) for index, attempt in probes]
        one = Lane.from_dict(one.with_answers(probes, answers).to_dict())
    return one, ordered


@given(st.integers(0, 40), st.integers(1, 9), st.randoms())
def test_every_user_has_one_outcome_whatever_the_answers(users, width, random):
    def answer(request):
        return random.choice([DONE, BROKEN] if request.is_last_attempt else [DONE, BROKEN, throttled()])

    end, ordered = walked(lane(0, users, width), answer)

    counts = Counts.from_dict(end.counts)
    assert counts.probed + counts.unrecorded == users
    assert len(set(ordered)) == len(ordered)
    assert {index for index, _ in ordered} == set(range(users))
    assert all(attempt <= ATTEMPTS for _, attempt in ordered)


@given(st.integers(0, 40), st.integers(1, 9))
def test_with_clean_answers_every_user_is_ordered_exactly_once_and_nobody_waits(users, width):
    end, ordered = walked(lane(0, users, width), lambda _: DONE)

    assert ordered == [(index, 1) for index in range(users)]
    assert end.counts.get("by_status", {}) == ({"published": users} if users else {})
    assert end.wait_seconds == 0


def test_the_last_attempt_is_told_that_it_is():
    _, ordered = walked(lane(0, 1), lambda request: DONE if request.is_last_attempt else throttled())

    assert ordered == [(0, attempt) for attempt in range(1, ATTEMPTS + 1)]


def test_a_user_whose_row_cannot_be_written_is_given_up_and_counted():
    end, ordered = walked(lane(0, 1), lambda _: BROKEN)

    assert len(ordered) == ATTEMPTS
    assert end.counts == {"by_status": {}, "unrecorded": 1, "throttled_waits": 0}


def test_who_is_asked_again_comes_before_who_was_not_asked_yet():
    after = answered(lane(0, 10, 3), throttled(), DONE, throttled())

    assert after.next_probes() == [(0, 2), (2, 2), (3, 1)]


def test_a_lane_waits_as_long_as_the_longest_it_was_told():
    assert answered(lane(), throttled(30), throttled(7), DONE).wait_seconds == 30


def test_nobody_waits_for_hours():
    assert answered(lane(), throttled(86_400)).wait_seconds == MAX_WAIT_SECONDS


def test_a_lane_waits_for_storage_that_fails():
    assert answered(lane(), DONE, BROKEN, DONE).wait_seconds == STORAGE_WAIT_SECONDS


def test_a_throttled_lane_slows_down_up_to_a_limit_and_speeds_up_again():
    pauses = []
    one = lane(0, 100, 1)
    for answer in [*[throttled(0.1)] * 6, *[DONE] * 6]:
        one = replace(answered(one, answer), again=[])
        pauses.append(one.pause_seconds)

    assert pauses[:6] == [1, 2, 4, 8, MAX_PAUSE_SECONDS, MAX_PAUSE_SECONDS]
    assert pauses[6:] == [4, 2, 1, 0.5, 0, 0]


def test_throttled_waits_are_counted():
    assert answered(lane(), throttled(), throttled(), DONE).counts["throttled_waits"] == 2


@given(st.integers(1, 64), st.integers(0, 1000))
def test_the_lanes_of_a_page_hold_each_user_once_and_as_many_probes_as_allowed(concurrency, size):
    lanes = replace(WALK, concurrency=concurrency, page=3, page_size=size).lanes()

    assert [index for one in lanes for index in range(one.first, one.last)] == list(range(size))
    assert sum(one.width for one in lanes) == (concurrency if size else 0)
    assert len(lanes) <= min(concurrency, MAX_LANES)
    assert all(one.width >= 1 and one.is_open and one.page == 3 for one in lanes)


def test_a_page_without_users_has_no_lane():
    assert WALK.lanes() == []


def test_the_listing_is_counted_page_by_page_and_the_total_is_kept():
    progress = WALK.with_page(UsersResult(1, 10, "link", total=25)).with_page(UsersResult(2, 0, "link2"))

    progress = progress.with_page(UsersResult(3, 12, None))

    assert (progress.page, progress.page_size, progress.listed, progress.total, progress.next_link) == (
        3,
        12,
        22,
        25,
        None,
    )


def test_the_counts_of_all_lanes_add_up():
    parts = [{"by_status": {"published": 2}, "unrecorded": 1}, {}, {"by_status": {"published": 1, "gone": 1}}]

    counts = WALK.with_counts(parts).with_counts([{"throttled_waits": 3}]).counts

    assert counts == {"by_status": {"published": 3, "gone": 1}, "unrecorded": 1, "throttled_waits": 3}


def test_a_walk_that_came_through_tells_the_totals_of_the_rows():
    progress = replace(WALK, counts=Counts({"published": 9}, 2, 5).to_dict(), warnings=["w"])

    closing = progress.closing(GoneResult({"published": 7}, unconfirmed=3, still_licensed=6))

    assert (closing.by_status, closing.unrecorded, closing.throttled_waits) == ({"published": 7}, 2, 5)
    assert (closing.missed, closing.unconfirmed, closing.error, closing.warnings) == (4, 3, None, ["w"])


def test_a_walk_that_broke_off_tells_what_it_counted():
    closing = replace(WALK, listed=40, counts=Counts({"published": 9}, 2, 5).to_dict()).failing("why")

    assert (closing.by_status, closing.unrecorded, closing.throttled_waits) == ({"published": 9}, 2, 5)
    assert (closing.error, closing.listed) == ("why", 40)


@pytest.mark.parametrize(
    ("organization", "mailboxes", "policies", "count", "words"),
    [
        (None, None, None, 0, []),
        ("refused", None, None, 1, ["refused", "BookingsAuthEnabled", "organisation's policy"]),
        (None, "refused", "", 1, ["refused", "Microsoft Graph", "capabilities", "mailbox policies"]),
        (None, None, "refused", 1, ["refused", "mailbox policies"]),
        ("refused", None, "late", 1, ["refused", "mailbox policies", "BookingsAuthEnabled"]),
        ("refused", "also refused", "", 1, ["also refused", "capabilities", "BookingsAuthEnabled"]),
        (None, "", "", 0, []),
    ],
)
def test_whatever_exchange_did_not_tell_is_one_warning(organization, mailboxes, policies, count, words):
    warnings = exchange_warnings(organization, mailboxes, policies)

    assert len(warnings) == count
    assert all(word in warnings[0] for word in words)


@given(st.integers(1, 100_000), st.integers(0, MAX_LANES))
def test_the_id_of_a_lane_is_derived_and_short_enough_for_an_instance(page, number):
    text = lane_id(WALK.scan_id, page, number)

    assert text.startswith(WALK.scan_id)
    assert len(text) <= 100
    assert text.isascii()


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(0, 9), max_size=3), max_size=4))
def test_counts_add_as_numbers_do(parts):
    total = sum((Counts(part) for part in parts), Counts())

    assert total.by_status == dict(sum(map(Counter, parts), Counter())) | {
        name: 0 for part in parts for name, count in part.items() if not sum(p.get(name, 0) for p in parts)
    }


@given(st.lists(st.sampled_from([f"warning {number}" for number in range(30)]), max_size=40), st.integers(0, 40))
def test_of_many_warnings_a_few_are_told_and_that_there_are_more(warnings, first):
    told = limit_warnings([*limit_warnings(warnings[:first]), *warnings[first:]])

    distinct = list(dict.fromkeys(warnings))
    assert told[:MAX_WARNINGS] == distinct[:MAX_WARNINGS]
    assert (told[MAX_WARNINGS:] == [MORE_WARNINGS]) == (len(distinct) > MAX_WARNINGS)
