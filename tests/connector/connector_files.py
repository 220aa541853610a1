"""The committed files of the connector, and the parts of its definition that tests inspect."""

import json
from collections.abc import Iterator
from typing import Any

from connector.fill import DEFINITION, FILES, HERE

type Document = dict[str, Any]


def committed(name: str) -> Document:
    """A committed JSON file of the connector."""
    document: Document = json.loads((HERE / name).read_text(encoding="utf-8"))
    return document


DEFINED = committed(DEFINITION)
PROPERTIES: dict[str, Document] = {name: committed(name)["properties"] for name in FILES.values()}
"""The property files by name."""
PATHS: dict[str, str] = {
    operation["operationId"]: path for path, methods in DEFINED["paths"].items() for operation in methods.values()
}
OPERATIONS: dict[str, Document] = {
    operation["operationId"]: operation for methods in DEFINED["paths"].values() for operation in methods.values()
}


def parameters() -> Iterator[tuple[str, Document]]:
    """Every parameter, with its place."""
    for name, operation in OPERATIONS.items():
        for parameter in operation["parameters"]:
            yield f"{name}.{parameter['name']}", parameter


def members() -> Iterator[tuple[str, Document]]:
    """Every property of every definition, with its place."""
    for name, schema in DEFINED["definitions"].items():
        yield from _members(name, schema)


def _members(place: str, schema: Document) -> Iterator[tuple[str, Document]]:
    for name, member in schema.get("properties", {}).items():
        yield f"{place}.{name}", member
        yield from _members(f"{place}.{name}", member)


def response_member(operation: Document, path: str) -> Document | None:
    """The member of an operation's response at a path like ``value/id``, through lists; ``None`` if there is none."""
    schema = _resolve(operation["responses"]["200"]["schema"])
    for name in path.split("/"):
        while schema.get("type") == "array":
            schema = _resolve(schema["items"])
        if name not in schema.get("properties", {}):
            return None
        schema = schema["properties"][name]
    return schema


def policies(properties: Document, template: str) -> dict[str, Document]:
    """The parameters of all policies of one kind, by operation ID and with short names."""
    return {
        operation_id: {
            key.removeprefix("x-ms-apimTemplateParameter."): value for key, value in policy["parameters"].items()
        }
        for policy in properties["policyTemplateInstances"]
        if policy["templateId"] == template
        for operation_id in policy["parameters"]["x-ms-apimTemplate-operationName"]
    }


def _resolve(schema: Document) -> Document:
    target = schema.get("$ref", "").rpartition("/")[2]
    resolved: Document = DEFINED["definitions"][target] if target else schema
    return resolved
