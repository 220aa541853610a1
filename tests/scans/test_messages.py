"""What travels through Durable: plain JSON, that comes back as it was, also from an older or a newer version."""

import dataclasses
import json
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.scans import messages
from atlas.scans.messages import Message
from atlas.scans.progress import Lane, ScanProgress

KINDS = [
    *(
        kind
        for kind in vars(messages).values()
        if isinstance(kind, type) and issubclass(kind, Message) and kind is not Message
    ),
    Lane,
    ScanProgress,
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


def optional_names(kind):
    fields = dataclasses.fields(kind)
    missing = dataclasses.MISSING
    return [one.name for one in fields if one.default is not missing or one.default_factory is not missing]


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_payload_comes_back_from_this_an_older_and_a_newer_version(kind, data):
    payload = data.draw(built(kind))
    sent = json.loads(json.dumps(payload.to_dict()))
    optional = optional_names(kind)

    newer = kind.from_dict({**sent, "of_a_newer_version": 1})
    older = kind.from_dict({name: value for name, value in sent.items() if name not in optional})

    assert kind.from_dict(sent) == newer == payload
    assert older == dataclasses.replace(payload, **{name: getattr(older, name) for name in optional})
