"""Splits a listing into records that can be read and records that cannot: a malformed record affects only itself."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pydantic import ValidationError


class MalformedRecord(ValueError):
    """The record cannot be read; ``str`` names the problem and quotes none of its values."""


@dataclass(frozen=True, slots=True)
class Malformed[Raw]:
    """A record that could not be read, as it was received, and its problem."""

    raw: Raw
    problem: str


@dataclass(frozen=True, slots=True)
class Records[Raw, Record]:
    """The records of a listing, in its order."""

    valid: tuple[Record, ...]
    malformed: tuple[Malformed[Raw], ...]


def parse_records[Raw, Record](raws: Iterable[Raw], parse: Callable[[Raw], Record]) -> Records[Raw, Record]:
    """Parse each record on its own. ``parse`` raises ``MalformedRecord`` or pydantic's ``ValidationError``."""
    valid: list[Record] = []
    malformed: list[Malformed[Raw]] = []
    for raw in raws:
        try:
            valid.append(parse(raw))
        except ValidationError as error:
            malformed.append(Malformed(raw, problem_of(error)))
        except MalformedRecord as error:
            malformed.append(Malformed(raw, str(error)))
    return Records(tuple(valid), tuple(malformed))


def problem_of(error: ValidationError) -> str:
    """Which part of a record is missing or malformed, without its value, which may be personal."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"])) or "the record"
    return f"{where} is {'missing' if first['type'] == 'missing' else 'malformed'}"
