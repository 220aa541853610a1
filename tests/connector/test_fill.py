"""A filled folder has one kind of sign-in and no placeholder; an invalid argument is named with what is valid."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from connector import fill

HOST = "atlas-prod.azurewebsites.net"
TENANT_ID = "11111111-2222-4333-8444-555555555555"
CLIENT_ID = "66666666-7777-4888-9999-000000000000"
CONNECTOR_CLIENT_ID = "12121212-3434-4565-8787-909090909090"
EMAIL = ["--contact-email", "support@contoso.com"]
CONNECTOR = ["--connector-client-id", CONNECTOR_CLIENT_ID]
ENTRA = ["--sign-in", "entra", "--tenant-id", TENANT_ID, "--client-id", CLIENT_ID, *CONNECTOR, *EMAIL]
KEY = ["--sign-in", "key", *EMAIL]


def fill_folder(folder: Path, *arguments: str) -> dict[str, Any]:
    """The files of a filled folder, as text and parsed."""
    assert fill.main(["--host", HOST, *arguments, "--out", str(folder)]) == 0
    return {path.name: json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")}


@pytest.mark.parametrize("arguments", [ENTRA, KEY], ids=["entra", "key"])
def test_a_filled_folder_is_complete_and_has_no_placeholder(tmp_path: Path, arguments: list[str]) -> None:
    files = fill_folder(tmp_path / "new" / "folder", *arguments)
    folder = tmp_path / "new" / "folder"

    assert sorted(path.name for path in folder.iterdir()) == [fill.DEFINITION, fill.PROPERTIES, fill.ICON]
    assert files[fill.DEFINITION]["host"] == HOST
    text = "".join(path.read_text("utf-8") for path in folder.glob("*.json"))
    assert [placeholder for placeholder in fill.PLACEHOLDERS.values() if placeholder in text] == []


def test_entra_sign_in_names_tenant_and_registration(tmp_path: Path) -> None:
    files = fill_folder(tmp_path, *ENTRA)
    token = files[fill.PROPERTIES]["properties"]["connectionParameters"]["token"]["oAuthSettings"]
    (scheme,) = files[fill.DEFINITION]["securityDefinitions"].values()

    assert (token["identityProvider"], token["clientId"]) == ("aad", CONNECTOR_CLIENT_ID)
    assert token["redirectMode"] == "GlobalPerConnector"
    assert token["customParameters"]["tenantId"]["value"] == TENANT_ID
    assert token["customParameters"]["resourceUri"]["value"] == f"api://{CLIENT_ID}"
    assert TENANT_ID in scheme["tokenUrl"]


def test_key_sign_in_sends_a_secret_in_a_header(tmp_path: Path) -> None:
    files = fill_folder(tmp_path, *KEY)
    (parameter,) = files[fill.PROPERTIES]["properties"]["connectionParameters"].items()
    ((name, scheme),) = files[fill.DEFINITION]["securityDefinitions"].items()

    assert (parameter[0], parameter[1]["type"]) == (name, "securestring")
    assert scheme == {"type": "apiKey", "in": "header", "name": "x-functions-key"}


def test_filling_again_replaces_the_folder(tmp_path: Path) -> None:
    fill_folder(tmp_path, *ENTRA)

    assert "api_key" in fill_folder(tmp_path, *KEY)[fill.DEFINITION]["securityDefinitions"]


INVALID = [
    (["--host", f"https://{HOST}", *KEY], "--host"),
    (["--host", f"{HOST}/api", *KEY], "--host"),
    (["--host", "localhost", *KEY], "--host"),
    (["--host", "", *KEY], "--host"),
    (["--host", fill.PLACEHOLDERS["host"], *KEY], "--host"),
    (["--host", HOST, *ENTRA, "--tenant-id", "contoso.com"], "--tenant-id"),
    (["--host", HOST, *ENTRA, "--client-id", "atlas"], "--client-id"),
    (["--host", HOST, "--sign-in", "entra", "--client-id", CLIENT_ID, *CONNECTOR, *EMAIL], "--tenant-id is missing"),
    (["--host", HOST, *ENTRA, "--connector-client-id", CLIENT_ID], "--connector-client-id"),
    (["--host", HOST, *KEY, "--connector-client-id", CLIENT_ID], "--connector-client-id"),
    (["--host", HOST, "--sign-in", "key"], "--contact-email"),
    (["--host", HOST, *KEY, "--contact-email", "support"], "--contact-email"),
    (["--host", HOST, *KEY, "--contact-email", fill.PLACEHOLDERS["contact_email"]], "--contact-email"),
    (["--host", HOST, *KEY, "--tenant-id", TENANT_ID], "--tenant-id"),
    (["--host", HOST, *KEY, "--client-id", CLIENT_ID], "--client-id"),
    (["--host", HOST, "--sign-in", "basic", *EMAIL], "--sign-in"),
    (["--host", HOST, *KEY, "--solution", "Bookings Atlas"], "--solution"),
    (["--host", HOST, *KEY, "--solution", "-x"], "--solution"),
    (["--host", HOST, *KEY, "--connector-id", "atlas"], "--connector-id"),
    (["--host", HOST, *KEY, "--environment", "contoso"], "--environment"),
    ([*KEY], "--host"),
    (["--host", HOST, *EMAIL], "--sign-in"),
]


@pytest.mark.parametrize(("arguments", "named"), INVALID)
def test_an_invalid_argument_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], named: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        fill.main([*arguments, "--out", str(tmp_path / "out")])

    assert ended.value.code == 2
    assert named in capsys.readouterr().err.partition("error:")[2]
    assert not (tmp_path / "out").exists()


def test_all_invalid_arguments_are_named_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fill.main(["--host", "x", "--sign-in", "entra", *EMAIL, "--out", str(tmp_path)])

    message = capsys.readouterr().err
    assert all(
        name in message
        for name in ("--host x", "--tenant-id is missing", "--client-id is missing", "--connector-client-id is missing")
    )


@pytest.mark.parametrize("kind", ["a file", "the folder itself"])
def test_an_unusable_output_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    out = fill.HERE if kind == "the folder itself" else tmp_path / "file"
    (tmp_path / "file").write_text("mine")
    before = {path: path.read_bytes() for path in fill.HERE.iterdir() if path.is_file()}
    with pytest.raises(SystemExit):
        fill.main(["--host", HOST, *KEY, "--out", str(out)])

    assert "--out" in capsys.readouterr().err.partition("error:")[2]
    assert (tmp_path / "file").read_text() == "mine"
    assert {path: path.read_bytes() for path in fill.HERE.iterdir() if path.is_file()} == before


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment without the variables that the script reads."""
    for variable in fill.VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    return monkeypatch


VALUES = {
    "FUNCTION_APP_HOSTNAME": HOST,
    "ATLAS_API_ACCESS": "entra",
    "ATLAS_TENANT_ID": TENANT_ID,
    "ATLAS_API_CLIENT_ID": CLIENT_ID,
    "ATLAS_CONNECTOR_CLIENT_ID": CONNECTOR_CLIENT_ID,
    "ATLAS_CONTACT_EMAIL": "support@contoso.com",
}


def test_every_value_may_come_from_the_environment(tmp_path: Path, no_variables: pytest.MonkeyPatch) -> None:
    for name, value in VALUES.items():
        no_variables.setenv(name, value)
    by_variables, by_arguments, with_key = tmp_path / "variables", tmp_path / "arguments", tmp_path / "key"

    assert fill.main(["--out", str(by_variables)]) == 0
    assert fill.main(["--sign-in", "key", "--out", str(with_key)]) == 0
    fill_folder(by_arguments, *ENTRA)
    for name in (fill.DEFINITION, fill.PROPERTIES):
        assert (by_variables / name).read_text() == (by_arguments / name).read_text()
    assert "api_key" in (with_key / fill.PROPERTIES).read_text()


@pytest.mark.parametrize("missing", ["FUNCTION_APP_HOSTNAME", "ATLAS_API_ACCESS", "ATLAS_CONTACT_EMAIL"])
def test_a_missing_value_is_named_with_its_variable(
    tmp_path: Path, no_variables: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    for name, value in VALUES.items():
        no_variables.setenv(name, "" if name == missing else value)
    with pytest.raises(SystemExit):
        fill.main(["--out", str(tmp_path / "out")])

    assert f"is missing, and so is {missing}" in capsys.readouterr().err


def test_an_invalid_variable_is_refused_like_an_argument(
    tmp_path: Path, no_variables: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {**VALUES, "ATLAS_API_ACCESS": "basic", "ATLAS_TENANT_ID": "contoso.com"}.items():
        no_variables.setenv(name, value)
    with pytest.raises(SystemExit):
        fill.main(["--out", str(tmp_path / "out")])

    errors = capsys.readouterr().err
    assert "--sign-in basic: must be entra or key" in errors
    assert "--tenant-id contoso.com: must be a GUID" in errors


def fake_pac(folder: Path, exit_code: int = 0) -> Path:
    """A program that notes its arguments."""
    program = folder / "bin" / "pac"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{folder}/said"\nexit {exit_code}\n')
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("more", "command"),
    [
        (["--solution", "BookingsAtlas"], ["create", "--solution-unique-name", "BookingsAtlas"]),
        (["--connector-id", TENANT_ID], ["update", "--connector-id", TENANT_ID]),
        (["--connector-id", TENANT_ID, "--solution", "BookingsAtlas"], ["update", "--connector-id", TENANT_ID]),
        (
            ["--solution", "BookingsAtlas", "--environment", "https://contoso.crm.dynamics.com"],
            ["create", "--solution-unique-name", "BookingsAtlas", "--environment", "https://contoso.crm.dynamics.com"],
        ),
    ],
)
def test_the_command_line_of_power_platform_imports_the_folder(
    tmp_path: Path, no_variables: pytest.MonkeyPatch, more: list[str], command: list[str]
) -> None:
    no_variables.setenv("PATH", str(fake_pac(tmp_path).parent), prepend=":")
    out = tmp_path / "out"
    fill_folder(out, *ENTRA, *more)
    verb, *options = command
    first, second, *said = (tmp_path / "said").read_text().splitlines()

    assert (first, second) == ("connector", verb)
    files = {
        "--api-definition-file": fill.DEFINITION,
        "--api-properties-file": fill.PROPERTIES,
        "--icon-file": fill.ICON,
    }
    expected = {name: str(out / file) for name, file in files.items()} | dict(
        zip(options[::2], options[1::2], strict=True)
    )
    assert dict(zip(said[::2], said[1::2], strict=True)) == expected


def test_a_failed_import_is_reported(tmp_path: Path, no_variables: pytest.MonkeyPatch) -> None:
    no_variables.setenv("PATH", str(fake_pac(tmp_path, exit_code=3).parent), prepend=":")

    assert fill.main(["--host", HOST, *KEY, "--solution", "BookingsAtlas", "--out", str(tmp_path / "out")]) == 3


def test_without_the_command_line_of_power_platform_the_folder_is_still_written(
    tmp_path: Path, no_variables: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    no_variables.setenv("PATH", str(tmp_path))

    assert fill.main(["--host", HOST, *KEY, "--solution", "BookingsAtlas", "--out", str(tmp_path / "out")]) == 1
    assert "pac" in capsys.readouterr().err
    assert (tmp_path / "out" / fill.DEFINITION).exists()


@pytest.mark.parametrize("sign_in", [ENTRA, KEY], ids=["entra", "key"])
def test_the_connector_for_agents_is_one_operation(tmp_path: Path, sign_in: list[str]) -> None:
    files = fill_folder(tmp_path, *sign_in, "--connector", "agents")
    definition = files[fill.DEFINITION]

    assert list(definition["paths"]) == ["/api/mcp"]
    (operation,) = definition["paths"]["/api/mcp"].values()
    assert operation["x-ms-agentic-protocol"] == "mcp-streamable-1.0"
    assert list(definition["paths"]["/api/mcp"]) == ["post"]
    assert operation["responses"]["200"]
    assert definition["host"] == HOST
    assert "policyTemplateInstances" not in files[fill.PROPERTIES]["properties"]
    assert len(definition["info"]["title"]) <= 30


def test_it_needs_only_the_standard_library(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", str(fill.HERE / "fill.py"), "--host", HOST, *KEY, "--out", str(tmp_path)]

    assert subprocess.run(command, check=False, capture_output=True, cwd=tmp_path).returncode == 0
