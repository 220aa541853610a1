"""The sentences that a scan carries: few, distinct, and exact about what is not known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.scans.messages import Closing, Counts
from atlas.scans.warnings import (
    MAX_WARNINGS,
    MORE_WARNINGS,
    NO_PAGE_SEEN,
    closing_warnings,
    exchange_warning,
    limit_warnings,
)


@pytest.mark.parametrize(
    ("organization", "mailboxes", "policies", "words"),
    [
        ("refused", None, None, ["refused", "BookingsAuthEnabled", "organisation's policy"]),
        (None, "refused", None, ["refused", "Microsoft Graph", "capabilities", "mailbox policies"]),
        (None, None, "refused", ["refused", "mailbox policies"]),
        ("refused", None, "late", ["refused", "mailbox policies", "BookingsAuthEnabled"]),
        ("refused", "also refused", None, ["also refused", "capabilities", "BookingsAuthEnabled"]),
    ],
)
def test_everything_missing_from_exchange_is_one_warning(organization, mailboxes, policies, words):
    warning = exchange_warning(organization, mailboxes, policies)

    assert all(word in warning for word in words)


def test_complete_evidence_from_exchange_has_no_warning():
    assert exchange_warning(None, None, None) is None


@given(st.lists(st.sampled_from([f"warning {number}" for number in range(30)]), max_size=40), st.integers(0, 40))
def test_many_warnings_become_a_few_and_a_hint(warnings, first):
    limited = limit_warnings([*limit_warnings(warnings[:first]), *warnings[first:]])

    distinct = list(dict.fromkeys(warnings))
    assert limited[:MAX_WARNINGS] == distinct[:MAX_WARNINGS]
    assert (limited[MAX_WARNINGS:] == [MORE_WARNINGS]) == (len(distinct) > MAX_WARNINGS)


@pytest.mark.parametrize(
    ("closing", "words"),
    [
        (Closing(scan_id="s", counts=Counts(unrecorded=3)), "3 users could not be probed"),
        (Closing(scan_id="s", counts=Counts(not_requested=4)), "4 users were recorded as unknown without a request"),
        (Closing(scan_id="s", missed=5), "5 users are licensed although"),
        (Closing(scan_id="s", unconfirmed=6), "6 users were not listed"),
    ],
)
def test_each_open_point_of_a_scan_is_a_warning(closing, words):
    (warning,) = closing_warnings(closing)

    assert words in warning


@pytest.mark.parametrize(
    ("sign_in_forced", "statuses", "is_hidden"),
    [
        (True, {"signInRequired": 9}, True),
        (True, {"signInRequired": 9, "published": 1}, False),
        (False, {"signInRequired": 9}, False),
        (None, {"signInRequired": 9}, False),
        (True, {}, False),
    ],
)
def test_forced_sign_in_that_hides_every_page_is_a_warning(sign_in_forced, statuses, is_hidden):
    closing = Closing(scan_id="s", sign_in_forced=sign_in_forced, counts=Counts(by_status=statuses))

    assert closing_warnings(closing) == ([NO_PAGE_SEEN] if is_hidden else [])
