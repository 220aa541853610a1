"""The deployment package: only the app, small, and complete with its dependencies."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from azure_python import ROOT, Azure

from infra.package import CHECKOUT, DEPENDENCIES, HOST_FILES, add_dependencies, build

TOP_LEVEL = {
    "LICENSE",
    "activities",
    "api",
    "atlas",
    "function_app.py",
    "host.json",
    "orchestrators",
    "requirements.txt",
}
MAX_BYTES = 1_500_000
MAX_FILES = 300


def test_only_the_app_is_deployed(package: Path) -> None:
    assert {path.name for path in package.iterdir()} == TOP_LEVEL


def test_no_file_of_a_developer_is_deployed(package: Path) -> None:
    kinds = {path.suffix for path in package.rglob("*") if path.is_file() and path.name != "LICENSE"}

    assert kinds <= {".py", ".json", ".txt", ".html", ".css", ".js", ".svg"}
    assert not [path for path in package.rglob("*") if path.name.startswith(".") or path.name == "__pycache__"]


def test_every_module_of_the_app_is_deployed(package: Path) -> None:
    for part in ("activities", "api", "atlas", "orchestrators"):
        sources = {file.relative_to(ROOT) for file in (ROOT / part).rglob("*.py")}
        assert sources == {file.relative_to(package) for file in (package / part).rglob("*.py")}


def test_the_app_is_small(package: Path) -> None:
    files = [path for path in package.rglob("*") if path.is_file()]

    assert sum(path.stat().st_size for path in files) < MAX_BYTES
    assert len(files) < MAX_FILES


@pytest.mark.parametrize("backend", HOST_FILES)
def test_each_back_end_has_its_own_host_json(backend: str, tmp_path: Path) -> None:
    build(tmp_path / "package", backend)

    built = tmp_path / "package" / "host.json"
    assert json.loads(built.read_text()) == json.loads((CHECKOUT / HOST_FILES[backend]).read_text())
    assert not (tmp_path / "package" / "host.dts.json").exists()


def test_a_package_contains_nothing_of_the_previous_one(tmp_path: Path) -> None:
    (tmp_path / "package" / "atlas").mkdir(parents=True)
    (tmp_path / "package" / "atlas" / "removed_last_week.py").touch()

    build(tmp_path / "package")

    assert not (tmp_path / "package" / "atlas" / "removed_last_week.py").exists()


def test_ignored_and_unlisted_folders_are_not_deployed(tmp_path: Path) -> None:
    for file in ("atlas/wiring.py", "atlas/__pycache__/wiring.pyc", "atlas/.env", "notes/secret.txt", "host.json"):
        (tmp_path / "checkout" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "checkout" / file).touch()
    (tmp_path / "checkout" / ".funcignore").write_bytes((ROOT / ".funcignore").read_bytes())

    built = build(tmp_path / "package", checkout=tmp_path / "checkout")

    assert [str(file.relative_to(tmp_path / "package")) for file in built] == ["atlas/wiring.py", "host.json"]


def test_a_package_for_a_remote_build_has_no_dependencies(tmp_path: Path, package: Path) -> None:
    command = [sys.executable, ROOT / "infra" / "package.py", "--folder", tmp_path / "built", "--remote-build"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    files = sum(path.is_file() for path in package.rglob("*"))
    pattern = rf": {files} files, \d+ KiB, \d+ KiB as built\.zip, for the back end storage, without dependencies$"
    assert re.search(pattern, output.strip())
    assert (tmp_path / "built.zip").exists()
    assert "$(if $(REMOTE),--remote-build)" in (ROOT / "Makefile").read_text()


@pytest.fixture(scope="module", params=[None], ids=["shared dependencies"])
def vendored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vendored")
    add_dependencies(folder)
    return folder / DEPENDENCIES


def test_the_package_contains_every_locked_dependency(vendored: Path) -> None:
    locked = re.findall(r"^(\S+)==(\S+)(.*)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    there = {path.name for path in vendored.glob("*.dist-info")}

    here = {f"{name.replace('-', '_')}-{version}.dist-info" for name, version, where in locked if "==" not in where}
    assert len(here) > 40
    assert here <= {name.lower() for name in there}


def test_the_dependencies_are_built_for_azure(vendored: Path) -> None:
    tags = {
        tag
        for wheel in vendored.glob("*.dist-info/WHEEL")
        for tag in re.findall(r"^Tag: (\S+)", wheel.read_text(), re.MULTILINE)
    }

    assert [
        tag for tag in tags if not re.fullmatch(r"py\d-none-any|cp3\d+-(cp313|abi3)-manylinux\w+_x86_64", tag)
    ] == []
    compiled = [path for path in vendored.rglob("*") if path.suffix in {".so", ".pyd", ".dylib"}]
    assert compiled
    assert {path.read_bytes()[:4] + path.read_bytes()[18:20] for path in compiled} == {b"\x7fELF\x3e\x00"}
    assert not (vendored / "bin").exists()
    assert not (vendored / ".lock").exists()


def test_the_default_package_contains_its_dependencies(tmp_path: Path, vendored: Path) -> None:
    command = [sys.executable, ROOT / "infra" / "package.py", "--folder", tmp_path / "built"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    printed = re.search(r": (\d+) files, \d+ KiB, (\d+) KiB as built\.zip, .* with dependencies$", output.strip())
    assert printed
    assert int(printed[1]) > sum(path.is_file() for path in vendored.rglob("*"))
    guide = re.search(r"`.local/package`, about (\d+) MB zipped", (ROOT / "docs" / "operate.md").read_text())
    assert guide
    assert int(guide[1]) * 1_000_000 == pytest.approx(int(printed[2]) * 1024, rel=0.15)
    with zipfile.ZipFile(tmp_path / "built.zip") as archive:
        assert {"host.json", f"{DEPENDENCIES.as_posix()}/httpx/__init__.py"} <= {*archive.namelist()}


def test_every_import_is_a_locked_dependency(package: Path, azure: Azure) -> None:
    script = Path(__file__).with_name("missing_imports.py")
    result = subprocess.run(
        [azure.python, "-I", script, package, azure.worker], capture_output=True, text=True, check=False
    )

    assert (result.returncode, result.stdout) == (0, ""), result.stderr
