"""Starting and stopping: settings, the summary, and the messages when the host cannot start."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.host.child import HostChild, HostDidNotStart, host_child, read_ready_file
from tests.host.sample import SAMPLE_APP, SETTINGS, Sample, until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def app_folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAMPLE_APP, tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__")))


def refusal(app_folder: Path, *arguments: str) -> str:
    """The message with which the host ends with exit code 1."""
    command = [sys.executable, "-m", "local.host", "--app", str(app_folder), *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1, ended.stderr
    return ended.stderr


def test_the_summary_lists_functions_and_limits(sample_host: HostChild):
    summary = sample_host.log()

    assert f"GET        {sample_host.url}/api/users/{{user}}/bookings" in summary
    assert "timer      tick: 0 0 3 * * *, next" in summary
    assert "double_in_children" in summary
    assert "It does not simulate: Easy Auth" in summary


async def test_the_environment_overrides_local_settings(app_folder: Path, http):
    settings = '{"Values": {"SAMPLE_SCHEDULE": "0 0 4 * * *", "SAMPLE_FILE": "file", "SAMPLE_BOTH": "file"}}'
    (app_folder / "local.settings.json").write_text(settings)

    with host_child(app_folder, settings={"SAMPLE_BOTH": "environment"}) as host:
        sample = Sample(http, host)
        async with sample.http.get(f"{host.url}/api/setting/SAMPLE_FILE") as response:
            assert await response.text() == "file"
        async with sample.http.get(f"{host.url}/api/setting/SAMPLE_BOTH") as response:
            assert await response.text() == "environment"
        assert "0 0 4 * * *" in host.log()


async def test_a_setting_disables_a_function(http):
    with host_child(SAMPLE_APP, settings=SETTINGS | {"AzureWebJobs.teapot.Disabled": "true"}) as host:
        async with http.get(f"{host.url}/api/teapot") as response:
            assert response.status == 404


async def test_the_log_is_also_written_to_a_file(app_folder: Path, tmp_path: Path, http):
    log_file = tmp_path / "host.txt"
    with host_child(app_folder, settings=SETTINGS, arguments=("--log-file", str(log_file))) as host:
        async with http.get(f"{host.url}/api/broken") as response:
            assert response.status == 500
        assert "the kettle is empty" in log_file.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("flow", ["waits_for_event", "gets_stuck"])
async def test_a_signal_stops_it_with_exit_code_0(number: signal.Signals, flow: str, tmp_path: Path, http):
    ready = tmp_path / "ready"
    command = [sys.executable, "-m", "local.host", "--app", str(SAMPLE_APP), "--port", "0", "--ready-file", str(ready)]
    child = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=os.environ | SETTINGS, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )

    async def address():
        return read_ready_file(ready) if ready.exists() else None

    sample = Sample(http, HostChild(*await until(address, "the host"), child.pid, ready))
    await sample.is_running(await sample.start(flow))
    await sample.post("keep-open")

    child.send_signal(number)
    _, output = await child.communicate()

    assert child.returncode == 0
    assert "Traceback" not in output.decode()
    assert "Unclosed" not in output.decode()


async def test_it_stops_cleanly_while_orchestrations_run(http):
    with host_child(SAMPLE_APP, settings=SETTINGS) as host:
        sample = Sample(http, host)
        waiting = await sample.start("waits_with_child")
        await sample.is_running(f"{waiting}:child")
        await sample.start("wide", {"children": 20, "each": 50})
        os.kill(host.pid, signal.SIGTERM)

        async def has_ended():
            try:
                async with http.get(f"{host.url}/admin/host/status?code={host.code}"):
                    return None
            except OSError:
                return True

        await until(has_ended, "the end of the host")
        assert "Traceback" not in host.log()


async def test_it_ends_with_its_parent(http):
    code = f"""from pathlib import Path
from local.host.child import host_child
with host_child(Path({str(SAMPLE_APP)!r})) as host:
    print(f"{{host.url}}/admin/host/status?code={{host.code}}", flush=True)
    input()"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout
    url = (await parent.stdout.readline()).decode().strip()
    async with http.get(url) as response:
        assert (await response.json())["state"] == "Running"

    parent.kill()
    await parent.wait()

    async def has_ended():
        try:
            async with http.get(url):
                return None
        except OSError:
            return True

    await until(has_ended, "the end of the host")


def test_a_folder_without_an_app_is_reported(tmp_path: Path):
    assert "there is no function_app.py in" in refusal(tmp_path)


def test_a_failed_import_is_reported_with_its_place(app_folder: Path):
    app = app_folder / "function_app.py"
    app.write_text("import nowhere_to_be_found\n" + app.read_text())

    message = refusal(app_folder)

    assert "ModuleNotFoundError: No module named 'nowhere_to_be_found'" in message
    assert 'function_app.py", line 1' in message
    assert "sys.path" not in message


def test_a_function_without_its_binding_is_reported(app_folder: Path):
    with (app_folder / "function_app.py").open("a") as app:
        app.write("\n\n@app.route('misnamed')\ndef misnamed(something_else):\n    return 'never'\n")

    message = refusal(app_folder)

    assert "cannot start" in message
    assert "misnamed" in message


def test_an_unusable_settings_file_is_reported(app_folder: Path):
    (app_folder / "local.settings.json").write_text("{")
    assert "local.settings.json is not JSON" in refusal(app_folder)


def test_a_port_in_use_is_reported(sample_host: HostChild):
    port = sample_host.url.rpartition(":")[2]
    assert f"port {port} is in use" in refusal(SAMPLE_APP, "--port", port)


def test_a_child_that_does_not_start_reports_why(tmp_path: Path):
    with pytest.raises(HostDidNotStart, match=r"there is no function_app\.py"), host_child(tmp_path):
        pass


async def test_host_json_limits_concurrent_activities(app_folder: Path, http):
    few = '{"version": "2.0", "extensions": {"durableTask": {"maxConcurrentActivityFunctions": 3}}}'
    (app_folder / "host.json").write_text(few)

    with host_child(app_folder, settings=SETTINGS) as host:
        assert await Sample(http, host).output_of("crowds", 20) == 3


async def test_a_route_prefix_may_be_empty(app_folder: Path, http):
    (app_folder / "host.json").write_text('{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}')

    with host_child(app_folder, settings=SETTINGS) as host:
        async with http.get(f"{host.url}/teapot") as response:
            assert response.status == 418


async def test_an_app_may_print_while_it_is_imported(app_folder: Path, http):
    app = app_folder / "function_app.py"
    app.write_text("print('hello from the import')\n" + app.read_text())

    with host_child(app_folder, settings=SETTINGS) as host:
        async with http.get(f"{host.url}/api/teapot") as response:
            assert response.status == 418
        assert "hello from the import" in host.log()
