"""The release workflow publishes what was tested, without a stored token."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / ".github" / "workflows" / "release.yml"


@pytest.fixture
def workflow() -> dict[Any, Any]:
    return yaml.safe_load(FILE.read_text())


def test_it_runs_for_version_tags_only(workflow: dict[Any, Any]) -> None:
    assert workflow[True] == {"push": {"tags": ["v*"]}}  # YAML 1.1 reads the word `on` as true


def test_only_publishing_gets_a_token(workflow: dict[Any, Any]) -> None:
    jobs = workflow["jobs"]

    assert workflow["permissions"] == {"contents": "read"}
    assert "permissions" not in jobs["build"]
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert jobs["publish"]["environment"]["name"] == "pypi"
    assert "secrets." not in FILE.read_text()
    assert "password" not in FILE.read_text()


def test_the_published_files_are_those_that_were_tested(workflow: dict[Any, Any]) -> None:
    build, publish = workflow["jobs"]["build"]["steps"], workflow["jobs"]["publish"]
    runs = [step.get("run", "") for step in build]
    test = next(index for index, run in enumerate(runs) if "test_the_wheel.py" in run)

    assert publish["needs"] == "build"
    assert (ROOT / runs[test].split()[-1]).exists()
    assert "upload-artifact" in build[test + 1]["uses"]
    assert [step["uses"].split("@")[0] for step in publish["steps"]] == [
        "actions/download-artifact",
        "pypa/gh-action-pypi-publish",
    ]


def test_a_tag_must_match_the_version_of_the_package(workflow: dict[Any, Any]) -> None:
    runs = " ".join(step.get("run", "") for step in workflow["jobs"]["build"]["steps"])
    [pattern] = re.findall(r"sed -n 's/\^version = \"\\\((.*?)\\\)", runs)

    assert 'test "$TAG" = "v$version"' in runs
    assert re.search(rf'^version = "{pattern}"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
