"""The state of a Bookings plan that does not work: of two entries the one that is nearest to working."""

import pytest

from atlas.microsoft365.graph import parse_account

PLAN = "199a5c09-e0ca-4e37-8f7c-b05d533e1ea2"
OTHER = "c7df2760-2c81-4ef7-b578-5b5392b571df"


def account(*plans):
    listed = [{"servicePlanId": plan, "capabilityStatus": state} for plan, state in plans]
    user = {"id": "6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0", "userPrincipalName": "adele@contoso.com"}
    return parse_account({**user, "assignedPlans": listed})


@pytest.mark.parametrize(
    ("plans", "state"),
    [
        ([], None),
        ([(OTHER, "Suspended")], None),
        ([(PLAN, "Deleted")], "Deleted"),
        ([(PLAN.upper(), "LockedOut"), (OTHER, "Enabled")], "LockedOut"),
        ([(PLAN, "Deleted"), (PLAN, "Suspended")], "Suspended"),
        ([(PLAN, "SomethingNew"), (PLAN, "Deleted")], "Deleted"),
        ([(PLAN, "SomethingNew")], "SomethingNew"),
    ],
)
def test_only_the_bookings_plan_has_a_state(plans, state):
    assert account(*plans).plan_state == state
    assert not account(*plans).is_licensed


def test_an_unknown_state_is_kept_and_shortened():
    state = account((PLAN, "\ud83d" + "x" * 5000)).plan_state

    assert state is not None
    assert state.startswith("?x")
    assert len(state) < 100
