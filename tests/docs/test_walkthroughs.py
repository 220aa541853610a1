"""The walkthroughs of docs/architecture.md name files and functions that exist."""

import ast
import re

import pytest

from tests.docs.documents import ROOT, section_of, table_of, text_of

ARCHITECTURE = "docs/architecture.md"
STEP = re.compile(r"`([\w/]+\.py):(\w+)`")
WALKTHROUGHS = (
    "### A user, from the orchestrator to the row",
    "### A lookup, from HTTP to the response",
    "### A mailbox policy, from Exchange to the sentence on the screen",
)


def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("heading", WALKTHROUGHS)
def test_every_step_names_a_function(heading):
    steps = table_of(section_of(ARCHITECTURE, heading), "step")

    assert [row[0] for row in steps] == [str(number) for number in range(1, len(steps) + 1)]
    assert [row[1] for row in steps if not STEP.fullmatch(row[1])] == []


@pytest.mark.parametrize(("path", "function"), STEP.findall(text_of(ARCHITECTURE)))
def test_every_function_in_the_architecture_exists(path, function):
    assert function in functions_of(path)


def test_the_table_of_additions_covers_what_is_added_most():
    added = {row[0] for row in table_of(section_of(ARCHITECTURE, "## Where to add things"), "to add")}

    assert {"a setting", "a route", "a finding", "a page of another kind, such as shared pages"} <= added


def test_every_file_in_the_table_of_additions_exists():
    paths = re.findall(r"`([\w/.]+)`", section_of(ARCHITECTURE, "## Where to add things"))
    named = [path for path in paths if "/" in path or path.endswith((".py", ".md"))]

    assert len(named) > 20
    assert [path for path in named if not (ROOT / path).exists()] == []
