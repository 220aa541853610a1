"""The definitions of tools: derived from the API, read-only, small, and of the forms that clients accept."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.access import AppRole
from api.mcp.tools import DATA, MAX_ITEMS, TOOLS, Tool, failure_result, success_result
from api.problems import Problem
from atlas.live_queries import TooManyQueries

TOOL_NAMES = [tool.name for tool in TOOLS]


def schemas(part: Any) -> Iterator[dict[str, Any]]:
    """Every object in a schema."""
    match part:
        case dict():
            yield part
            for inner in part.values():
                yield from schemas(inner)
        case list():
            for inner in part:
                yield from schemas(inner)


@pytest.mark.parametrize("tool", TOOLS, ids=TOOL_NAMES)
def test_definitions_are_valid_and_say_that_nothing_is_changed(tool: Tool[Any]) -> None:
    definition = tool.definition

    for name in ("inputSchema", "outputSchema"):
        Draft202012Validator.check_schema(definition[name])
        assert definition[name]["type"] == "object"
        assert not definition[name]["additionalProperties"]
    assert definition["annotations"]["readOnlyHint"]
    assert not definition["annotations"]["destructiveHint"]
    assert DATA in definition["description"]
    assert len(definition["name"]) <= 64


@pytest.mark.parametrize("tool", TOOLS, ids=TOOL_NAMES)
def test_inputs_have_neither_references_nor_several_types(tool: Tool[Any]) -> None:
    """Copilot Studio leaves such tools out."""
    for schema in schemas(tool.definition["inputSchema"]):
        assert not {"$ref", "anyOf", "oneOf"} & schema.keys()
        assert not isinstance(schema.get("type"), list)
    assert "x-ms" not in json.dumps(tool.definition)
    assert "$ref" not in json.dumps(tool.definition)


@pytest.mark.parametrize("tool", TOOLS, ids=TOOL_NAMES)
def test_every_input_has_a_description(tool: Tool[Any]) -> None:
    properties = tool.definition["inputSchema"]["properties"]

    assert [name for name, schema in properties.items() if not schema["description"]] == []
    assert ("limit" in properties) == ("continuation" in properties) == tool.name.startswith(("find_", "list_"))
    if "limit" in properties:
        assert properties["limit"]["maximum"] == MAX_ITEMS


def test_only_free_times_require_the_role_for_availability() -> None:
    roles = {tool.name: tool.role for tool in TOOLS}

    assert roles.pop("get_free_times") is AppRole.AVAILABILITY
    assert set(roles.values()) == {AppRole.READ}


@pytest.mark.parametrize(
    ("name", "arguments", "field"),
    [
        ("find_people", {}, "search"),
        ("find_people", {"search": None}, "search"),
        ("find_people", {"search": " "}, "search"),
        ("find_people", {"search": 7.5}, "search"),
        ("find_people", {"search": {"a": 1}}, "search"),
        ("find_people", {"search": "a" * 101}, "search"),
        ("find_people", {"search": "a", "limit": 0}, "limit"),
        ("find_people", {"search": "a", "limit": MAX_ITEMS + 1}, "limit"),
        ("find_people", {"search": "a", "limit": "ten"}, "limit"),
        ("find_people", {"search": "a", "status": ["published", "nonsense"]}, "status"),
        ("find_people", {"search": "a", "form": "csv"}, "form"),
        ("find_people", {"search": "a", "continuation": "x" * 2000}, "continuation"),
        ("list_people_without_page", {"status": ["published"]}, "status"),
        ("list_people_without_page", {"enabled": "perhaps"}, "enabled"),
        ("list_shared_pages", {"limit": MAX_ITEMS + 1}, "limit"),
        ("list_shared_pages", {"finding": "nonsense"}, "finding"),
        ("get_booking_page", {"user": "a" * 2001}, "user"),
        ("get_booking_page", {"user": "a@contoso.com", "availability": True}, "availability"),
        ("get_free_times", {}, "user"),
    ],
)
async def test_an_invalid_argument_is_named(name: str, arguments: dict[str, Any], field: str) -> None:
    tool = next(tool for tool in TOOLS if tool.name == name)
    with pytest.raises(Exception, match=field) as raised:
        await tool.call(None, "caller", arguments)  # type: ignore[arg-type]  # nothing is opened before they are valid
    result = failure_result(raised.value, name)

    assert result["isError"]
    assert result["content"][0]["text"].startswith(f"invalidParameter: {field} ")


def test_a_failure_states_when_to_try_again() -> None:
    text = failure_result(TooManyQueries(17), "get_free_times")["content"][0]["text"]

    assert text.startswith("tooManyRequests: ")
    assert text.endswith("Try again in 17 seconds")


def test_a_bug_is_logged_and_not_described(caplog: pytest.LogCaptureFixture) -> None:
    text = failure_result(ZeroDivisionError("a secret"), "find_people")["content"][0]["text"]

    assert text == "internal: this is an error in the app; see its log"
    assert "a secret" in caplog.text


def test_a_problem_keeps_its_code() -> None:
    assert failure_result(Problem("excluded", "why"), "find_people")["content"][0]["text"] == "excluded: why"


def test_a_result_is_the_same_as_text_and_as_json() -> None:
    result = success_result({"people": [{"displayName": "Łucja"}], "continuation": None})

    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
    assert "Łucja" in result["content"][0]["text"]
