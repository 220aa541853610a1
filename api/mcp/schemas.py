"""The schemas of tools, derived from the models of the API: JSON Schema 2020-12 without references.

Copilot Studio leaves out tools whose inputs contain references or several types, so inputs have neither.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.models.responses import Response
from api.openapi.schemas import SUMMARY, Model, Schema, parameters

REFERENCE = "#/$defs/"
NOT_JSON_SCHEMA = frozenset({"collectionFormat"})


def input_schema(models: tuple[Model, ...], inputs: Mapping[str, Mapping[str, Any]]) -> Schema:
    """The schema of an object with these parameters, each with its changes. ``required`` names one parameter."""
    known = {name: described for model in models for name, described in parameters(model).items()}
    properties, required = {}, []
    for name, changes in inputs.items():
        schema, is_required = known[name]
        properties[name] = _plain({**schema, **{key: value for key, value in changes.items() if key != "required"}})
        if changes.get("required", is_required):
            required.append(name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


@dataclass(frozen=True, slots=True)
class View:
    """Some members of an object of the API: enough for an agent, without filling its context."""

    model: type[Response]
    members: tuple[str, ...]

    @property
    def schema(self) -> Schema:
        """The object with these members."""
        complete = self.model.model_json_schema(mode="serialization")
        known = complete.get("$defs", {})
        members = {name: _plain(_inline(complete["properties"][name], known)) for name in self.members}
        return object_schema(members)

    def of(self, response: Response) -> dict[str, Any]:
        """These members of an object, as JSON."""
        document = response.model_dump(mode="json", by_alias=True)
        return {name: document[name] for name in self.members}


def object_schema(members: Mapping[str, Schema]) -> Schema:
    """The schema of an object in which all of these members are required."""
    return {
        "type": "object",
        "properties": dict(members),
        "required": [*members],
        "additionalProperties": False,
    }


def or_null(schema: Schema) -> Schema:
    """A value of this schema, or ``null``."""
    return {"anyOf": [schema, {"type": "null"}]}


def _inline(part: Any, known: Mapping[str, Schema]) -> Any:
    match part:
        case {"$ref": str(target), **rest}:
            return {**_inline(known[target.removeprefix(REFERENCE)], known), **rest}
        case dict():
            return {key: _inline(value, known) for key, value in part.items()}
        case list():
            return [_inline(value, known) for value in part]
        case _:
            return part


def _plain(part: Any) -> Any:
    """The schema without the members that only Power Platform reads."""
    match part:
        case dict():
            return {
                "title" if key == SUMMARY else key: _plain(value)
                for key, value in part.items()
                if key not in NOT_JSON_SCHEMA and (key == SUMMARY or not key.startswith("x-"))
            }
        case list():
            return [_plain(value) for value in part]
        case _:
            return part
