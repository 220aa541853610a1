"""The tables ``SharedBookings`` and ``SharedBookingsChanges``: shared pages, and their changes."""

import json
import logging
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from atlas.domain.shared_pages.changes import SharedPageChange
from atlas.domain.shared_pages.filters import SharedPageFilter
from atlas.domain.shared_pages.holders import Holder, fit_holders
from atlas.domain.shared_pages.rows import PageState, SharedPageRow
from atlas.tables.change_feed import ChangeFeed
from atlas.tables.columns import Columns, parse_json
from atlas.tables.kinds import Kind
from atlas.tables.outbox import Outbox
from atlas.tables.paging import RowsFilter
from atlas.tables.personal_bookings import OBJECT_ID
from atlas.tables.rows import RowTable, Stored

log = logging.getLogger(__name__)

SHARED_BOOKINGS = "SharedBookings"
SHARED_BOOKINGS_CHANGES = "SharedBookingsChanges"

LISTS = ("staff", "services", "holders", "findings")
"""Fields that may be too long for one column; each is JSON, continued in columns with a number behind the name."""
COLUMN_LENGTH = 32_000
"""Characters of ASCII; a column holds 64 KiB of UTF-16."""
MAX_HOLDERS_LENGTH = 12 * COLUMN_LENGTH
"""A row holds 1 MiB of UTF-16 altogether."""
MAX_LIST_COLUMNS = 4
"""How many columns any other list may fill."""


class SharedPageColumns(Columns[SharedPageRow]):
    """The columns that docs/tables.md lists."""

    def __init__(self) -> None:
        super().__init__(
            SharedPageRow,
            names={"key": "RowKey", "address": "PrimarySmtpAddress"},
            as_json=("addresses", "known_to"),
            left_out=LISTS,
        )
        self._codecs: dict[str, TypeAdapter[Any]] = {
            name: TypeAdapter(SharedPageRow.__annotations__[name]) for name in LISTS
        }

    def to_columns(self, record: SharedPageRow) -> dict[str, Any]:
        """The columns of a row; those derived from others are for readers of the table."""
        columns = super().to_columns(record)
        for name in LISTS:
            values = getattr(record, name)
            if values is not None:
                columns |= _split(name, self._text(name, values))
        if record.staff is not None:
            columns["StaffCount"] = len(record.staff)
        if record.services is not None:
            columns["ServiceCount"] = len(record.services)
        if record.findings:
            columns["Finding"] = " ".join(found.name for found in record.findings)
        return columns

    def from_columns(self, columns: Mapping[str, Any], **more: Any) -> SharedPageRow:
        """The row that ``to_columns`` stored. Raises ``MalformedRecord``."""
        texts = {name: _join_columns(name, columns) for name in LISTS}
        lists = {name: parse_json(_column(name), text) for name, text in texts.items() if text}
        return super().from_columns(columns, **lists, **more)

    def _text(self, name: str, values: tuple[Any, ...]) -> str:
        """The JSON of a list; if the row cannot hold all of it, of as much as fits."""
        limit = MAX_HOLDERS_LENGTH if name == "holders" else MAX_LIST_COLUMNS * COLUMN_LENGTH
        stored = values
        while len(text := json.dumps(self._codecs[name].dump_python(stored, mode="json", exclude_none=False))) > limit:
            stored = _shorten(stored, len(stored) * limit // len(text))
        if stored != values:
            log.warning("the %s of a row are too many: %d of %d are stored", name, len(stored), len(values))
        return text


def _shorten(values: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    return fit_holders(values, count) if values and isinstance(values[0], Holder) else values[:count]


def _column(name: str) -> str:
    return "FindingDetails" if name == "findings" else name.capitalize()


def _split(name: str, text: str) -> dict[str, str]:
    parts = [text[start : start + COLUMN_LENGTH] for start in range(0, len(text), COLUMN_LENGTH)]
    return {f"{_column(name)}{number if number > 1 else ''}": part for number, part in enumerate(parts, start=1)}


def _join_columns(name: str, columns: Mapping[str, Any]) -> str:
    text, number = str(columns.get(_column(name)) or ""), 2
    while part := columns.get(f"{_column(name)}{number}"):
        text, number = text + str(part), number + 1
    return text


KIND = Kind(
    table=SHARED_BOOKINGS,
    columns=SharedPageColumns(),
    key_of=lambda row: row.key,
    key_pattern=OBJECT_ID,
    changes_table=SHARED_BOOKINGS_CHANGES,
    change_columns=Columns(SharedPageChange, names={"key": "PageKey", "holder": "Holder"}, as_json=("access",)),
    changed_key_of=lambda change: change.key,
)


def complete_columns(row: SharedPageRow) -> dict[str, Any]:
    """The columns of a row, with each list complete in one column: for files, whose cells have no limit."""
    columns = KIND.columns.to_columns(row)
    return columns | {_column(name): _join_columns(name, columns) for name in LISTS if getattr(row, name) is not None}


type StoredPage = Stored[SharedPageRow, SharedPageChange]
type SharedPageRows = RowTable[SharedPageRow, SharedPageChange]
type SharedPageChanges = ChangeFeed[SharedPageRow, SharedPageChange]
type SharedPageOutbox = Outbox[SharedPageRow, SharedPageChange]


def rows_filter(wanted: SharedPageFilter) -> RowsFilter[SharedPageRow]:
    """The filter, with the part of it that storage can evaluate, so that fewer rows are transferred."""
    values: dict[str, Any] = {"state": str(wanted.state or PageState.PRESENT)}
    where = " and ( State eq @state )"
    if wanted.published is not None:
        values["published"] = wanted.published
        where += " and ( Published eq @published )"
    return RowsFilter(wanted.matches, where, values)
