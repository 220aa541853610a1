"""Holds docs/api.md to the doors: their routes, their problems, the shapes of their answers."""

import ast
import json
import re
import runpy
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import pytest
from documents import DOCUMENTS, ROOT, blocks, only_once, section_of, table_of, text_of, titles_of
from everything_known import CHANGE, FREE_TIMES, NOW, POLICY, ROW, SCAN

from api.shapes import (
    change_shape,
    free_times_shape,
    health_shape,
    look_up_shape,
    policy_shape,
    scan_shape,
)
from atlas.health.checks import Check, Health, HealthStatus
from atlas.pages.free_times import PROBLEM_CODES
from atlas.pages.listing import ServedChange
from atlas.pages.lookup import LookupResult, Source


def http_triggers() -> Iterator[Mapping[str, Any]]:
    """The bindings of every route, as the Functions host is told them."""
    app = runpy.run_path(str(ROOT / "function_app.py"))["app"]  # one of our own: an app tells its functions only once
    for function in app.get_functions():
        trigger = function.get_trigger().get_dict_repr()
        if trigger["type"] == "httpTrigger":
            yield trigger


def routes() -> set[str]:
    """All routes but the one behind them, which answers what is no route."""
    return {
        f"{getattr(method, 'value', method)} /api/{trigger['route']}"
        for trigger in http_triggers()
        for method in trigger["methods"]
        if "*" not in trigger["route"]
    }


def test_every_route_is_documented_and_no_other_is():
    text = text_of("docs/api.md")

    assert only_once(title.strip("`") for title in titles_of(text) if title.startswith("`")) == routes()
    assert only_once(row[0] for row in table_of(text, "route")) == routes()


def test_no_document_names_a_route_that_does_not_exist():
    paths = {
        path for document in DOCUMENTS for path in re.findall(r"(?<![a-z])/api/[^\s`\"'?|)*,]+", document.read_text())
    }
    known = [re.sub(r"\{\w+\}", "[^/]+", route.split()[1]) for route in routes()]

    assert len(paths) > 5
    assert not {path for path in paths if not any(re.fullmatch(pattern, path) for pattern in known)}


def problems() -> Iterator[tuple[str, str]]:
    """Status and code of every problem that the doors can answer."""
    for file in (ROOT / "api").glob("*.py"):
        for call in ast.walk(ast.parse(file.read_text())):
            match call:
                case ast.Call(func=ast.Name("Problem"), args=[ast.Attribute(attr=status), ast.Constant(code), *_]):
                    yield str(int(HTTPStatus[status])), str(code)
                case ast.Call(func=ast.Name("_unavailable"), args=[ast.Constant(code), *_]):
                    yield str(int(HTTPStatus.SERVICE_UNAVAILABLE)), str(code)
                case ast.Call(func=ast.Attribute(ast.Name("Problem"), "of_field"), args=[ast.Constant(code), *_]):
                    yield str(int(HTTPStatus.BAD_REQUEST)), str(code)


def test_every_problem_code_is_documented_with_its_status_and_no_other_is():
    documented = {(row[0], row[1].strip("`")) for row in table_of(section_of("docs/api.md", "## Problems"), "status")}

    assert documented == set(problems())


def test_every_problem_named_at_a_route_exists():
    told = re.findall(r"Problems?: (.+?)(?=\n\n)", text_of("docs/api.md"), re.DOTALL)

    named = set(re.findall(r"`(\w+)`", " ".join(told)))
    assert len(named) > 5
    assert named <= {code for _, code in problems()}


def availability_problems() -> Iterator[str]:
    """Every code by which a look-up says why it tells no free times."""
    for name in ("atlas/pages/free_times.py", "api/users.py"):
        for call in ast.walk(ast.parse(text_of(name))):
            match call:
                case ast.Call(func=ast.Name("NoFreeTimes"), args=[ast.Constant(code), *_]):
                    yield str(code)
    yield from PROBLEM_CODES.values()


def test_every_reason_for_telling_no_free_times_is_documented_and_no_other_is():
    section = section_of("docs/api.md", "## `GET /api/users/{user}/bookings`")

    documented = only_once(row[0] for row in table_of(section, "availabilityProblem.code"))
    assert documented == set(availability_problems())


def shapes() -> Mapping[str, Mapping[str, Any]]:
    """The shapes of the API, by a member that only they have."""
    check = Check(ok=True, detail="")
    health = Health(HealthStatus.HEALTHY, check, check, check, check, check, SCAN, NOW)
    found = LookupResult(ROW, Source.ROW)
    return {
        "accountEnabled": {**look_up_shape(found, "https://outlook.office.com"), **free_times_shape(FREE_TIMES, "UTC")},
        "fromStatus": change_shape(ServedChange(CHANGE, "a cursor")),
        "usersProbed": scan_shape(SCAN),
        "checks": health_shape(health, NOW),
        "cis139": policy_shape(POLICY),
    }


@pytest.mark.parametrize("mark", shapes())
def test_every_example_body_has_the_members_that_the_code_answers(mark: str):
    bodies = [json.loads(block) for block in blocks("docs/api.md", "json")]
    examples = bodies + [item for body in bodies for item in body.get("value", [])]

    found = [example for example in examples if mark in example]
    assert found
    for example in found:
        assert example.keys() == shapes()[mark].keys()
        for name in {"meetingTypes", "availability", "checks", "lastScan", "bookings", "owaPolicies"} & example.keys():
            assert members(example[name]) == members(shapes()[mark][name])


def test_every_member_of_the_policy_is_explained_and_no_other_is():
    table = table_of(section_of("docs/api.md", "## `GET /api/policy`"), "member")

    told = [name.strip("` ") for row in table for name in row[0].split(",")]
    assert only_once(told) == policy_shape(POLICY).keys()


def members(value: Any) -> Any:
    """The names of the members, nested as they are; of a list, those of its first item."""
    if isinstance(value, Mapping):
        return {name: members(inner) for name, inner in value.items()}
    return members(value[0]) if isinstance(value, list) else None
