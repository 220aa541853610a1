"""Pydantic models as OpenAPI 2.0 schemas, with what the designer of a flow shows.

OpenAPI 2.0 has no ``null`` and no ``anyOf``: a member that may be ``null`` says ``x-nullable``. Objects are written
where they are used, so that each can have its own title; only the items of lists are referenced by name.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

type Schema = dict[str, Any]
type Model = type[BaseModel]

REFERENCE = "#/definitions/"
SUMMARY = "x-ms-summary"


def definitions(*models: Model) -> dict[str, Schema]:
    """The schema of every model and of the items of their lists, by name."""
    _, generated = models_json_schema(
        [(model, "serialization") for model in models], ref_template=f"{REFERENCE}{{model}}"
    )
    known: Mapping[str, Schema] = generated["$defs"]
    wanted = [model.__name__ for model in models]
    found: dict[str, Schema] = {}
    while wanted:
        name = wanted.pop(0)
        if name not in found:
            found[name] = _convert(known[name], known)
            wanted.extend(references(found[name]))
    return dict(sorted(found.items()))


def parameters(model: Model) -> dict[str, tuple[Schema, bool]]:
    """The schema of every parameter of a model by its name, and whether it is required."""
    schema = model.model_json_schema(mode="validation", ref_template=f"{REFERENCE}{{model}}")
    known: Mapping[str, Schema] = schema.get("$defs", {})
    required = schema.get("required", ())
    found = {}
    for name, member in schema.get("properties", {}).items():
        converted = {key: value for key, value in _convert(member, known).items() if key != "x-nullable"}
        found[name] = (_without_no_default(converted), name in required)
    return found


def reference(model: Model) -> Schema:
    """A model by its name."""
    return {"$ref": f"{REFERENCE}{model.__name__}"}


def references(part: Any) -> Iterator[str]:
    """The names of all models that a part of a document references."""
    match part:
        case {"$ref": str(target)}:
            yield target.removeprefix(REFERENCE)
        case dict():
            for inner in part.values():
                yield from references(inner)
        case list():
            for inner in part:
                yield from references(inner)


def _convert(schema: Schema, known: Mapping[str, Schema]) -> Schema:
    match schema:
        case {"anyOf": [inner, {"type": "null"}], **rest}:
            return {**_convert(inner, known), **_convert(rest, known), "x-nullable": True}
        case {"$ref": str(target), **rest}:
            return {**_convert(known[target.removeprefix(REFERENCE)], known), **_convert(rest, known)}
        case {"const": only, **rest}:
            return {**_convert(rest, known), "enum": [only]}
        case {"properties": dict(members), **rest}:
            inner = {name: _convert(member, known) for name, member in members.items()}
            return {**_convert(rest, known), "properties": inner}
        case {"items": dict(items), **rest}:
            return {**_convert(rest, known), "items": _item(items, known)}
        case _:
            return {_rename(key): value for key, value in schema.items() if key != "additionalProperties" or value}


def _item(items: Schema, known: Mapping[str, Schema]) -> Schema:
    """An object by its name; anything else, such as an enum, is written out without the title of its class."""
    target = items.get("$ref", "").removeprefix(REFERENCE)
    if target and "properties" in known[target]:
        return {"$ref": f"{REFERENCE}{target}"}
    converted = _convert(items, known)
    return {key: value for key, value in converted.items() if key not in {SUMMARY, "description"}}


def _rename(key: str) -> str:
    return SUMMARY if key == "title" else key


def _without_no_default(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if (key, value) != ("default", None)}
