"""Starts hosts and commands in a tenth of the time: forked from one process that has already imported the libraries.

A forked process is a process like any other: it has its own environment and its own copy of every module, a host
imports the app and listens on its own port, and both can be killed. ``tests/host`` and a few tests of the command line
start theirs as a user does, so that this short cut hides nothing.
"""

import asyncio
import atexit
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.context import ForkServerProcess
from multiprocessing.process import parent_process
from pathlib import Path
from signal import SIG_DFL, SIGINT, SIGTERM, raise_signal, signal
from typing import Any

from local.host.child import HostChild, HostDidNotStart, read_ready_file

LIBRARIES = ["local.host.__main__", "atlas.wiring", "atlas.cli.main", "api.openapi.document"]
"""Everything that takes long to import, but no module that reads a setting when it is imported."""
STOP_TIMEOUT_SECONDS = 10
COMMAND_TIMEOUT_SECONDS = 60
RETRYING = ("stamina", "azure.core", "atlas.microsoft365")
"""The packages that wait before they repeat a request."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(LIBRARIES)


@contextmanager
def forked_host(
    app_folder: Path,
    *,
    settings: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    retry_speed: float = 1,
) -> Iterator[HostChild]:
    """Run a function app on the local host until the block ends, as ``host_child`` does.

    Requests that failed are repeated ``retry_speed`` times sooner.
    """
    with tempfile.TemporaryDirectory(prefix="local-host-") as folder:
        log_file, ready_file = Path(folder, "host.log"), Path(folder, "ready")
        command = ["--app", str(app_folder), "--port", "0", "--ready-file", str(ready_file), *arguments]
        process = _started(partial(_run_host, retry_speed), command, settings or {}, log_file, log_file)
        try:
            while not ready_file.exists():
                process.join(0.01)
                if not process.is_alive():
                    raise HostDidNotStart(_text(log_file).strip())
            url, code = read_ready_file(ready_file)
            yield HostChild(url, code, process.pid or 0, log_file)
        finally:
            process.terminate()
            _join(process, STOP_TIMEOUT_SECONDS)


def forked_atlas(*arguments: str, settings: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``atlas`` with these arguments; its exit code and what it printed."""
    with tempfile.TemporaryDirectory(prefix="atlas-") as folder:
        output, errors = Path(folder, "output"), Path(folder, "errors")
        process = _started(_run_atlas, arguments, settings or {}, output, errors)
        _join(process, COMMAND_TIMEOUT_SECONDS)
        return subprocess.CompletedProcess(arguments, process.exitcode or 0, _text(output), _text(errors))


def accept_interrupts() -> None:
    """For ``preexec_fn``: a shell starts commands in the background with SIGINT ignored, which children inherit."""
    signal(SIGINT, SIG_DFL)


def _started(
    target: object, arguments: Sequence[str], settings: Mapping[str, str], output: Path, errors: Path
) -> ForkServerProcess:
    output.touch()
    errors.touch()
    environment = {**os.environ, **settings}
    process = _context.Process(target=_run, args=(target, arguments, environment, output, errors))
    process.start()
    return process


def _join(process: ForkServerProcess, seconds: float) -> None:
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


# In the forked process


def _run(target, arguments: Sequence[str], environment: Mapping[str, str], output: Path, errors: Path) -> None:
    for file, descriptor in ((output, 1), (errors, 2)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = [folder for folder in sys.path if "tests" not in Path(folder).parts]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    code = target(arguments)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # as `python -m local.host` ends while a synchronous function still runs


def _run_host(retry_speed: float, arguments: Sequence[str]) -> int:
    from local.host.__main__ import main

    _retry_sooner(retry_speed)
    return main(list(arguments))


def _retry_sooner(speed: float) -> None:
    sleep = asyncio.sleep

    def sleep_less[T](delay: float, result: T = None) -> Coroutine[Any, Any, T]:  # type: ignore[assignment]
        caller = sys._getframe(1).f_globals["__name__"]
        return sleep(delay / speed if caller.startswith(RETRYING) else delay, result)

    asyncio.sleep = sleep_less  # type: ignore[assignment]


def _run_atlas(arguments: Sequence[str]) -> int:
    from atlas.cli.main import main

    sys.argv = ["atlas", *arguments]
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
        raise_signal(SIGTERM)
