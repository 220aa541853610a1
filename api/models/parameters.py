"""Base classes for the parameters of a route, which are all checked before the route does anything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Self
from urllib.parse import parse_qsl, urlsplit

import azure.functions as func
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from api.models.titles import field_title
from api.problems import Problem, invalid_parameters

PLATFORM_PARAMETERS = frozenset({"code", "clientid", "triggerstate"})
"""Query parameters that the platforms add: the function key, and what Power Automate sends with a trigger."""
MAX_VALUE_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Expected:
    """Describes the valid values, to complete the error message "must be …"."""

    text: str


def _flag(text: Any) -> bool:
    try:
        return {"true": True, "false": False}[str(text).lower()]
    except KeyError:
        raise ValueError from None


def _digits(text: Any) -> int:
    if not (str(text).isascii() and str(text).isdecimal() and len(str(text)) < 10):
        raise ValueError
    return int(text)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError
    return text.strip()


def parse_names[Name: StrEnum](names: Iterable[Name], text: Any) -> list[Name]:
    """Parse comma-separated names, ignoring case. Raises ``ValueError`` if a name is unknown or there is none."""
    known = {name.lower(): name for name in names}
    given = [part.strip().lower() for part in str(text).split(",") if part.strip()]
    if not given or not known.keys() >= set(given):
        raise ValueError
    return [known[name] for name in given]


def names_schema(names: Iterable[StrEnum], labels: Mapping[str, Any]) -> dict[str, Any]:
    """The Swagger schema of a parameter that ``parse_names`` parses."""
    items = {"type": "string", "enum": [*map(str, names)], **labels}
    return {"type": "array", "collectionFormat": "csv", "items": items}


Flag = Annotated[bool, BeforeValidator(_flag)]
"""``true`` or ``false``; case is ignored."""
Digits = BeforeValidator(_digits)
"""Makes an ``int`` accept decimal digits only. In ``Annotated``, constraints come before it."""
Text = Annotated[str, AfterValidator(_not_blank)]
"""Text that is not blank; surrounding whitespace is removed."""


class Parameters(BaseModel):
    """The parameters of one route from one source: its path or its query string."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, field_title_generator=field_title)

    @classmethod
    def parse(cls, values: Mapping[str, str]) -> Self:
        """Validate the parameters. Raises ``Problem``, which names every invalid one and describes its valid values."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise cls._problem(error.errors()) from None

    @classmethod
    def _problem(cls, details: Iterable[ErrorDetails]) -> Problem:
        return invalid_parameters([(str(detail["loc"][0]), cls._message(detail)) for detail in details])

    @classmethod
    def _message(cls, detail: ErrorDetails) -> str:
        fields = {field.alias or name: field for name, field in cls.model_fields.items()}
        if detail["type"] == "extra_forbidden":
            return f"is not a parameter of this route; it takes {', '.join(fields) or 'none'}"
        return f"must be {describe_valid_values(fields[str(detail['loc'][0])])}"


class Query(Parameters):
    """The query parameters of one route. An unknown name is an error, so that a misspelt one is noticed."""

    @classmethod
    def of(cls, req: func.HttpRequest) -> Self:
        """The parameters of a request. Raises ``Problem``."""
        given = query_of(req)
        too_long = [
            (name, f"must be at most {MAX_VALUE_LENGTH} characters")
            for name, value in given.items()
            if len(value) > MAX_VALUE_LENGTH
        ]
        if too_long:
            raise invalid_parameters(too_long)
        return cls.parse(given)


def query_of(req: func.HttpRequest) -> dict[str, str]:
    """The query parameters of a request, without those of the platforms.

    Azure drops blank values before the app sees them, so these are read from the URL: a blank filter must be rejected
    rather than mean "everything".
    """
    given = dict(req.params)
    for name, value in parse_qsl(urlsplit(req.url).query, keep_blank_values=True):
        if not value:
            given.setdefault(name, "")
    return {name: value for name, value in given.items() if name.lower() not in PLATFORM_PARAMETERS}


class NoQuery(Query):
    """A route without query parameters."""


class Path(Parameters):
    """The parameters in the path of one route."""

    @classmethod
    def of(cls, req: func.HttpRequest) -> Self:
        """The parameters of a request. Raises ``Problem``."""
        return cls.parse(req.route_params)


class NoPath(Path):
    """A route without parameters in its path."""


def describe_valid_values(field: FieldInfo) -> str:
    """Describe the valid values of a parameter: by its ``Expected``, or else by its type."""
    described = next((item.text for item in field.metadata if isinstance(item, Expected)), None)
    if described:
        return described
    annotated: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    schema = TypeAdapter(annotated).json_schema()
    match schema.get("anyOf", [schema])[0]:
        case {"type": "integer", "minimum": least, "maximum": most}:
            return f"a whole number from {least} to {most}"
        case {"type": "boolean"}:
            return "true or false"
        case {"const": choice}:
            return str(choice)
        case {"enum": [*choices]}:
            return " or ".join(map(str, choices))
        case {"type": "string", "maxLength": most}:
            return f"at most {most} characters"
        case _:
            return "text that is not blank"
