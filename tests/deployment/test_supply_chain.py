"""The supply chain: every tool and package is locked by hash, updated, audited, and listed with each release."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PYTHON_LOCKS = sorted(
    path
    for folder in (".", ".github", "local", "local/azurite", "tests/infra")
    for path in (ROOT / folder).glob("requirements*.txt")
)
NODE_LOCKS = [ROOT / "local/azurite/package-lock.json", ROOT / "tests/infra/kusto/package-lock.json"]
FOUND = {
    "dependencies": [
        {"name": "one", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]},
        {"name": "two", "version": "2.0", "vulns": []},
    ]
}
SKIPPED = {"dependencies": [{"name": "one", "skip_reason": "not found on PyPI"}, FOUND["dependencies"][1]]}
NOTHING_FOUND = {"dependencies": [FOUND["dependencies"][1]]}
NODE_FOUND = {
    "vulnerabilities": {"a": {"severity": "high"}, "b": {"severity": "low"}},
    "metadata": {"dependencies": {"total": 2}},
}
NODE_NOTHING = {"vulnerabilities": {}, "metadata": {"dependencies": {"total": 2}}}
NODE_UNREACHABLE = {"message": "405 Method Not Allowed", "error": {}}


@pytest.mark.parametrize("lock", PYTHON_LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_every_python_package_is_locked_by_hash(lock: Path) -> None:
    requirements = re.split(r"\n(?=\S)", lock.read_text().strip())

    assert [
        text for text in requirements if not re.match(r"\S+==\S+.*--hash=sha256:[0-9a-f]{64}", text, re.DOTALL)
    ] == []


@pytest.mark.parametrize("lock", NODE_LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_every_node_package_is_locked_by_hash(lock: Path) -> None:
    packages = json.loads(lock.read_text())["packages"]

    assert len(packages) > 1
    assert [name for name, package in packages.items() if name and not package["integrity"].startswith("sha512-")] == []


def test_pip_installs_nothing_without_hashes() -> None:
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", "")
    installs = re.findall(r"(?:pip install|pip sync).*", makefile)

    assert len(installs) > 4
    assert [line for line in installs if "--require-hashes" not in line and "--no-deps" not in line] == []
    assert re.findall(r"(?<=node,)npm (?!ci)\w+.*", makefile) == [
        "npm install --prefix $(@D) --no-package-lock $(NPM_QUIETLY))"  # the optional checker outside the repository
    ]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_commit(workflow: Path) -> None:
    used = re.findall(r"uses: (.+)", workflow.read_text())

    assert used
    assert [
        name for name in used if not re.fullmatch(r"(actions|azure|pypa)/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", name)
    ] == []


def test_dependabot_updates_every_lock() -> None:
    updates: list[dict[str, Any]] = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    folders = {update["package-ecosystem"]: update.get("directories", [update.get("directory")]) for update in updates}

    assert set(folders["pip"]) == {_folder(lock) for lock in PYTHON_LOCKS}
    assert set(folders["npm"]) == {_folder(lock) for lock in NODE_LOCKS}
    assert folders["github-actions"] == ["/"]


def _folder(lock: Path) -> str:
    folder = lock.parent.relative_to(ROOT).as_posix()
    return "/" if folder == "." else f"/{folder}"


def test_the_workflow_fails_without_advisories() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "audit.yml").read_text())
    [job] = workflow["jobs"].values()

    assert job["steps"][-1] == {"run": "make audit REQUIRED=1"}
    assert "schedule" in workflow[True]
    assert "$(if $(REQUIRED),--required)" in (ROOT / "Makefile").read_text()


@pytest.fixture
def audit() -> ModuleType:
    specification = importlib.util.spec_from_file_location("audit", ROOT / ".github" / "audit.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    sys.modules["audit"] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module


def _fake(folder: Path, name: str, output: Any) -> str:
    program = folder / name
    program.write_text(f"#!{sys.executable}\nprint({json.dumps(output)!r})\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(
    ("python", "node", "required", "code", "line"),
    [
        (NOTHING_FOUND, NODE_NOTHING, True, 0, "requirements.txt: 1 packages checked, 0 vulnerable"),
        (FOUND, NODE_NOTHING, False, 1, "  one 1.0: PYSEC-1, fixed in 1.1"),
        (NOTHING_FOUND, NODE_FOUND, False, 1, "  a: high"),
        (SKIPPED, NODE_NOTHING, False, 0, "NOT CHECKED: PyPI returned no advisories for 1 of 2 packages"),
        (SKIPPED, NODE_NOTHING, True, 2, "NOT CHECKED"),
        (NOTHING_FOUND, NODE_UNREACHABLE, False, 0, "NOT CHECKED: the npm registry returned no advisories"),
        (NOTHING_FOUND, NODE_UNREACHABLE, True, 2, "NOT CHECKED"),
        ("", NODE_NOTHING, True, 2, "NOT CHECKED: pip-audit returned no report"),
    ],
    ids=[
        "clean",
        "python",
        "node",
        "python-skipped",
        "python-required",
        "node-unreachable",
        "node-required",
        "no-report",
    ],
)
def test_the_audit_reports_what_it_did_not_check(
    audit: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    python: Any,
    node: Any,
    required: bool,
    code: int,
    line: str,
) -> None:
    programs = ["--pip-audit", _fake(tmp_path, "pip-audit", python), "--npm", _fake(tmp_path, "npm", node)]

    assert audit.main([*programs, *(["--required"] if required else [])]) == code
    assert line in capsys.readouterr().out


def test_the_audit_survives_missing_programs(audit: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(["--pip-audit", "/none", "--npm", "/none"]) == 0
    assert capsys.readouterr().out.count("NOT CHECKED") == 5


def test_the_audit_reads_every_lock(audit: ModuleType) -> None:
    """requirements-node.txt, -checkov and -uv lock single tools, which Dependabot updates."""
    assert {ROOT / lock for lock in audit.PYTHON_LOCKS} < set(PYTHON_LOCKS)
    assert [ROOT / folder / "package-lock.json" for folder in audit.NODE_LOCKS] == NODE_LOCKS


def test_the_bill_of_materials_lists_every_package() -> None:
    subprocess.run(["/usr/bin/env", "make", "sbom"], cwd=ROOT, check=True, capture_output=True)
    document = json.loads((ROOT / ".local" / "bookings-atlas.cdx.json").read_text())

    locked = set(re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    assert document["bomFormat"] == "CycloneDX"
    assert {(item["name"], item["version"]) for item in document["components"]} == locked


def test_a_release_has_its_bill_of_materials() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]
    commands = "\n".join(step.get("run", "") for job in jobs.values() for step in job["steps"])

    assert "make sbom" in commands
    assert re.search(r"gh release create .*bookings-atlas\.cdx\.json", commands)
