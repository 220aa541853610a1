"""Base class and field types for what responses contain (docs/api.md)."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

from api.models.titles import field_title, model_title
from atlas.domain.text import moment_text

IMPORTANT: Mapping[str, Any] = {"x-ms-visibility": "important"}
ADVANCED: Mapping[str, Any] = {"x-ms-visibility": "advanced"}
INTERNAL: Mapping[str, Any] = {"x-ms-visibility": "internal"}
"""Where the designer of a flow shows a field: first, behind "show all", or nowhere."""


class Response(BaseModel):
    """An object of a response: camelCase names, every member present, ``null`` for what is not known."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        field_title_generator=field_title,
        model_title_generator=model_title,
    )


_MOMENT_SCHEMA = WithJsonSchema({"type": "string", "format": "date-time"})

Moment = Annotated[datetime, PlainSerializer(moment_text, return_type=str), _MOMENT_SCHEMA]
"""A point in time, written in UTC with ``Z``."""
LocalMoment = Annotated[datetime, PlainSerializer(datetime.isoformat, return_type=str), _MOMENT_SCHEMA]
"""A point in time, written with the offset of its own time zone."""


def enum_labels(labels: Mapping[Any, str]) -> dict[str, Any]:
    """The names that the designer of a flow shows for the values of an enum."""
    return {"x-ms-enum-values": [{"value": str(value), "displayName": label} for value, label in labels.items()]}


def labels_of(names: type[StrEnum]) -> dict[StrEnum, str]:
    """Each name of an enum in words: ``NOT_SET_UP`` is "Not set up"."""
    return {name: name.name.replace("_", " ").capitalize() for name in names}


UserId = Annotated[
    str,
    Field(
        title="User ID",
        description="The object ID of the user in Microsoft Entra ID.",
        json_schema_extra={"format": "uuid"},
    ),
]
UserPrincipalName = Annotated[
    str, Field(title="User Principal Name", description="The name that the user signs in with.")
]
DisplayName = Annotated[
    str | None, Field(title="Display Name", description="The name of the user as the directory shows it.")
]
ChangeCursor = Annotated[
    str,
    Field(
        title="Cursor",
        description="The position of this change in the order of all changes.",
        json_schema_extra={**INTERNAL},
    ),
]
ScanId = Annotated[
    str | None,
    Field(
        title="Scan ID",
        description="The scan that found this; empty if it was a single lookup.",
        json_schema_extra={**INTERNAL},
    ),
]
