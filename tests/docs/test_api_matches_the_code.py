"""docs/api.md has the tables of the API's description, and examples with the members that the code returns."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from complete_examples import ADOPTION, CHANGE, FREE_TIMES, NOW, POLICY, ROW, SCAN
from documents import DOCUMENTS, blocks, only_once, section_of, table_of, text_of, titles_of

from api.models.adoption import Adoption
from api.models.changes import Change
from api.models.health import Health
from api.models.lookups import Lookup
from api.models.policy import Policy
from api.models.scans import Scan
from api.openapi.operations import OPERATIONS
from atlas.health.checks import Check, HealthStatus
from atlas.health.checks import Health as HealthResult
from atlas.pages.free_times import PROBLEM_CODES
from atlas.pages.lookup import LookupResult, Source
from atlas.tables.change_feed import ServedChange
from docs.api_tables import MARKED, title_of, with_tables


def test_the_tables_are_not_stale():
    text = text_of("docs/api.md")

    assert text == with_tables(text), "docs/api.md is outdated: run python -m docs.api_tables"


def test_every_operation_has_a_section_and_tables():
    text = text_of("docs/api.md")
    tables = {found["name"] for found in MARKED.finditer(text)}

    titles = only_once(title.strip("`") for title in titles_of(text) if title.startswith("`"))
    assert titles == {title_of(operation) for operation in OPERATIONS}
    assert {f"problems {operation.operation_id}" for operation in OPERATIONS} <= tables
    assert {f"parameters {one.operation_id}" for one in OPERATIONS if one.query.model_fields} <= tables


def test_no_document_names_a_route_that_does_not_exist():
    paths = {
        path for document in DOCUMENTS for path in re.findall(r"(?<![a-z])/api/[^\s`\"'?|)*,]+", document.read_text())
    }
    known = [re.sub(r"\{\w+\}", "[^/]+", f"/api{operation.path}") for operation in OPERATIONS]

    assert len(paths) > 5
    assert not {path for path in paths if not any(re.fullmatch(pattern, path) for pattern in known)}


def availability_problems() -> Iterator[str]:
    """Every code by which a lookup says why availability is not known."""
    for name in ("atlas/pages/free_times.py", "api/user_lookup.py"):
        for call in ast.walk(ast.parse(text_of(name))):
            match call:
                case ast.Call(func=ast.Name("NoFreeTimes"), args=[ast.Constant(code), *_]):
                    yield str(code)
    yield from PROBLEM_CODES.values()


def test_every_availability_problem_is_documented():
    section = section_of("docs/api.md", "## `GET /api/users/{user}/bookings`")

    documented = only_once(row[0] for row in table_of(section, "availabilityProblem.code"))
    assert documented == set(availability_problems())


def responses() -> Mapping[str, Mapping[str, Any]]:
    """A response of each kind with every member known, by a member that only it has."""
    check = Check(ok=True, detail="")
    health = HealthResult(HealthStatus.HEALTHY, check, check, check, check, check, SCAN, NOW)
    found = LookupResult(ROW, Source.ROW)
    models = {
        "accountEnabled": Lookup.found(found, FREE_TIMES, "UTC", "https://outlook.office.com"),
        "fromStatus": Change.of(ServedChange(CHANGE, "a cursor")),
        "usersProbed": Scan.of(SCAN),
        "checks": Health.of(health, NOW),
        "cis139": Policy.of(POLICY),
        "departments": Adoption.of(ADOPTION),
    }
    return {mark: model.model_dump(mode="json", by_alias=True) for mark, model in models.items()}


@pytest.mark.parametrize("mark", responses())
def test_example_bodies_have_the_members_of_real_ones(mark: str):
    bodies = [json.loads(block) for block in blocks("docs/api.md", "json")]
    examples = bodies + [item for body in bodies for item in body.get("value", [])]

    found = [example for example in examples if mark in example]
    assert found
    for example in found:
        assert example.keys() == responses()[mark].keys()
        for name in {"meetingTypes", "availability", "checks", "lastScan", "bookings", "owaPolicies"} & example.keys():
            assert members(example[name]) == members(responses()[mark][name])


def members(value: Any) -> Any:
    """The names of the members, nested as they are; of a list, those of its first item."""
    if isinstance(value, Mapping):
        return {name: members(inner) for name, inner in value.items()}
    return members(value[0]) if isinstance(value, list) and value else None
