"""A Python as Azure has it: requirements.txt, and after it on the path the libraries of the Functions worker."""

import contextlib
import hashlib
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
UV = ROOT / ".local" / "uv" / "bin" / "uv"
KEPT = ROOT / ".local" / "package-python"
WORKER = ("azure-functions-runtime", "azurefunctions-extensions-base")
"""Microsoft's worker library and what it needs: Azure's own, so not in requirements.txt."""


@dataclass(frozen=True)
class Azure:
    """A Python as Azure has it: the app's libraries, then the worker's."""

    python: Path
    libraries: Path
    worker: Path


def azure_python() -> Azure:
    """The one for these requirements: kept, for it takes a while."""
    requirements, worker = ROOT / "requirements.txt", locked_lines(WORKER)
    home = KEPT / hashlib.sha256(requirements.read_bytes() + worker.encode()).hexdigest()[:16]
    if not home.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=KEPT, ignore_cleanup_errors=True) as folder:
            install(Path(folder, "azure"), requirements, worker)
            with contextlib.suppress(OSError):  # another run was faster
                Path(folder, "azure").rename(home)
    return azure_in(home)


def azure_in(home: Path) -> Azure:
    [libraries] = home.glob("venv/lib/python*/site-packages")
    return Azure(home / "venv" / "bin" / "python", libraries, home / "worker")


def install(home: Path, requirements: Path, worker: str) -> None:
    uv("venv", "--python", "3.13", home / "venv")
    azure = azure_in(home)
    uv("pip", "install", "--python", azure.python, "--require-hashes", "-r", requirements)
    wanted = home / "worker.txt"
    wanted.write_text(worker)
    uv("pip", "install", "--target", azure.worker, "--no-deps", "--require-hashes", "-r", wanted)
    (azure.libraries / "worker.pth").write_text(f"{'../' * 4}worker\n")  # last on the path


def uv(*arguments: str | Path) -> None:
    subprocess.run([UV, "--quiet", *arguments], check=True)


def locked_lines(names: tuple[str, ...]) -> str:
    """The lines of these packages in the lock file of development."""
    blocks = re.findall(r"^\S.*(?:\n .*)*", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE)
    found = [block for block in blocks if block.split("==")[0] in names]
    assert len(found) == len(names)
    return "\n".join(found)
