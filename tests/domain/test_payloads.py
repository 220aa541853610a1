"""What travels through Durable: plain JSON, that comes back as it was, also from an older or a newer version."""

import dataclasses
import json
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.domain import payloads
from atlas.domain.payloads import Payload
from atlas.domain.walk import Lane, Walk

KINDS = [
    *(
        kind
        for kind in vars(payloads).values()
        if isinstance(kind, type) and issubclass(kind, Payload) and kind is not Payload
    ),
    Lane,
    Walk,
]
VALUES = {
    str: st.text(max_size=20),
    int: st.integers(0, 10**6),
    float: st.floats(0, 10**6),
    bool: st.booleans(),
    type(None): st.none(),
    dict[str, int]: st.dictionaries(st.text(max_size=5), st.integers(0, 9), max_size=3),
    dict[str, typing.Any]: st.dictionaries(st.text(max_size=5), st.integers(0, 9), max_size=3),
    list[str]: st.lists(st.text(max_size=10), max_size=3),
    list[list[int]]: st.lists(st.lists(st.integers(0, 9), min_size=2, max_size=2), max_size=3),
}


def built(kind):
    hints = typing.get_type_hints(kind)
    return st.builds(
        kind,
        **{
            name: st.one_of(*(VALUES[one] for one in typing.get_args(hint) or [hint] if one in VALUES))
            if hint not in VALUES
            else VALUES[hint]
            for name, hint in hints.items()
        },
    )


def test_every_kind_of_payload_is_looked_at():
    assert len(KINDS) >= 12
    assert all(dataclasses.is_dataclass(kind) for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_payload_comes_back_from_json_as_it_was(kind, data):
    payload = data.draw(built(kind))

    assert kind.from_dict(json.loads(json.dumps(payload.to_dict()))) == payload


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_what_a_newer_version_added_is_ignored(kind, data):
    payload = data.draw(built(kind))

    assert kind.from_dict({**payload.to_dict(), "of_a_newer_version": 1}) == payload


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_what_an_older_version_did_not_have_has_its_default(kind, data):
    payload = data.draw(built(kind))
    optional = [
        field.name
        for field in dataclasses.fields(kind)
        if field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
    ]

    older = kind.from_dict({name: value for name, value in payload.to_dict().items() if name not in optional})

    assert older == dataclasses.replace(payload, **{name: getattr(older, name) for name in optional})
