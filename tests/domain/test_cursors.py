"""Cursors come back as they were issued, and no other text is accepted."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.domain.cursors import InvalidCursor, change_key_pattern, from_cursor, to_cursor
from atlas.tables.personal_bookings import OBJECT_ID

USER_KEY, CHANGE_KEY = OBJECT_ID, change_key_pattern(OBJECT_ID)

user_keys = st.uuids().map(str)
change_keys = st.builds(
    lambda millis, user_id: f"{millis:014d}-{user_id}", st.integers(0, 10**14 - 1), st.uuids().map(str)
) | st.integers(0, 10**14 - 1).map(lambda millis: f"{millis:014d}")


@given(user_keys)
def test_a_user_key_survives_its_cursor(key: str) -> None:
    assert from_cursor(to_cursor(key), USER_KEY) == key


@given(change_keys)
def test_a_change_key_survives_its_cursor(key: str) -> None:
    assert from_cursor(to_cursor(key), CHANGE_KEY) == key


@given(st.text(max_size=300))
def test_any_other_text_is_an_invalid_cursor(text: str) -> None:
    for pattern in (USER_KEY, CHANGE_KEY):
        try:
            key = from_cursor(text, pattern)
        except InvalidCursor:
            continue

        assert to_cursor(key) == text


def test_a_cursor_of_one_list_is_invalid_for_another() -> None:
    user_id = uuid.UUID(int=7)

    with pytest.raises(InvalidCursor):
        from_cursor(to_cursor(str(user_id)), CHANGE_KEY)
    with pytest.raises(InvalidCursor):
        from_cursor(to_cursor(f"{1:014d}-{user_id}"), USER_KEY)
