"""The CI workflow runs the same command as developers, with minimal permissions."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / ".github" / "workflows" / "check.yml"


@pytest.fixture
def workflow() -> dict[Any, Any]:
    return yaml.safe_load(FILE.read_text())


@pytest.fixture
def steps(workflow: dict[Any, Any]) -> list[dict[str, Any]]:
    [job] = workflow["jobs"].values()
    return job["steps"]


def test_it_runs_for_every_change(workflow: dict[Any, Any]) -> None:
    events = workflow[True]  # YAML 1.1 parses `on` as true

    assert events.keys() == {"push", "pull_request"}
    assert events["push"] == {"branches": ["main"]}


def test_it_may_only_read_and_has_a_time_limit(workflow: dict[Any, Any]) -> None:
    [job] = workflow["jobs"].values()

    assert workflow["permissions"] == {"contents": "read"}
    assert "permissions" not in job
    assert job["timeout-minutes"] <= 60
    assert "${{ github.ref }}" in workflow["concurrency"]["group"]
    assert "secrets." not in FILE.read_text()


def test_it_runs_what_developers_run(steps: list[dict[str, Any]]) -> None:
    assert steps[-1]["run"] == "make check"
    assert re.search(r"^check:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_bicep_compiler_is_on_the_path(steps: list[dict[str, Any]]) -> None:
    runs = [step.get("run", "") for step in steps]
    installs = next(index for index, run in enumerate(runs) if "az bicep install" in run)

    assert "GITHUB_PATH" in runs[installs]
    assert runs[installs + 1] == "bicep --version"


def test_it_has_the_product_s_python_and_node(steps: list[dict[str, Any]]) -> None:
    uses = {step["uses"].split("@")[0]: step.get("with", {}) for step in steps if "uses" in step}

    assert (ROOT / uses["actions/setup-python"]["python-version-file"]).read_text().strip() == "3.13"
    assert uses["actions/setup-node"]["node-version"] == 20
