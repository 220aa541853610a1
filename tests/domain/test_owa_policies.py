"""CIS 1.3.9, shared pages for selected users only: pass, fail, and unknown wherever a setting has no value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.domain.owa_policies import Benchmark, OwaPolicy, judge_cis_1_3_9


def default(allows):
    return OwaPolicy("OwaMailboxPolicy-Default", True, allows)


OTHER_ALLOWS, OTHER_FORBIDS = OwaPolicy("Other", False, True), OwaPolicy("Other", False, False)


@pytest.mark.parametrize(
    ("bookings_enabled", "policies", "outcome"),
    [
        (False, [default(True)], "pass"),
        (False, None, "pass"),
        (False, [], "pass"),
        (False, [default(None)], "pass"),
        (True, [default(False)], "pass"),
        (None, [default(False)], "pass"),
        (True, [default(False), OTHER_ALLOWS], "pass"),
        (True, [default(True)], "fail"),
        (True, [default(True), OTHER_FORBIDS], "fail"),
        (True, [default(True), default(False)], "fail"),
        (True, [default(None)], "unknown"),
        (True, None, "unknown"),
        (True, [], "unknown"),
        (True, [OTHER_FORBIDS], "unknown"),
        (True, [OwaPolicy("Default", None, False)], "unknown"),
        (None, [default(True)], "unknown"),
        (None, [default(None)], "unknown"),
        (None, None, "unknown"),
    ],
)
def test_the_benchmark_has_three_outcomes(bookings_enabled, policies, outcome):
    assert str(judge_cis_1_3_9(bookings_enabled, policies)) == outcome


TRUTHS = st.none() | st.booleans()
POLICIES = st.none() | st.lists(st.builds(OwaPolicy, st.text(), TRUTHS, TRUTHS, st.none() | st.text()), max_size=4)


@given(TRUTHS, POLICIES)
def test_settings_that_are_not_returned_neither_pass_nor_fail(bookings_enabled, policies):
    outcome = judge_cis_1_3_9(bookings_enabled, policies)
    defaults = [policy.allows_creation for policy in policies or () if policy.is_default]

    assert outcome is not Benchmark.FAIL or (bookings_enabled is True and True in defaults)
    assert outcome is not Benchmark.PASS or bookings_enabled is False or False in defaults
