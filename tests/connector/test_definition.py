"""The connector's files are derived from the API's description, and valid by the schemas of others."""

import json
import os
import re
from pathlib import Path

import pytest
from jsonschema.validators import validator_for
from openapi_spec_validator import validate

from api.openapi.document import parameters_of
from connector.build import documents
from connector.definition import ROUTES
from connector.fill import AGENTS_DEFINITION, AGENTS_FILES, DEFINITION, FILES, HERE
from connector.steps import STEPS
from tests.connector.connector_files import DEFINED, committed, parameters

SCHEMAS = {
    DEFINITION: "apiDefinition.swagger.schema.json",
    AGENTS_DEFINITION: "apiDefinition.swagger.schema.json",
    **dict.fromkeys([*FILES.values(), *AGENTS_FILES.values()], "apiProperties.schema.json"),
}
"""Microsoft's schema of each file."""

OLD_REDIRECT_MODES = '"Global",'
NEW_REDIRECT_MODES = '"Global", "GlobalPerConnector",'
"""The schema of October 2024 lacks the mode that Microsoft requires since February 2024 and 32 connectors have."""

# A string, which may contain two slashes, or a comment.
STRING_OR_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*')


def without_comments(text: str) -> str:
    """The JSON of a file that has comments."""
    return STRING_OR_COMMENT.sub(lambda found: found[1] or "", text)


@pytest.mark.parametrize("name", documents())
def test_no_file_is_stale(name: str) -> None:
    assert (HERE / name).read_text(encoding="utf-8") == documents()[name], (
        "the file is outdated: run python -m connector.build"
    )


def test_the_definition_is_openapi_2() -> None:
    validate(DEFINED)
    validate(committed(AGENTS_DEFINITION))


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_files_pass_microsofts_schemas(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = os.environ.get("CONNECTOR_SCHEMAS")
    if not folder:
        with capsys.disabled():
            print(f"\n{name} was not checked against {SCHEMAS[name]}: CONNECTOR_SCHEMAS is not set")  # noqa: T201
        return
    text = Path(folder, SCHEMAS[name]).read_text(encoding="utf-8-sig")
    schema = json.loads(without_comments(text).replace(OLD_REDIRECT_MODES, NEW_REDIRECT_MODES))
    document = committed(name)
    for operation in (one for methods in document.get("paths", {}).values() for one in methods.values()):
        operation.pop("x-ms-agentic-protocol", None)  # Copilot Studio's, which is newer than the schema
    errors = validator_for(schema)(schema).iter_errors(document)

    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_comments_are_removed_and_urls_are_not() -> None:
    text = '{\n // a comment\n "a": "https://contoso.com", // another: "b"\n "b": "\\"//"\n}'

    assert json.loads(without_comments(text)) == {"a": "https://contoso.com", "b": '"//'}


def test_steps_take_parameters_that_their_routes_have() -> None:
    unknown = {
        (step.operation_id, name)
        for step in STEPS
        for name in step.parameters
        if name not in parameters_of(ROUTES[step.route])
    }

    assert unknown == set()


def test_makers_are_not_shown_what_the_platform_sends() -> None:
    shown = {one["name"] for _, one in parameters() if one.get("x-ms-visibility") != "internal"}

    assert shown & {"continuation", "format", "since", "async", "availability"} == set()
