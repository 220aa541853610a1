"""Builds what is deployed: the files that .funcignore lets through, with the host.json of the chosen back end."""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

CHECKOUT = Path(__file__).resolve().parent.parent
HOST_FILES = {"storage": "host.json", "dts": "host.dts.json"}
"""The host.json of each back end of Durable Functions: Azure Storage, or the Durable Task Scheduler."""
DEPENDENCIES = Path(".python_packages", "lib", "site-packages")
"""Where the Functions worker looks for what was not installed by Azure."""
PLATFORM = "x86_64-manylinux_2_28"
"""What Flex Consumption runs, as uv calls it."""


def main() -> None:
    """Build the package and say how large it is."""
    parser = argparse.ArgumentParser(prog="make package", description=__doc__)
    parser.add_argument("--backend", choices=HOST_FILES, default="storage", help="of Durable Functions")
    parser.add_argument("--dependencies", action="store_true", help="put in what Azure would install")
    parser.add_argument("--folder", type=Path, default=CHECKOUT / ".local" / "package", help="emptied first")
    asked = parser.parse_args()
    files = build(asked.folder, asked.backend)
    if asked.dependencies:
        files += add_dependencies(asked.folder)
    archive = Path(shutil.make_archive(str(asked.folder), "zip", asked.folder))
    size, packed = sum(file.stat().st_size for file in files), archive.stat().st_size
    sys.stdout.write(
        f"{asked.folder}: {len(files)} files, {size / 1024:.0f} KiB, {packed / 1024:.0f} KiB as {archive.name}, "
        f"for the back end {asked.backend}{', with its dependencies' if asked.dependencies else ''}\n"
    )


def build(folder: Path, backend: str = "storage", *, checkout: Path = CHECKOUT) -> list[Path]:
    """Empty the folder and fill it with what is deployed; the files that are now in it."""
    spec = GitIgnoreSpec.from_lines((checkout / ".funcignore").read_text(encoding="utf-8").splitlines())
    sources = {file: file for file in _let_through(checkout, spec)}
    sources["host.json"] = HOST_FILES[backend]
    shutil.rmtree(folder, ignore_errors=True)
    return [_copied(checkout / source, folder / name) for name, source in sorted(sources.items())]


def add_dependencies(folder: Path, *, checkout: Path = CHECKOUT) -> list[Path]:
    """Put the locked packages into the package, for Linux whatever this machine is; the files that came with it."""
    target = folder / DEPENDENCIES
    command: list[str | Path] = [checkout / ".local" / "uv" / "bin" / "uv", "--quiet", "pip", "install"]
    command += ["--python", sys.executable, "--target", target]
    command += ["--python-platform", PLATFORM, "--python-version", "3.13", "--only-binary", ":all:"]
    command += ["--require-hashes", "-r", checkout / "requirements.txt"]
    subprocess.run(command, check=True)  # noqa: S603 - our own arguments
    shutil.rmtree(target / "bin", ignore_errors=True)  # commands for this machine
    (target / ".lock").unlink(missing_ok=True)
    return sorted(path for path in target.rglob("*") if path.is_file())


def _let_through(checkout: Path, spec: GitIgnoreSpec) -> Iterator[str]:
    # As git does, an ignored folder is not entered: nothing below it can be let through.
    for folder, folders, files in checkout.walk():
        place = folder.relative_to(checkout)
        folders[:] = [name for name in folders if not spec.match_file(f"{(place / name).as_posix()}/")]
        names = ((place / name).as_posix() for name in files)
        yield from (name for name in names if not spec.match_file(name))


def _copied(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(source, target))


if __name__ == "__main__":
    main()
