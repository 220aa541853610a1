"""The local host as a child: for tests, benchmarks and the demo, which need a host of their own and its settings.

A child, because Microsoft's worker library and the function app keep their state in module globals: one app a process.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_LONGEST_STOP_SECONDS = 10


class HostDidNotStart(Exception):
    """The host ended before it was ready; the message is what it said."""


@dataclass(frozen=True, slots=True)
class HostChild:
    """A host that answers under `url`, and its log."""

    url: str
    pid: int
    log_file: Path

    def log(self) -> str:
        """Read what it has said up to now."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")


@contextmanager
def host_child(
    app_folder: Path,
    *,
    settings: Mapping[str, str] | None = None,
    arguments: tuple[str, ...] = (),
    port: int = 0,
) -> Iterator[HostChild]:
    """Run a function app on the local host until the block ends, with settings on top of this environment.

    Port 0 takes a free one. `arguments` go to `python -m local.host`. It also ends when this process does, however
    that ends. Raises HostDidNotStart.
    """
    python_path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "local.host", "--app", str(app_folder), "--port", str(port), "--end-with-stdin"]
    with tempfile.TemporaryDirectory(prefix="local-host-") as folder:
        log_file = Path(folder, "host.log")
        with (
            log_file.open("wb") as log,
            subprocess.Popen(  # noqa: S603 - our own arguments
                [*command, *arguments],
                stdin=subprocess.PIPE,  # never written to: its end tells the child that we are gone
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONPATH": python_path, **(settings or {})},
            ) as child,
        ):
            try:
                yield HostChild(_first_line(child, log_file), child.pid, log_file)
            finally:
                _stop(child)


def _first_line(child: subprocess.Popen[bytes], log_file: Path) -> str:
    assert child.stdout  # noqa: S101 - it is a pipe
    line = child.stdout.readline().decode().strip()
    if not line:
        child.wait()
        raise HostDidNotStart(log_file.read_text(encoding="utf-8", errors="replace").strip())
    return line


def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_LONGEST_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
