"""What a route may be asked with: query parameters checked at once, every wrong one named with what is right."""

from typing import Annotated, Any, Self

import azure.functions as func
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from api.problems import Problem, invalid_parameters

PLATFORM_PARAMETERS = frozenset({"code", "clientid"})
"""Azure takes a function key in the query too."""
MAX_VALUE_LENGTH = 1000


def _flag(text: Any) -> bool:
    try:
        return {"true": True, "false": False}[str(text).lower()]
    except KeyError:
        raise ValueError from None


def _digits(text: Any) -> int:
    if not (str(text).isascii() and str(text).isdecimal() and len(str(text)) < 10):
        raise ValueError
    return int(text)


Flag = Annotated[bool, BeforeValidator(_flag)]
"""``true`` or ``false``, in any case."""
Number = Annotated[int, BeforeValidator(_digits)]
"""A whole number in digits."""


class Query(BaseModel):
    """The parameters of one route; each field's description says what its parameter should be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def of(cls, req: func.HttpRequest) -> Self:
        """The parameters of a request. Raises ``Problem`` with all that is wrong; a misspelt name is wrong too."""
        given = {name: value for name, value in req.params.items() if name.lower() not in PLATFORM_PARAMETERS}
        too_long = [
            (name, f"should be at most {MAX_VALUE_LENGTH} characters") for name in given if _is_long(given[name])
        ]
        if too_long:
            raise invalid_parameters(too_long)
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise cls._problem(error.errors()) from None

    @classmethod
    def _problem(cls, details: list[ErrorDetails]) -> Problem:
        return invalid_parameters([(str(detail["loc"][0]), cls._should_be(detail)) for detail in details])

    @classmethod
    def _should_be(cls, detail: ErrorDetails) -> str:
        names = {field.alias or name: field for name, field in cls.model_fields.items()}
        if detail["type"] == "extra_forbidden":
            return f"is no parameter of this route; it takes {', '.join(names) or 'none'}"
        return f"should be {names[str(detail['loc'][0])].description}"


class NoQuery(Query):
    """A route without parameters."""


def _is_long(value: str) -> bool:
    return len(value) > MAX_VALUE_LENGTH
