"""The commands as users type them: the demo, the host and the simulated tenant."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest

from local.azurite import Azurite
from local.simulator.standalone import SIGN_INS
from tests.docs.samples import missing_part, terminal_samples
from tests.e2e.deployment import ROOT, UNSET
from tests.forked import accept_interrupts, forked_atlas

ATLAS = Path(sys.executable).with_name("atlas")
TIMEOUT_SECONDS = 240


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The command's exit code and output."""
    return subprocess.run(
        [ATLAS, *arguments],
        env={**os.environ, **UNSET, "COLUMNS": "200", **settings},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


@contextmanager
def running_command(*arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """The command while it runs; stopped as Ctrl-C stops it."""
    with subprocess.Popen(
        [ATLAS, *arguments],
        env={**os.environ, **UNSET, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=accept_interrupts,
    ) as child:
        deadline = threading.Timer(TIMEOUT_SECONDS, child.kill)
        deadline.start()
        try:
            yield child
            child.send_signal(signal.SIGINT)
            child.wait()
        finally:
            deadline.cancel()
            child.kill()


def output_until(child: subprocess.Popen[str], text: str) -> str:
    """The command's output up to the line that contains this text."""
    output = ""
    for line in child.stdout or ():
        output += line
        if text in line:
            return output
    raise AssertionError(f"the command ended without printing {text!r}:\n{output}")


def exported_settings(output: str) -> Mapping[str, str]:
    """The settings that `atlas simulate` printed."""
    return dict(re.findall(r"^export (\w+)='?([^'\n]*)'?$", output, re.MULTILINE))


@pytest.fixture(params=[None], ids=["shared demo settings"])
def demo_settings() -> Path:
    """The file that a demo writes until it is stopped, so only one demo may run."""
    return ROOT / ".local" / "demo.env"


def test_the_demo_fits_80_columns_and_suggests_commands_that_work(demo_settings: Path) -> None:
    with running_command("demo", "--users", "60", "--port", "0", COLUMNS="80") as demo:
        output = output_until(demo, "Press Ctrl-C")
        commands = re.findall(r"^    (\.venv/bin/atlas .+)$", output, re.MULTILINE)
        shown = [run_in_shell(f"source .local/demo.env && {command}") for command in commands]

    lines = output.splitlines()
    addresses = [line.strip() for line in lines if "/bookwithme/user/" in line]
    assert demo.returncode == 0
    assert "of 60 users checked" in output
    assert len(lines) < 130  # up to 3 users of each status, and 3 shared pages
    assert addresses
    assert all(re.fullmatch(r"http://127\.0\.0\.1:\d+/bookwithme/user/[0-9a-f]{32}@[\w.-]+", it) for it in addresses)
    assert [line for line in lines if len(line) > 80 and "/bookwithme/user/" not in line] == []
    assert "…" not in re.sub(r"^(Starting .*|  … and .*)$", "", output, flags=re.MULTILINE), "the output is cut"
    assert "  johanna.mueller25+bookings@ad.contoso.com" in lines  # too long for the column, but not broken
    assert re.search(r"^published, 3 of \d+$", output, re.MULTILINE)
    assert "Every simulated user has the expected status." in output
    assert missing_part(terminal_samples("README.md")["make demo USERS=60"], output) is None
    assert len(shown) == 4
    assert not demo_settings.exists(), "the settings of a tenant that has ended still exist"
    assert [(one.returncode in {0, 1}, one.stderr) for one in shown] == [(True, "")] * 4


def run_in_shell(command: str) -> subprocess.CompletedProcess[str]:
    """A command as a person pastes it, in a new shell."""
    bash = ["/bin/bash", "-c", command]
    return subprocess.run(bash, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)


def test_the_demo_shows_every_user_and_cuts_no_address_in_a_narrow_terminal() -> None:
    result = run("demo", "--once", "--all", "--users", "24", "--port", "0", COLUMNS="50")

    lines = [line.strip() for line in result.stdout.splitlines()]
    counts = re.findall(r"^\w+, (\d+) of (\d+)$", result.stdout, re.MULTILINE)
    shared_pages = next(number for number, line in enumerate(lines) if line.startswith("Shared pages: "))
    addresses = [number for number, line in enumerate(lines) if re.fullmatch(r"[^\s@/]+@[\w.-]+", line)]
    pages = [
        line for line in lines if re.fullmatch(r"http://127\.0\.0\.1:\d+/bookwithme/user/[0-9a-f]{32}@[\w.-]+", line)
    ]
    assert result.returncode == 0, result.stdout + result.stderr
    assert all(shown == total for shown, total in counts)
    assert sum(int(total) for _, total in counts) == 24
    assert sum(number < shared_pages for number in addresses) == 24
    assert sum(number > shared_pages for number in addresses) >= 3  # one may have created a page, on its own line
    assert len(pages) == sum("/bookwithme/" in line for line in lines) > 0


def test_the_demo_reports_a_port_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = run("demo", "--once", "--users", "3", "--port", str(port))

    assert refused.returncode == 1
    assert f"port {port} is in use" in refused.stdout
    assert "make demo PORT=0 USERS=3 ONCE=1" in refused.stdout


def test_help_is_shown_within_a_second() -> None:
    """Of processor time, so that a busy machine does not fail it."""
    command = [ATLAS, "--help"]
    before = os.times().children_user
    subprocess.run(command, capture_output=True, check=True)

    assert os.times().children_user - before < 1


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_lists_the_choices(flag: str) -> None:
    shown = run("simulate", flag)

    assert shown.returncode == 0
    assert "|".join(SIGN_INS) in "".join(shown.stdout.split())


def test_the_version_is_that_of_the_package() -> None:
    assert run("--version").stdout == f"bookings-atlas {version('bookings-atlas')}\n"


def test_the_host_scans_the_tenant_of_its_settings(azurite: Azurite) -> None:
    with running_command("simulate", "--users", "12", "--sign-in", "certificate") as simulation:
        settings = exported_settings(output_until(simulation, "stop with Ctrl-C"))
        storage = {"AzureWebJobsStorage": azurite.connection_string}
        with running_command("host", "--port", "0", **settings, **storage) as host:
            url = re.search(r"http://127\.0\.0\.1:\d+", output_until(host, "/api/health"))
            assert url
            with httpx.Client(base_url=url[0], timeout=60) as http:
                scan = http.post("/api/scans").json()
                while scan["state"] in {"pending", "running"}:
                    threading.Event().wait(0.1)
                    scan = http.get(f"/api/scans/{scan['id']}").json()

    assert settings["AZURE_AUTHORITY_HOST"].startswith("https://")
    assert scan["state"] == "completed"
    assert scan["usersProbed"] == 12


def test_the_host_starts_azurite_if_no_storage_is_set() -> None:
    with running_command("simulate", "--users", "3") as simulation:
        settings = exported_settings(output_until(simulation, "stop with Ctrl-C"))
        with running_command("host", "--port", "0", **settings) as host:
            url = re.search(r"http://127\.0\.0\.1:\d+", output_until(host, "/api/health"))
            assert url
            health = httpx.get(f"{url[0]}/api/health", timeout=60)

    assert health.json()["checks"]["tables"]["ok"] is True


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "TENANT_ID is missing; it must be a GUID"),
        ({"TENANT_ID": "contoso.com"}, "TENANT_ID is 'contoso.com'; it must be a GUID"),
        ({"PROBE_CONCURRENCY": "0"}, "PROBE_CONCURRENCY is '0'; it must be a whole number from 1 to 64"),
        ({"AZURE_CLIENT_ID": "72f988bf-86f1-41af-91ab-2d7cd011db47"}, "AZURE_CLIENT_ID is set; it needs one of"),
    ],
)
def test_an_invalid_setting_is_named_and_stops_the_host(settings: dict[str, str], named: str) -> None:
    refused = forked_atlas("host", settings={**UNSET, **settings})

    assert refused.returncode == 2
    assert named in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_command_without_settings_names_the_guide() -> None:
    refused, mistaken = (
        forked_atlas("doctor", settings={**UNSET, **settings})
        for settings in ({}, {"TENANT_ID": "72f988bf-86f1-41af-91ab-2d7cd011db47", "PROBE_CONCURRENCY": "0"})
    )

    assert (refused.returncode, mistaken.returncode) == (2, 2)
    assert refused.stderr.splitlines()[-1].startswith("docs/register-the-app.md shows how")
    assert "register-the-app" not in mistaken.stderr


def test_invalid_arguments_exit_with_2() -> None:
    assert forked_atlas("simulate", "--sign-in", "nonsense").returncode == 2
    assert forked_atlas("demo", "--users", "0").returncode == 2
    assert forked_atlas("nonsense").returncode == 2


@pytest.mark.usefixtures("demo_settings")
def test_the_demo_stays_up_with_a_single_user() -> None:
    with running_command("demo", "--users", "1", "--port", "0") as demo:
        output = output_until(demo, "Press Ctrl-C")

    assert "/bookings" in output or "atlas user" in output
    assert demo.returncode == 0
