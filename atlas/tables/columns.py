"""Converts a frozen dataclass to the columns of its row and back: one column per field, none for ``None``."""

import json
from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_pascal

from atlas.domain.records import MalformedRecord, problem_of

MAX_TEXT_LENGTH = 8_000
"""Longer texts are cut: Table Storage stores 64 KiB per column and 1 MiB per row; Azurite has no such limits."""


class Columns[Record]:
    """The codec of one dataclass. Columns are named like their field in PascalCase, unless ``names`` says otherwise.

    Fields in ``as_json`` are stored as JSON text; those in ``left_out`` are not stored.
    """

    def __init__(
        self,
        record: type[Record],
        *,
        names: Mapping[str, str] | None = None,
        as_json: Collection[str] = (),
        left_out: Collection[str] = (),
    ) -> None:
        self._adapter = TypeAdapter(record)
        self._as_json = frozenset(as_json)
        stored = [field for field in fields(record) if field.name not in left_out]  # type: ignore[arg-type]  # a dataclass
        self._names = {field.name: (names or {}).get(field.name) or to_pascal(field.name) for field in stored}
        self._none_if_absent = {
            field.name: None for field in stored if field.default is field.default_factory is MISSING
        }

    def to_columns(self, record: Record) -> dict[str, Any]:
        """The columns of a record."""
        values = self._adapter.dump_python(record, by_alias=True)
        return {
            column: json_text(values[name]) if name in self._as_json else _cell(values[name])
            for name, column in self._names.items()
            if values[name] is not None
        }

    def from_columns(self, columns: Mapping[str, Any], **more: Any) -> Record:
        """The record that ``to_columns`` stored; ``more`` are fields without a column. Raises ``MalformedRecord``."""
        values = {
            name: parse_json(column, columns[column]) if name in self._as_json else plain(columns[column])
            for name, column in self._names.items()
            if columns.get(column) is not None
        }
        try:
            return self._adapter.validate_python(self._none_if_absent | values | more)
        except ValidationError as error:
            raise MalformedRecord(problem_of(error)) from None


def json_text(value: Any) -> str:
    """A value as the JSON text of one column."""
    return json.dumps(value, ensure_ascii=False, default=str)


def parse_json(column: str, text: Any) -> Any:
    """The value of a column that holds JSON. Raises ``MalformedRecord``."""
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        raise MalformedRecord(f"{column} is not valid JSON") from None


def plain(value: Any) -> Any:
    """Return the value; the SDK's subclass of ``datetime`` is converted to a plain ``datetime``."""
    return datetime.fromisoformat(value.isoformat()) if isinstance(value, datetime) else value


def _cell(value: Any) -> Any:
    """The value if Table Storage supports its type, otherwise its text, cut to ``MAX_TEXT_LENGTH``."""
    if isinstance(value, bool | int | float | datetime):
        return value
    return str(value)[:MAX_TEXT_LENGTH]
