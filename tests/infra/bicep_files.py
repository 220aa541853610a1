"""Reads the Bicep files of a folder with pycep; a file that cannot be parsed is an error."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pycep import BicepParser

ROOT = Path(__file__).parents[2]
SPREAD = re.compile(r"^( +)\.\.\.", re.MULTILINE)
"""The spread operator, which pycep 0.7 does not know."""
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@cache
def _parse(text: str) -> dict[str, Any]:
    return BicepParser().parse(text=SPREAD.sub(r"\1spread: ", text))


class Infra:
    """The infrastructure in ``infra`` of this project, or of a copy of it."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.folder = root / "infra"
        self.files = sorted(self.folder.rglob("*.bicep"))

    def text(self, name: str) -> str:
        return (self.folder / name).read_text()

    def file(self, name: str) -> dict[str, Any]:
        return _parse(self.text(name))

    def declarations(self, kind: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Every declaration of a kind (resources, parameters, outputs): its file, name and content."""
        for path in self.files:
            file = path.relative_to(self.folder).as_posix()
            for name, declaration in self.file(file).get(kind, {}).items():
                yield file, str(name), declaration

    def resources(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Every resource that is deployed: its file, type and body, without loop or condition."""
        for file, _, resource in self.declarations("resources"):
            if not resource["existing"]:
                yield file, resource["type"], body_of(resource["config"])

    def only(self, resource_type: str) -> dict[str, Any]:
        [body] = [body for _, kind, body in self.resources() if kind == resource_type]
        return body

    def variable(self, file: str, name: str) -> Any:
        return self.file(file)["variables"][name]["value"]

    def queries(self) -> dict[str, str]:
        """The queries of the alerts and of the workbook."""
        items = json.loads(self.text("workbook.json"))["items"]
        return {path.name: path.read_text() for path in sorted((self.folder / "queries").iterdir())} | {
            item["name"]: item["content"]["query"] for item in items if "query" in item["content"]
        }


def body_of(config: dict[str, Any]) -> dict[str, Any]:
    return body_of(config["config"]) if "config" in config else config


def keys_of(value: Any) -> Iterator[str]:
    """Every key of an object and of the objects in it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key).strip("'")
            yield from keys_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner)


def limit_of(infra: Infra, parameter: str, kind: str) -> Any:
    """The argument of a decorator of a parameter of main.bicep."""
    decorators = infra.file("main.bicep")["parameters"][parameter]["decorators"]
    [limit] = [item["argument"] for item in decorators if item["type"] == kind]
    return limit


def jsonc(text: str) -> Any:
    """JSON with comments on lines of their own."""
    return json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
