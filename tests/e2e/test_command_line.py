"""The commands as a person types them: the demonstration, the host, the simulated tenant."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from local.azurite import Azurite
from tests.e2e.deployment import UNSET

ATLAS = Path(sys.executable).with_name("atlas")
TIMEOUT_SECONDS = 120


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The command's exit code and what it said."""
    return subprocess.run(
        [ATLAS, *arguments],
        env={**os.environ, **UNSET, "COLUMNS": "200", **settings},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


@contextmanager
def started(*arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """The command while it runs; ended as Ctrl-C ends it."""
    with subprocess.Popen(
        [ATLAS, *arguments],
        env={**os.environ, **UNSET, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        try:
            yield child
        finally:
            child.send_signal(signal.SIGINT)
            child.wait(TIMEOUT_SECONDS)


def said_until(child: subprocess.Popen[str], sign: str) -> str:
    """What a command has said up to the line that holds this."""
    said = ""
    for line in child.stdout or ():
        said += line
        if sign in line:
            return said
    raise AssertionError(f"ended without saying {sign!r}:\n{said}")


def exported(said: str) -> Mapping[str, str]:
    """The settings that `atlas simulate` printed."""
    return dict(re.findall(r"^export (\w+)='?([^'\n]*)'?$", said, re.MULTILINE))


def test_the_demonstration_shows_every_user_and_ends_with_success() -> None:
    shown = run("demo", "--once", "--users", "60", "--port", "0")

    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "of 60 asked" in shown.stdout
    assert "published" in shown.stdout
    assert "/bookwithme/user/" in shown.stdout
    assert "Every simulated user has the status it was made with." in shown.stdout


def test_the_host_scans_whatever_tenant_its_settings_name(azurite: Azurite) -> None:
    with started("simulate", "--users", "12", "--sign-in", "certificate") as simulation:
        settings = exported(said_until(simulation, "stop with Ctrl-C"))
        storage = {"AzureWebJobsStorage": azurite.connection_string}
        with started("host", "--port", "0", **settings, **storage) as host:
            url = re.search(r"http://127\.0\.0\.1:\d+", said_until(host, "/api/health"))
            assert url
            with httpx.Client(base_url=url[0], timeout=60) as http:
                scan = http.post("/api/scans").json()
                while scan["state"] in {"pending", "running"}:
                    scan = http.get(f"/api/scans/{scan['id']}").json()

    assert settings["AZURE_AUTHORITY_HOST"].startswith("https://")
    assert scan["state"] == "completed"
    assert scan["usersProbed"] == 12


def test_the_host_brings_its_own_storage_where_none_is_named() -> None:
    with started("simulate", "--users", "3") as simulation:
        settings = exported(said_until(simulation, "stop with Ctrl-C"))
        with started("host", "--port", "0", **settings) as host:
            url = re.search(r"http://127\.0\.0\.1:\d+", said_until(host, "/api/health"))
            assert url
            health = httpx.get(f"{url[0]}/api/health", timeout=60)

    assert health.json()["checks"]["tables"]["ok"] is True


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "TENANT_ID is missing; it should be a GUID"),
        ({"TENANT_ID": "contoso.com"}, "TENANT_ID is 'contoso.com'; it should be a GUID"),
        ({"PROBE_CONCURRENCY": "0"}, "PROBE_CONCURRENCY is '0'; it should be a whole number from 1 to 64"),
        ({"AZURE_CLIENT_ID": "72f988bf-86f1-41af-91ab-2d7cd011db47"}, "AZURE_CLIENT_ID is set; it needs one of"),
    ],
)
def test_a_wrong_setting_keeps_the_host_from_starting_and_is_named(settings: dict[str, str], named: str) -> None:
    refused = run("host", **settings)

    assert refused.returncode == 2
    assert named in refused.stderr
    assert "Traceback" not in refused.stderr


def test_wrong_arguments_exit_with_2() -> None:
    assert run("simulate", "--sign-in", "nonsense").returncode == 2
    assert run("demo", "--users", "0").returncode == 2
    assert run("nonsense").returncode == 2
