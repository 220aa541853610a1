"""The connector as rules look at it: its files, and the parts of its definition."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.fill import DEFINITION, FILES, HERE, ICON

METHODS = frozenset({"get", "put", "post", "delete", "patch", "head", "options"})


@dataclass(frozen=True, slots=True)
class Connector:
    """Everything that a rule may look at."""

    definition: dict[str, Any]
    properties: dict[str, dict[str, Any]]
    """The property files by name."""
    texts: dict[str, str]
    """The files as they are written, by name."""
    icon: bytes


type Complaints = Iterator[str]


def read_connector(folder: Path = HERE) -> Connector:
    """The connector of this folder."""
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in (DEFINITION, *FILES.values())}
    documents = {name: json.loads(text) for name, text in texts.items()}
    definition = documents.pop(DEFINITION)
    return Connector(definition, documents, texts, (folder / ICON).read_bytes())


def operations(connector: Connector) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation of every action and trigger."""
    for path, methods in connector.definition["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield path, method, operation


def by_operation_id(connector: Connector) -> dict[str, dict[str, Any]]:
    """Every action and trigger by its operation id."""
    return {operation.get("operationId", ""): operation for _, _, operation in operations(connector)}


def parameters(connector: Connector) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every parameter, with a place for the complaint."""
    for _, _, operation in operations(connector):
        for parameter in operation.get("parameters", ()):
            yield f"{operation.get('operationId')}.{parameter.get('name')}", parameter


def members(connector: Connector) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of every shape, with a place for the complaint; what is only a reference has its own names."""
    for name, shape in connector.definition.get("definitions", {}).items():
        yield from _members(name, shape)


def resolved(connector: Connector, schema: dict[str, Any]) -> dict[str, Any]:
    """A schema, or the one that it refers to."""
    target = schema.get("$ref", "")
    shape: dict[str, Any] = connector.definition["definitions"][target.rpartition("/")[2]] if target else schema
    return shape


def answer_member(connector: Connector, operation: dict[str, Any], path: str) -> dict[str, Any] | None:
    """The member of an operation's answer at a path like ``value/id``, looking into lists; ``None`` if it has none."""
    schema = resolved(connector, operation["responses"]["200"].get("schema", {}))
    for name in filter(None, re.split(r"[/.]", path)):
        while schema.get("type") == "array":
            schema = resolved(connector, schema["items"])
        if name not in schema.get("properties", {}):
            return None
        schema = resolved(connector, schema["properties"][name])
    return schema


def policies_of(connector: Connector, template: str | None = None) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The policies of each property file, or those of one kind."""
    for file, document in connector.properties.items():
        policies = document["properties"].get("policyTemplateInstances", [])
        yield file, [policy for policy in policies if template in {None, policy["templateId"]}]


def operations_of(policy: dict[str, Any]) -> list[str]:
    """The operations that a policy names."""
    names: list[str] = policy["parameters"].get("x-ms-apimTemplate-operationName", [])
    return names


def policy_parameter(policy: dict[str, Any], name: str) -> Any:
    """One parameter of a policy, by its short name."""
    return policy["parameters"].get(f"x-ms-apimTemplateParameter.{name}")


def _members(place: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, member in schema.get("properties", {}).items():
        if "$ref" not in member:
            yield f"{place}.{name}", member
        yield from _members(f"{place}.{name}", member)
    if "items" in schema:
        yield from _members(f"{place}[]", schema["items"])
