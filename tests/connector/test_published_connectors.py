"""docs/connector.md names every extension and policy that the connectors use, each with a source."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from connector.build import documents
from connector.fill import VARIABLES
from tests.docs.documents import table_of, text_of

DOCUMENT = "docs/connector.md"


def features_in(part: Any) -> Iterator[str]:
    """Every extension, policy and redirect mode in a part of a connector's file."""
    match part:
        case dict():
            for key, value in part.items():
                if key.startswith("x-"):
                    yield key
                if key in {"templateId", "redirectMode"}:
                    yield value
                yield from features_in(value)
        case list():
            for inner in part:
                yield from features_in(inner)


def test_every_extension_and_policy_has_a_source() -> None:
    rows = table_of(text_of(DOCUMENT), "extension or policy")
    in_files = {name for text in documents().values() for name in features_in(json.loads(text))}

    assert [row[0] for row in rows if rows.count(row) > 1] == []
    assert {row[0] for row in rows} == in_files
    assert all(
        row[1] and re.search(r"certified-connectors/.+\.json|https://learn\.microsoft\.com/", row[2]) for row in rows
    )


@pytest.mark.parametrize("name", VARIABLES)
def test_every_environment_variable_is_documented(name: str) -> None:
    rows = {row[0]: row[1] for row in table_of(text_of(DOCUMENT), "argument")}

    assert rows[f"--{name.replace('_', '-')}"] == f"`{VARIABLES[name]}`"


def test_the_table_has_no_other_argument() -> None:
    assert len(table_of(text_of(DOCUMENT), "argument")) == len(VARIABLES)
