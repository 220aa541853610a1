"""Run by a Python that has requirements.txt alone: prints what a package imports, anywhere, and this Python lacks."""

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

OWN = ("activities", "api", "atlas", "function_app", "orchestrators")


def imported(file: Path) -> Iterator[str]:
    """Every module that a file imports, inside of its functions too."""
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module=str(module)):
                yield module


def main(package: Path, worker: str) -> None:
    """Print what is missing, one name a line."""
    sys.path.remove(worker)
    sys.path.insert(0, str(package))
    for own in OWN:
        importlib.import_module(own)
    names = {name for file in package.rglob("*.py") for name in imported(file)}
    for name in sorted(names):
        if not is_there(name):
            sys.stdout.write(f"{name}\n")


def is_there(name: str) -> bool:
    """Tell whether a module can be imported."""
    try:
        return name in sys.modules or importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # nor its parent
        return False


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
