"""The wheel that is published: built, installed in an empty environment, and run as its users run it."""

import asyncio
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from azure_python import ROOT, UV

from tests.e2e.deployment import UNSET, tenant_of

type Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session", params=[None], ids=["shared wheel"])
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def run(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a command from an environment that contains only the wheel and its locked dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    python = folder / "venv" / "bin" / "python"
    subprocess.run([UV, "--quiet", "venv", "--python", "3.13", folder / "venv"], check=True)
    install = [UV, "--quiet", "pip", "install", "--python", python, "--constraint", ROOT / "requirements.txt", wheel]
    subprocess.run(install, check=True)

    def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        command, *rest = arguments
        environment = {**os.environ, **UNSET, "COLUMNS": "100", **settings}
        return subprocess.run(
            [python.with_name(command), *rest],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_the_wheel_contains_only_the_product(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.split("/")[0].partition("-")[0] for name in names} == {"atlas", "bookings_atlas"}
    assert (
        "bookings_atlas.commands"
        not in zipfile.ZipFile(wheel).read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    )


@pytest.mark.parametrize("command", ["atlas", "bookings-atlas"])
def test_both_command_names_list_the_same_subcommands(run: Run, command: str) -> None:
    shown = run(command, "--help")

    assert shown.returncode == 0, shown.stderr
    assert {"user", "policy", "doctor"} <= set(shown.stdout.split())
    assert not {"demo", "host", "simulate"} & set(shown.stdout.split())
    assert run(command, "demo").returncode == 2


async def test_an_installed_wheel_checks_a_tenant(run: Run, tmp_path: Path) -> None:
    async with tenant_of(tmp_path, users=12, mix="every") as tenant:
        user = next(user for user in tenant.users(top=12) if user["expected"]["status"] == "published")

        checked = await asyncio.to_thread(run, "bookings-atlas", "doctor", **tenant.settings())
        found = await asyncio.to_thread(run, "bookings-atlas", "user", user["upn"], **tenant.settings())

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "User.Read.All" in checked.stdout
    assert found.returncode == 0, found.stdout + found.stderr
    assert f"<{user['upn']}>" in found.stdout
    assert "published:" in found.stdout


async def test_an_installed_wheel_scans_a_tenant(run: Run, tmp_path: Path) -> None:
    """The laptop way of the README, with the report and everything else that a scan writes."""
    out = tmp_path / "out"
    out.mkdir()
    state = ("--state", str(tmp_path / "rows.sqlite"))
    files = ("--html", str(out / "report.html"), "--csv", str(out / "users.csv"), "--signatures", str(out))
    async with tenant_of(tmp_path, users=12, mix="healthy") as tenant:
        scanned = await asyncio.to_thread(run, "bookings-atlas", "scan", *state, *files, **tenant.settings())
        user = next(user for user in tenant.users(top=12) if user["expected"]["status"] == "published")

    assert scanned.returncode == 0, scanned.stdout + scanned.stderr
    assert "completed in" in scanned.stdout
    assert user["upn"] in (out / "report.html").read_text()
    assert user["upn"] in (out / "users.csv").read_text("utf-8-sig")
    assert {path.name for path in out.iterdir()} == {
        "report.html",
        "users.csv",
        "bookings-signatures.csv",
        "bookings-replacement-variables.ps1",
    }
