"""What azure.yaml names is there, and the scripts that it runs are sound."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deployment.hooks import HOOKS, ROOT, SCRIPTS


@pytest.fixture
def azure_yaml() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "azure.yaml").read_text())


def test_every_file_that_azure_yaml_names_is_there(azure_yaml: dict[str, Any]) -> None:
    infra = azure_yaml["infra"]
    scripts = {hook["run"] for hook in azure_yaml["hooks"].values()}

    assert (ROOT / infra["path"] / f"{infra['module']}.bicepparam").exists()
    assert [script for script in scripts if not (ROOT / script).stat().st_mode & 0o100] == []
    assert {ROOT / script for script in scripts} == set(SCRIPTS) - {HOOKS / "common.sh", HOOKS / "permissions.sh"}


def test_the_service_is_what_make_package_builds_for_the_app_with_its_tag(azure_yaml: dict[str, Any]) -> None:
    [(name, service)] = azure_yaml["services"].items()

    assert service == {"host": "function", "language": "python", "project": ".local/package", "remoteBuild": True}
    assert f"'azd-service-name': '{name}'" in (ROOT / "infra" / "modules" / "function-app.bicep").read_text()
    assert '".local" / "package"' in (ROOT / "infra" / "package.py").read_text()


def test_every_hook_is_one_of_azd_and_shows_what_it_says(azure_yaml: dict[str, Any]) -> None:
    commands = ("provision", "package", "deploy", "down")

    assert azure_yaml["hooks"].keys() <= {f"{when}{command}" for when in ("pre", "post") for command in commands}
    silent = {"prepackage", "predeploy"}
    assert {name for name, hook in azure_yaml["hooks"].items() if not hook.get("interactive")} == silent


def test_the_package_is_built_before_azd_takes_it_in_each_way(azure_yaml: dict[str, Any]) -> None:
    assert azure_yaml["hooks"]["prepackage"] == azure_yaml["hooks"]["predeploy"]


def test_an_azd_that_reads_the_parameters_before_the_hook_is_refused(azure_yaml: dict[str, Any]) -> None:
    assert azure_yaml["requiredVersions"] == {"azd": ">= 1.18.0"}


def test_a_checkout_on_windows_has_scripts_that_bash_reads() -> None:
    rules = dict(line.split(" ", 1) for line in (ROOT / ".gitattributes").read_text().splitlines() if line[0] != "#")

    assert rules["*.sh"] == rules["*.ps1"] == "text eol=lf"


def test_the_scripts_are_sound() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    told = subprocess.run(
        [shellcheck, "--external-sources", "--source-path=SCRIPTDIR", *SCRIPTS, ROOT / ".ci" / "run"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.stdout == ""
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_every_variable_of_a_script_is_set_somewhere(script: Path) -> None:
    """One that azd does not know would be empty, and nobody would notice."""
    deployment = "".join(file.read_text() for file in (ROOT / "infra").glob("*.bicep*"))
    known = set(re.findall(r"\w+", deployment)) | {"ATLAS_READ_SHARED_BOOKINGS", "AZURE_SUBSCRIPTION_ID"}

    used = set(re.findall(r"\$\{?((?:ATLAS|AZURE|IDENTITY|FUNCTION|RESOURCE)_\w+)", script.read_text()))
    assert used <= known


def test_the_entra_deployment_gets_parameters_that_it_has_and_has_one_output() -> None:
    template = (ROOT / "infra" / "entra" / "main.bicep").read_text()
    given = {
        name
        for script in (*SCRIPTS, ROOT / "docs" / "operate.md")
        for name in re.findall(
            r"\b(\w+)=\S+", " ".join(re.findall(r"--parameters ((?:\S+=\S+ (?:\\\n +)?)+)", script.read_text()))
        )
    }

    assert len(given) > 3
    assert given <= set(re.findall(r"^param (\w+)", template, re.MULTILINE))
    assert re.findall(r"^output (\w+)", template, re.MULTILINE) == ["API_CLIENT_ID"]
