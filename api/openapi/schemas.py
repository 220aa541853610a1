"""The few words of JSON Schema that OpenAPI 2.0 knows, each with what the designer of a flow shows."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

type Schema = dict[str, Any]
type Members = Mapping[str, Schema]


def text(title: str, description: str, **more: Any) -> Schema:
    """A string."""
    return {"type": "string", "x-ms-summary": title, "description": description, **more}


def one_of(names: type[StrEnum], title: str, description: str, *without: StrEnum) -> Schema:
    """One of the names of the domain."""
    return text(title, description, enum=[str(name) for name in names if name not in without])


def moment(title: str, description: str) -> Schema:
    """A point in time, RFC 3339."""
    return text(title, description, format="date-time")


def number(title: str, description: str, **more: Any) -> Schema:
    """A whole number."""
    return {"type": "integer", "x-ms-summary": title, "description": description, **more}


def truth(title: str, description: str, **more: Any) -> Schema:
    """True or false."""
    return {"type": "boolean", "x-ms-summary": title, "description": description, **more}


def list_of(items: Schema, title: str, description: str) -> Schema:
    """A list."""
    return {"type": "array", "items": items, "x-ms-summary": title, "description": description}


def record(members: Members, title: str, description: str, optional: tuple[str, ...] = ()) -> Schema:
    """An object that has all of these members, but for the optional ones."""
    return {
        "type": "object",
        "x-ms-summary": title,
        "description": description,
        "required": [name for name in members if name not in optional],
        "properties": dict(members),
    }


def nullable(schema: Schema) -> Schema:
    """The same, or ``null``: what is not known is null, never left out. OpenAPI 2.0 itself has no word for it."""
    return {**schema, "x-nullable": True}


def ref(shape: str) -> Schema:
    """A shape by its name."""
    return {"$ref": f"#/definitions/{shape}"}
