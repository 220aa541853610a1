"""Starting and stopping: settings, the summary, and what a developer is told when it does not work."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.host.child import HostChild, HostDidNotStart, host_child
from local.host.settings import HostSettings, UnusableSettings, read_host_json
from tests.host.sample import SAMPLE_APP, SETTINGS, Sample, until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def app_folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAMPLE_APP, tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__")))


def refusal(app_folder: Path, *arguments: str) -> str:
    """What the host says before it gives up with exit code 1."""
    command = [sys.executable, "-m", "local.host", "--app", str(app_folder), *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1, ended.stderr
    return ended.stderr


def test_the_summary_names_routes_timers_and_what_is_not_simulated(sample_host: HostChild):
    summary = sample_host.log()

    assert f"GET        {sample_host.url}/api/users/{{user}}/bookings" in summary
    assert "timer      tick: 0 0 3 * * *, next" in summary
    assert "double_in_children" in summary
    assert "It does not simulate: function keys" in summary


async def test_the_environment_wins_over_local_settings(app_folder: Path, http):
    settings = '{"Values": {"SAMPLE_SCHEDULE": "0 0 4 * * *", "SAMPLE_FILE": "file", "SAMPLE_BOTH": "file"}}'
    (app_folder / "local.settings.json").write_text(settings)

    with host_child(app_folder, settings={"SAMPLE_BOTH": "environment"}) as host:
        sample = Sample(http, host)
        async with sample.http.get(f"{host.url}/api/setting/SAMPLE_FILE") as answer:
            assert await answer.text() == "file"
        async with sample.http.get(f"{host.url}/api/setting/SAMPLE_BOTH") as answer:
            assert await answer.text() == "environment"
        assert "0 0 4 * * *" in host.log()


async def test_a_function_can_be_switched_off_by_a_setting(http):
    with host_child(SAMPLE_APP, settings=SETTINGS | {"AzureWebJobs.teapot.Disabled": "true"}) as host:
        async with http.get(f"{host.url}/api/teapot") as answer:
            assert answer.status == 404


async def test_the_log_can_go_to_a_file_too(app_folder: Path, tmp_path: Path, http):
    log_file = tmp_path / "host.txt"
    with host_child(app_folder, settings=SETTINGS, arguments=("--log-file", str(log_file))) as host:
        async with http.get(f"{host.url}/api/broken") as answer:
            assert answer.status == 500
        assert "the kettle is empty" in log_file.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("flow", ["waits_for_event", "gets_stuck"])
async def test_a_signal_ends_it_with_exit_code_0_whatever_still_runs(
    number: signal.Signals, flow: str, tmp_path: Path, http
):
    ready = tmp_path / "ready"
    command = [sys.executable, "-m", "local.host", "--app", str(SAMPLE_APP), "--port", "0", "--ready-file", str(ready)]
    child = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=os.environ | SETTINGS, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )

    async def url():
        return ready.read_text() if ready.exists() else None

    sample = Sample(http, HostChild(await until(url, "the host"), child.pid, ready))
    await sample.is_running(await sample.start(flow))
    await sample.post("keep-open")

    child.send_signal(number)
    _, said = await child.communicate()

    assert child.returncode == 0
    assert "Traceback" not in said.decode()
    assert "Unclosed" not in said.decode()


async def test_it_ends_cleanly_with_work_under_way(http):
    with host_child(SAMPLE_APP, settings=SETTINGS) as host:
        sample = Sample(http, host)
        waiting = await sample.start("waits_with_child")
        await sample.is_running(f"{waiting}:child")
        await sample.start("wide", {"children": 20, "each": 50})
        os.kill(host.pid, signal.SIGTERM)

        async def gone():
            try:
                async with http.get(f"{host.url}/admin/host/status"):
                    return None
            except OSError:
                return True

        await until(gone, "the end of the host")
        assert "Traceback" not in host.log()


async def test_it_ends_with_the_one_who_started_it(http):
    code = f"""from pathlib import Path
from local.host.child import host_child
with host_child(Path({str(SAMPLE_APP)!r})) as host:
    print(host.url, flush=True)
    input()"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout
    url = (await parent.stdout.readline()).decode().strip()
    async with http.get(f"{url}/admin/host/status") as answer:
        assert await answer.json() == {"state": "Running"}

    parent.kill()
    await parent.wait()

    async def gone():
        try:
            async with http.get(f"{url}/admin/host/status"):
                return None
        except OSError:
            return True

    await until(gone, "the end of the host")


def test_a_folder_without_an_app_is_told(tmp_path: Path):
    assert "there is no function_app.py in" in refusal(tmp_path)


def test_an_import_that_fails_is_told_with_the_place_and_without_noise(app_folder: Path):
    app = app_folder / "function_app.py"
    app.write_text("import nowhere_to_be_found\n" + app.read_text())

    said = refusal(app_folder)

    assert "ModuleNotFoundError: No module named 'nowhere_to_be_found'" in said
    assert 'function_app.py", line 1' in said
    assert "sys.path" not in said


def test_a_function_that_cannot_be_bound_is_told(app_folder: Path):
    with (app_folder / "function_app.py").open("a") as app:
        app.write("\n\n@app.route('odd')\ndef odd(somebody_else):\n    return 'never'\n")

    said = refusal(app_folder)

    assert "cannot start" in said
    assert "odd" in said


def test_an_unusable_settings_file_is_named(app_folder: Path):
    (app_folder / "local.settings.json").write_text("{")
    assert "local.settings.json is not JSON" in refusal(app_folder)


def test_a_port_in_use_is_told_in_one_message(sample_host: HostChild):
    port = sample_host.url.rpartition(":")[2]
    assert f"port {port} is in use" in refusal(SAMPLE_APP, "--port", port)


def test_a_child_that_does_not_start_says_why(tmp_path: Path):
    with pytest.raises(HostDidNotStart, match=r"there is no function_app\.py"), host_child(tmp_path):
        pass


async def test_no_more_activities_run_at_once_than_host_json_allows(app_folder: Path, http):
    few = '{"extensions": {"durableTask": {"maxConcurrentActivityFunctions": 3}}}'
    (app_folder / "host.json").write_text(few)

    with host_child(app_folder, settings=SETTINGS) as host:
        assert await Sample(http, host).output_of("crowds", 20) == 3


async def test_a_route_prefix_may_be_empty(app_folder: Path, http):
    (app_folder / "host.json").write_text('{"extensions": {"http": {"routePrefix": ""}}}')

    with host_child(app_folder, settings=SETTINGS) as host:
        async with http.get(f"{host.url}/teapot") as answer:
            assert answer.status == 418


async def test_what_an_app_prints_does_not_confuse_anybody(app_folder: Path, http):
    app = app_folder / "function_app.py"
    app.write_text("print('hello from the import')\n" + app.read_text())

    with host_child(app_folder, settings=SETTINGS) as host:
        async with http.get(f"{host.url}/api/teapot") as answer:
            assert answer.status == 418
        assert "hello from the import" in host.log()


def test_host_json_says_how_much_runs_at_once():
    settings = read_host_json(SAMPLE_APP)
    assert settings == HostSettings("api", "SampleHub", concurrent_activities=200, concurrent_orchestrators=20)


def test_host_json_that_is_no_object_is_refused(tmp_path: Path):
    (tmp_path / "host.json").write_text("[]")
    with pytest.raises(UnusableSettings, match=r"host\.json must hold a JSON object"):
        read_host_json(tmp_path)
