"""azure.yaml and the scripts that it runs."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deployment.hooks import HOOKS, ROOT, SCRIPTS, SOURCED


@pytest.fixture
def azure_yaml() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "azure.yaml").read_text())


def test_every_file_in_azure_yaml_exists(azure_yaml: dict[str, Any]) -> None:
    infra = azure_yaml["infra"]
    scripts = {hook["run"] for hook in azure_yaml["hooks"].values()}

    assert (ROOT / infra["path"] / f"{infra['module']}.bicepparam").exists()
    assert [script for script in scripts if not (ROOT / script).stat().st_mode & 0o100] == []
    assert {ROOT / script for script in scripts} == set(SCRIPTS) - SOURCED - {HOOKS / "permissions.sh"}


def test_azd_deploys_the_package_without_a_remote_build(azure_yaml: dict[str, Any]) -> None:
    [(name, service)] = azure_yaml["services"].items()

    assert service == {"host": "function", "language": "python", "project": ".local/package", "remoteBuild": False}
    assert f"'azd-service-name': '{name}'" in (ROOT / "infra" / "modules" / "function-app.bicep").read_text()
    assert '".local" / "package"' in (ROOT / "infra" / "package.py").read_text()


def test_every_hook_exists_in_azd_and_shows_its_output(azure_yaml: dict[str, Any]) -> None:
    commands = ("provision", "package", "deploy", "down")

    assert azure_yaml["hooks"].keys() <= {f"{when}{command}" for when in ("pre", "post") for command in commands}
    assert [name for name, hook in azure_yaml["hooks"].items() if not hook.get("interactive")] == ["prepackage"]


def test_both_ways_to_deploy_build_the_package(azure_yaml: dict[str, Any]) -> None:
    """`azd deploy` alone runs no prepackage hook."""
    assert azure_yaml["hooks"]["prepackage"]["run"] == "infra/hooks/package.sh"
    assert "bash infra/hooks/package.sh" in (ROOT / azure_yaml["hooks"]["predeploy"]["run"]).read_text()


def test_an_azd_that_ignores_remote_build_is_rejected(azure_yaml: dict[str, Any]) -> None:
    assert azure_yaml["requiredVersions"] == {"azd": ">= 1.23.5"}


def test_scripts_keep_unix_line_endings_on_windows() -> None:
    rules = dict(line.split(" ", 1) for line in (ROOT / ".gitattributes").read_text().splitlines() if line[0] != "#")

    assert rules["*.sh"] == rules["*.ps1"] == "text eol=lf"


def test_shellcheck_reports_nothing() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    result = subprocess.run(
        [
            shellcheck,
            "--external-sources",
            "--source-path=SCRIPTDIR",
            *SCRIPTS,
            ROOT / "infra" / "function-keys.sh",
            ROOT / ".ci" / "run",
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.stdout == ""
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_every_variable_of_a_script_exists(script: Path) -> None:
    """azd would pass an unknown variable as empty."""
    deployment = "".join(file.read_text() for file in (ROOT / "infra").glob("*.bicep*"))
    known = set(re.findall(r"\w+", deployment)) | {
        "ATLAS_CONNECTOR_CLIENT_ID",
        "ATLAS_CONNECTOR_REDIRECT_URIS",
        "ATLAS_PREAUTHORIZED_CLIENTS",
        "AZURE_SUBSCRIPTION_ID",
    }

    used = set(re.findall(r"\$\{?((?:ATLAS|AZURE|IDENTITY|FUNCTION|RESOURCE|STORAGE)_\w+)", script.read_text()))
    assert used <= known


def test_the_registrations_get_existing_parameters_and_outputs() -> None:
    template = (ROOT / "infra" / "entra" / "main.bicep").read_text()
    calls = [
        text
        for file in (*SCRIPTS, ROOT / "docs" / "operate.md")
        for text in re.findall(r"--template-file infra/entra/main\.bicep.*?--query [^\n]+", file.read_text(), re.DOTALL)
    ]
    passed = set(re.findall(r'"(\w+)=\$', (ROOT / "infra" / "hooks" / "registrations.sh").read_text()))
    written = {name for call in calls for name in re.findall(r"[ \n](\w+)=", call)}
    outputs = {name for call in calls for name in re.findall(r"(\w+)\.value", call)}

    assert len(calls) == 3
    assert written < passed == set(re.findall(r"^param (\w+)", template, re.MULTILINE))
    assert outputs == set(re.findall(r"^output (\w+)", template, re.MULTILINE))
