"""A filled folder holds one kind of sign-in and no placeholder; a wrong argument is named with what is right."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from connector import fill
from connector.lint.files import read_connector

HOST = "atlas-prod.azurewebsites.net"
TENANT_ID = "11111111-2222-4333-8444-555555555555"
CLIENT_ID = "66666666-7777-4888-9999-000000000000"
ENTRA = ["--sign-in", "entra", "--tenant-id", TENANT_ID, "--client-id", CLIENT_ID]
KEY = ["--sign-in", "key"]


def filled(folder: Path, *arguments: str) -> dict[str, Any]:
    """The files of a filled folder, as text and parsed."""
    assert fill.main(["--host", HOST, *arguments, "--out", str(folder)]) == 0
    return {path.name: json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")}


@pytest.mark.parametrize("arguments", [ENTRA, KEY], ids=["entra", "key"])
def test_a_filled_folder_is_whole_and_holds_no_placeholder(tmp_path: Path, arguments: list[str]) -> None:
    files = filled(tmp_path / "new" / "folder", *arguments)
    folder = tmp_path / "new" / "folder"

    assert sorted(path.name for path in folder.iterdir()) == [fill.DEFINITION, fill.PROPERTIES, fill.ICON]
    assert files[fill.DEFINITION]["host"] == HOST
    text = "".join(path.read_text("utf-8") for path in folder.glob("*.json"))
    assert [placeholder for placeholder in fill.PLACEHOLDERS.values() if placeholder in text] == []


def test_sign_in_by_entra_names_the_tenant_and_the_app_registration(tmp_path: Path) -> None:
    files = filled(tmp_path, *ENTRA)
    token = files[fill.PROPERTIES]["properties"]["connectionParameters"]["token"]["oAuthSettings"]
    (demanded,) = files[fill.DEFINITION]["securityDefinitions"].values()

    assert (token["identityProvider"], token["clientId"]) == ("aad", CLIENT_ID)
    assert token["customParameters"]["tenantId"]["value"] == TENANT_ID
    assert token["customParameters"]["resourceUri"]["value"] == f"api://{CLIENT_ID}"
    assert TENANT_ID in demanded["tokenUrl"]


def test_sign_in_by_key_asks_for_a_secret_and_sends_it_in_its_header(tmp_path: Path) -> None:
    files = filled(tmp_path, *KEY)
    (parameter,) = files[fill.PROPERTIES]["properties"]["connectionParameters"].items()
    ((name, demanded),) = files[fill.DEFINITION]["securityDefinitions"].items()

    assert (parameter[0], parameter[1]["type"]) == (name, "securestring")
    assert demanded == {"type": "apiKey", "in": "header", "name": "x-functions-key"}


def test_filling_twice_gives_the_last(tmp_path: Path) -> None:
    filled(tmp_path, *ENTRA)

    assert "api_key" in filled(tmp_path, *KEY)[fill.DEFINITION]["securityDefinitions"]


WRONG = [
    (["--host", f"https://{HOST}", *KEY], "--host"),
    (["--host", f"{HOST}/api", *KEY], "--host"),
    (["--host", "localhost", *KEY], "--host"),
    (["--host", "", *KEY], "--host"),
    (["--host", fill.PLACEHOLDERS["host"], *KEY], "--host"),
    (["--host", HOST, *ENTRA, "--tenant-id", "contoso.com"], "--tenant-id"),
    (["--host", HOST, *ENTRA, "--client-id", "atlas"], "--client-id"),
    (["--host", HOST, "--sign-in", "entra", "--client-id", CLIENT_ID], "--tenant-id is missing"),
    (["--host", HOST, *KEY, "--tenant-id", TENANT_ID], "--tenant-id"),
    (["--host", HOST, *KEY, "--client-id", CLIENT_ID], "--client-id"),
    (["--host", HOST, "--sign-in", "basic"], "--sign-in"),
    ([*KEY], "--host"),
    (["--host", HOST], "--sign-in"),
]


@pytest.mark.parametrize(("arguments", "named"), WRONG)
def test_a_wrong_argument_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], named: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        fill.main([*arguments, "--out", str(tmp_path / "out")])

    assert ended.value.code == 2
    assert named in capsys.readouterr().err.partition("error:")[2]
    assert not (tmp_path / "out").exists()


def test_every_wrong_argument_is_named_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fill.main(["--host", "x", "--sign-in", "entra", "--out", str(tmp_path)])

    told = capsys.readouterr().err
    assert all(name in told for name in ("--host x", "--tenant-id is missing", "--client-id is missing"))


@pytest.mark.parametrize("kind", ["a file", "the folder itself"])
def test_what_can_not_be_written_to_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    out = fill.HERE if kind == "the folder itself" else tmp_path / "file"
    (tmp_path / "file").write_text("mine")
    before = read_connector()
    with pytest.raises(SystemExit):
        fill.main(["--host", HOST, *KEY, "--out", str(out)])

    assert "--out" in capsys.readouterr().err.partition("error:")[2]
    assert (tmp_path / "file").read_text() == "mine"
    assert read_connector() == before


def test_it_needs_nothing_but_python(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", str(fill.HERE / "fill.py"), "--host", HOST, *KEY, "--out", str(tmp_path)]

    assert subprocess.run(command, check=False, capture_output=True, cwd=tmp_path).returncode == 0
