"""Builds what is deployed: the files that .funcignore lets through, with the host.json of the chosen back end."""

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

CHECKOUT = Path(__file__).resolve().parent.parent
HOST_FILES = {"storage": "host.json", "dts": "host.dts.json"}
"""The host.json of each back end of Durable Functions: Azure Storage, or the Durable Task Scheduler."""


def main() -> None:
    """Build the package and say how large it is."""
    parser = argparse.ArgumentParser(prog="make package", description=__doc__)
    parser.add_argument("--backend", choices=HOST_FILES, default="storage", help="of Durable Functions")
    parser.add_argument("--folder", type=Path, default=CHECKOUT / ".local" / "package", help="emptied first")
    asked = parser.parse_args()
    files = build(asked.folder, asked.backend)
    archive = Path(shutil.make_archive(str(asked.folder), "zip", asked.folder))
    size, packed = sum(file.stat().st_size for file in files), archive.stat().st_size
    sys.stdout.write(
        f"{asked.folder}: {len(files)} files, {size / 1024:.0f} KiB, {packed / 1024:.0f} KiB as {archive.name}, "
        f"for the back end {asked.backend}\n"
    )


def build(folder: Path, backend: str = "storage", *, checkout: Path = CHECKOUT) -> list[Path]:
    """Empty the folder and fill it with what is deployed; the files that are now in it."""
    spec = GitIgnoreSpec.from_lines((checkout / ".funcignore").read_text(encoding="utf-8").splitlines())
    sources = {file: file for file in _let_through(checkout, spec)}
    sources["host.json"] = HOST_FILES[backend]
    shutil.rmtree(folder, ignore_errors=True)
    return [_copied(checkout / source, folder / name) for name, source in sorted(sources.items())]


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
