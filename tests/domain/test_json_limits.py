"""JSON is parsed within limits: hostile documents are rejected quickly, and ordinary ones are read in full."""

import json
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.domain.json_limits import MAX_DEPTH, InvalidJson, TooManyItems, parse_json

MEBIBYTE = 1024 * 1024
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@given(VALUES)
def test_ordinary_documents_are_read(value):
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary() | st.text().map(str.encode))
def test_every_other_document_raises_invalid_json(document):
    with suppress(InvalidJson):
        parse_json(document)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 3_000, 100_000])
def test_deeply_nested_documents_are_rejected(opening, depth):
    closing = b"]" if opening == b"[" else b"}"
    with pytest.raises(InvalidJson, match="nested deeper"):
        parse_json(opening * depth + (b"" if opening == b"[" else b"1") + closing * depth, max_items=200_000)


def test_the_deepest_allowed_document_is_read():
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None


@pytest.mark.parametrize("item", [b"[],", b"{},", b"0,"])
def test_a_bomb_is_rejected_before_it_is_parsed(item):
    """32 MiB of brackets used to become 844 MB of lists."""
    bomb = b"[" + item * (32 * MEBIBYTE // len(item)) + b"0]"

    tracemalloc.start()
    with pytest.raises(TooManyItems):
        parse_json(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < MEBIBYTE
