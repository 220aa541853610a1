"""The connector's files are those of the description, and valid by everybody's rules."""

import json
import os
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from jsonschema.validators import validator_for
from openapi_spec_validator import validate

from api.openapi.operations import OPERATIONS
from connector.build import documents
from connector.fill import DEFINITION, FILES, HERE, ICON
from connector.icon import SIZE, pixels
from connector.steps import STEPS

SCHEMAS = {
    DEFINITION: "apiDefinition.swagger.schema.json",
    **dict.fromkeys(FILES.values(), "apiProperties.schema.json"),
}
"""Microsoft's schema of each file."""

# A string, which may hold two slashes, or a comment.
STRING_OR_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*')


def committed(name: str) -> dict[str, Any]:
    """A file of the connector."""
    document: dict[str, Any] = json.loads((HERE / name).read_text(encoding="utf-8"))
    return document


def without_comments(text: str) -> str:
    """JSON, of a file that has comments."""
    return STRING_OR_COMMENT.sub(lambda found: found[1] or "", text)


@pytest.mark.parametrize("name", documents())
def test_no_file_is_stale(name: str) -> None:
    assert (HERE / name).read_text(encoding="utf-8") == documents()[name], "run python -m connector.build"


def test_the_icon_is_the_one_that_is_drawn() -> None:
    icon = (HERE / ICON).read_bytes()
    start = icon.index(b"IDAT") + 4
    rows = zlib.decompress(icon[start : start + struct.unpack(">I", icon[start - 8 : start - 4])[0]])
    width = SIZE * 3 + 1

    assert b"".join(rows[row * width + 1 : (row + 1) * width] for row in range(SIZE)) == pixels()


def test_the_definition_is_openapi_2() -> None:
    validate(committed(DEFINITION))


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_files_pass_the_schemas_of_microsoft(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = os.environ.get("CONNECTOR_SCHEMAS")
    if not folder:
        with capsys.disabled():
            print(f"\n{name} was not checked against {SCHEMAS[name]}: CONNECTOR_SCHEMAS names no folder")  # noqa: T201
        return
    schema = json.loads(without_comments(Path(folder, SCHEMAS[name]).read_text(encoding="utf-8-sig")))
    errors = validator_for(schema)(schema).iter_errors(committed(name))

    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_comments_are_taken_out_and_addresses_are_not() -> None:
    text = '{\n // a comment\n "a": "https://contoso.com", // another: "b"\n "b": "\\"//"\n}'

    assert json.loads(without_comments(text)) == {"a": "https://contoso.com", "b": '"//'}


def test_every_step_stands_for_a_route_and_takes_parameters_that_the_route_has() -> None:
    known = {operation.operation_id: {one.name for one in operation.parameters} for operation in OPERATIONS}

    assert {step.operation_id for step in STEPS if not set(step.parameters) <= known[step.route]} == set()


def test_a_maker_is_not_asked_for_what_the_platform_does() -> None:
    shown = {
        one["name"]
        for methods in committed(DEFINITION)["paths"].values()
        for operation in methods.values()
        for one in operation["parameters"]
        if one.get("x-ms-visibility") != "internal"
    }

    assert shown & {"continuation", "format", "since", "async", "availability"} == set()
