"""Payloads of Durable Functions are plain JSON, and readable by an older and a newer version."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.domain.organization import OrganizationSettings
from atlas.scans import lanes, messages, progress
from atlas.scans.messages import Counts, Message

KINDS = sorted(
    {
        kind
        for module in (messages, lanes, progress)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Message) and kind is not Message
    },
    key=lambda kind: kind.__name__,
)


def test_every_kind_of_message_is_tested():
    assert len(KINDS) >= 18
    assert all(dataclasses.is_dataclass(kind) for kind in KINDS)


def is_optional(field):
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


st.register_type_strategy(OrganizationSettings, st.builds(OrganizationSettings, ews=st.none()))
st.register_type_strategy(float, st.floats(0, 10**6))


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_message_survives_json(kind, data):
    message = data.draw(st.from_type(kind))

    assert kind.from_dict(json.loads(json.dumps(message.to_dict()))) == message


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_messages_of_other_versions_are_readable(kind, data):
    """A newer version has more fields; an older one lacks those that have a default by now."""
    message = data.draw(st.from_type(kind))
    sent = message.to_dict()
    required = {field.name for field in dataclasses.fields(kind) if not is_optional(field)}

    newer = kind.from_dict({**sent, "of_a_newer_version": 1})
    older = kind.from_dict({name: value for name, value in sent.items() if name in required})

    assert newer == message
    assert {name: getattr(older, name) for name in required} == {name: getattr(message, name) for name in required}


COUNTS = st.builds(Counts, by_status=st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)))


@given(COUNTS, COUNTS, COUNTS)
def test_counts_add_up_in_any_order(one, two, three):
    total = (one + two) + three

    assert total.to_dict() == (one + (two + three)).to_dict() | {"by_status": total.by_status}
    assert total.probed == one.probed + two.probed + three.probed
    assert total.unrecorded == one.unrecorded + two.unrecorded + three.unrecorded
