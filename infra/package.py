"""Builds the deployment package: the files that .funcignore admits, the host.json of the back end, the dependencies."""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

CHECKOUT = Path(__file__).resolve().parent.parent
HOST_FILES = {"storage": "host.json", "dts": "host.dts.json"}
"""The host.json for each back end of Durable Functions: Azure Storage, or the Durable Task Scheduler."""
DEPENDENCIES = Path(".python_packages", "lib", "site-packages")
"""Where the Functions worker looks for packages that Azure did not install."""
PLATFORM = "x86_64-manylinux_2_28"
"""The platform of Flex Consumption, in uv's terms."""


def main() -> None:
    """Build the package and print its size."""
    parser = argparse.ArgumentParser(prog="make package", description=__doc__)
    parser.add_argument("--backend", choices=HOST_FILES, default="storage", help="of Durable Functions")
    parser.add_argument("--remote-build", action="store_true", help="leave the dependencies to Azure's build")
    parser.add_argument("--folder", type=Path, default=CHECKOUT / ".local" / "package", help="emptied first")
    options = parser.parse_args()
    files = build(options.folder, options.backend)
    if not options.remote_build:
        files += add_dependencies(options.folder)
    archive = Path(shutil.make_archive(str(options.folder), "zip", options.folder))
    size, zipped = sum(file.stat().st_size for file in files), archive.stat().st_size
    sys.stdout.write(
        f"{options.folder}: {len(files)} files, {size / 1024:.0f} KiB, {zipped / 1024:.0f} KiB as {archive.name}, "
        f"for the back end {options.backend}, {'without' if options.remote_build else 'with'} dependencies\n"
    )


def build(folder: Path, backend: str = "storage", *, checkout: Path = CHECKOUT) -> list[Path]:
    """Empty the folder, copy the app's files into it and return them."""
    spec = GitIgnoreSpec.from_lines((checkout / ".funcignore").read_text(encoding="utf-8").splitlines())
    sources = {file: file for file in _admitted_files(checkout, spec)}
    sources["host.json"] = HOST_FILES[backend]
    shutil.rmtree(folder, ignore_errors=True)
    return [_copy(checkout / source, folder / name) for name, source in sorted(sources.items())]


def add_dependencies(folder: Path, *, checkout: Path = CHECKOUT) -> list[Path]:
    """Install the locked dependencies into the package, always for Linux, and return their files."""
    target = folder / DEPENDENCIES
    command: list[str | Path] = [checkout / ".local" / "uv" / "bin" / "uv", "--quiet", "pip", "install"]
    command += ["--python", sys.executable, "--target", target]
    command += ["--python-platform", PLATFORM, "--python-version", "3.13", "--only-binary", ":all:"]
    command += ["--require-hashes", "-r", checkout / "requirements.txt"]
    subprocess.run(command, check=True)  # noqa: S603 - our own arguments
    shutil.rmtree(target / "bin", ignore_errors=True)  # commands for this machine
    (target / ".lock").unlink(missing_ok=True)
    return sorted(path for path in target.rglob("*") if path.is_file())


def _admitted_files(checkout: Path, spec: GitIgnoreSpec) -> Iterator[str]:
    # Like git, it does not enter an ignored folder: no pattern can admit a file below one.
    for folder, folders, files in checkout.walk():
        relative = folder.relative_to(checkout)
        folders[:] = [name for name in folders if not spec.match_file(f"{(relative / name).as_posix()}/")]
        names = ((relative / name).as_posix() for name in files)
        yield from (name for name in names if not spec.match_file(name))


def _copy(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(source, target))


if __name__ == "__main__":
    main()
