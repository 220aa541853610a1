"""The local host as a child process, for tests, benchmarks and the demo.

Microsoft's worker library and the function app keep their state in module globals, so a process can run one app.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_STOP_TIMEOUT_SECONDS = 10


class HostDidNotStart(Exception):
    """The host ended before it was ready; the message is its output."""


@dataclass(frozen=True, slots=True)
class HostChild:
    """A host that responds at `url`, and its log. Webhooks and admin routes require the code."""

    url: str
    code: str
    pid: int
    log_file: Path

    def log(self) -> str:
        """Its log up to now."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")


@contextmanager
def host_child(
    app_folder: Path,
    *,
    settings: Mapping[str, str] | None = None,
    arguments: tuple[str, ...] = (),
    port: int = 0,
    python: Path = Path(sys.executable),
    module: str = "local.host",
) -> Iterator[HostChild]:
    """Run a function app on the local host until the block ends, with settings on top of this environment.

    Port 0 takes a free one. `arguments` are passed to `python -m local.host`, or to another `module` that runs it.
    Another `python` has other libraries, and PYTHONPATH in the settings may contain another `local`. The host also ends
    when this process does, even by SIGKILL. Raises HostDidNotStart.
    """
    python_path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryDirectory(prefix="local-host-") as folder:
        log_file, ready_file = Path(folder, "host.log"), Path(folder, "ready")
        command = [str(python), "-P", "-m", module, "--app", str(app_folder), "--port", str(port)]
        command += ["--ready-file", str(ready_file), "--end-with-stdin", *arguments]
        with (
            log_file.open("wb") as log,
            subprocess.Popen(  # noqa: S603 - our own arguments
                command,
                stdin=subprocess.PIPE,  # never written to: when it closes, the child knows that this process has ended
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": python_path, **(settings or {})},
            ) as child,
        ):
            try:
                url, code = _address(child, ready_file, log_file)
                yield HostChild(url, code, child.pid, log_file)
            finally:
                _stop(child)


def _address(child: subprocess.Popen[bytes], ready_file: Path, log_file: Path) -> tuple[str, str]:
    while not ready_file.exists():
        if _ended_within(0.02, child):
            raise HostDidNotStart(log_file.read_text(encoding="utf-8", errors="replace").strip())
    return read_ready_file(ready_file)


def read_ready_file(ready_file: Path) -> tuple[str, str]:
    """The address and the code of a host that is ready."""
    ready = json.loads(ready_file.read_text(encoding="utf-8"))
    return ready["url"], ready["code"]


def _ended_within(seconds: float, child: subprocess.Popen[bytes]) -> bool:
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    if not _ended_within(_STOP_TIMEOUT_SECONDS, child):
        child.kill()
