from dataclasses import replace
from datetime import timedelta

import pytest

from atlas.domain.shared_pages.access import AccessRight
from atlas.domain.shared_pages.changes import SharedChangeKind, next_change
from atlas.domain.shared_pages.rows import gone_row
from tests.domain.shared_pages.pages import ADELE, HEALTHY, NOW, group, user

K = SharedChangeKind
FULL, SEND_AS, ON_BEHALF = AccessRight
GONE = gone_row(HEALTHY, NOW, "scan-2")


def changes_between(previous, target, *, inventoried_before=True):
    """Every change on the way, and the row at its end."""
    changes = []
    while True:
        previous, change = next_change(previous, target, NOW, inventoried_before=inventoried_before)
        if change is None:
            return changes, previous
        changes.append(change)
        assert len(changes) < 20


@pytest.mark.parametrize(
    ("previous", "target", "expected"),
    [
        (None, HEALTHY, [(K.CREATED, None, ())]),
        (HEALTHY, HEALTHY, []),
        (HEALTHY, GONE, [(K.DELETED, None, ())]),
        (GONE, GONE, []),
        (GONE, HEALTHY, [(K.CREATED, None, ())]),
        (HEALTHY, replace(HEALTHY, published=False), [(K.UNPUBLISHED, None, ())]),
        (replace(HEALTHY, published=False), HEALTHY, [(K.PUBLISHED, None, ())]),
        (HEALTHY, replace(HEALTHY, published=None), []),
        (replace(HEALTHY, published=None), HEALTHY, []),
        (HEALTHY, replace(HEALTHY, display_name="Desk", services=()), []),
        (HEALTHY, replace(HEALTHY, holders=(ADELE, user(1))), [(K.ACCESS_GRANTED, "user1@contoso.com", (FULL,))]),
        (HEALTHY, replace(HEALTHY, holders=()), [(K.ACCESS_REVOKED, "AdeleV@contoso.com", (FULL,))]),
        (HEALTHY, replace(HEALTHY, holders=None), []),
        (replace(HEALTHY, holders=None), HEALTHY, []),
        (
            HEALTHY,
            replace(HEALTHY, holders=(replace(ADELE, access=(SEND_AS, ON_BEHALF)),)),
            [
                (K.ACCESS_REVOKED, "AdeleV@contoso.com", (FULL,)),
                (K.ACCESS_GRANTED, "AdeleV@contoso.com", (SEND_AS, ON_BEHALF)),
            ],
        ),
        (
            HEALTHY,
            replace(HEALTHY, holders=(user(1), group("Front office")), published=False),
            [
                (K.UNPUBLISHED, None, ()),
                (K.ACCESS_REVOKED, "AdeleV@contoso.com", (FULL,)),
                (K.ACCESS_GRANTED, "user1@contoso.com", (FULL,)),
                (K.ACCESS_GRANTED, "Front office", (FULL,)),
            ],
        ),
    ],
)
def test_each_change_is_reported_once(previous, target, expected):
    changes, row = changes_between(previous, target)

    assert [(change.kind, change.holder, change.access) for change in changes] == expected
    assert next_change(row, target, NOW, inventoried_before=True)[1] is None


def test_the_last_step_stores_the_target():
    target = replace(HEALTHY, holders=(user(1), group("Front office"), user(2, via_group="Front office")))

    _, row = changes_between(HEALTHY, target)

    assert set(row.holders) == set(target.holders)
    assert replace(row, holders=(), changed_at=None) == replace(target, holders=(), changed_at=None)


def test_pages_of_the_first_inventory_are_not_changes():
    changes, row = changes_between(None, HEALTHY, inventoried_before=False)

    assert (changes, row) == ([], HEALTHY)


def test_a_renamed_user_is_the_same_holder():
    renamed = replace(ADELE, upn="adele.smith@contoso.com", trustees=("adele.smith@contoso.com",))

    assert changes_between(HEALTHY, replace(HEALTHY, holders=(renamed,)))[0] == []


def test_a_name_that_is_resolved_later_is_the_same_holder():
    unresolved = replace(ADELE, object_id=None, enabled=None, licensed=None)

    assert changes_between(replace(HEALTHY, holders=(unresolved,)), HEALTHY)[0] == []


def test_members_of_a_group_follow_it_without_changes():
    before = replace(HEALTHY, holders=(group(), user(1, via_group="Front office")))
    after = replace(HEALTHY, holders=(group(), user(2, via_group="Front office")))

    changes, row = changes_between(before, after)

    assert changes == []
    assert row.holders == after.holders


def test_a_change_is_dated_and_names_the_page():
    later = NOW + timedelta(hours=1)

    row, change = next_change(HEALTHY, replace(HEALTHY, published=False), later, inventoried_before=True)

    assert change is not None
    assert (row.changed_at, change.at, change.page_id, change.key) == (later, later, HEALTHY.address, HEALTHY.key)


def test_no_two_changes_of_a_page_have_the_same_time():
    """Their keys are made of it, and a second change with the key of the first would be taken for a repetition."""
    changes, _ = changes_between(HEALTHY, replace(HEALTHY, holders=(user(1), user(2)), published=False))

    assert len({change.at for change in changes}) == len(changes) == 4
