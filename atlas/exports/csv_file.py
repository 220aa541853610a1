"""Rows as CSV that spreadsheets open correctly and safely: UTF-8 with BOM, RFC 4180, and no cell is a formula."""

import codecs
import csv
import gzip
import io
import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, cast

from atlas.domain.shared_pages.rows import SharedPageRow
from atlas.domain.text import moment_text
from atlas.domain.user_rows import UserRow
from atlas.tables import personal_bookings
from atlas.tables.shared_bookings import complete_columns

COLUMNS = (
    "UserPrincipalName",
    "DisplayName",
    "Department",
    "AccountEnabled",
    "UserType",
    "RecipientType",
    "PrimarySmtpAddress",
    "MailboxGuid",
    "Status",
    "Reason",
    "Url",
    "AnonymousUrl",
    "MeetingTypes",
    "Bookable",
    "PolicyVerdict",
    "PolicyReason",
    "Finding",
    "LastKnownStatus",
    "LastKnownAt",
    "CheckedAt",
    "ChangedAt",
    "ScanId",
)
"""The columns of docs/tables.md, section "`PersonalBookings`", in their order."""
SHARED_PAGE_COLUMNS = (
    "PrimarySmtpAddress",
    "Addresses",
    "DisplayName",
    "AccountId",
    "AccountEnabled",
    "HiddenFromAddressLists",
    "CreatedAt",
    "CreatedBy",
    "CreatorProblem",
    "Published",
    "PublicUrl",
    "StaffCount",
    "ServiceCount",
    "KnownTo",
    "Holders",
    "Staff",
    "Services",
    "Finding",
    "FindingDetails",
    "State",
    "CheckedAt",
    "ChangedAt",
    "ScanId",
)
"""The columns of docs/tables.md, section "`SharedBookings`", without those that only the tables need."""
GZIP_LEVEL = 3
"""Most of what a higher level saves, in a fraction of its time."""
JSON_COLUMNS = frozenset({"MeetingTypes", "Addresses", "KnownTo", "Holders", "Staff", "Services", "FindingDetails"})

SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
"""What a formula begins with, also in full width."""
FORMULA_START = re.compile(rf'(?P<before>^|[;\t\r\n])(?=[\s"]*[{SIGNS}])|^(?=[\t\r\n])')
"""Where a formula could begin: at the start of a cell and, in a spreadsheet whose list separator is another, inside."""
FORMULA_SIGN = re.compile(rf'(?P<before>;[\s"\\]*)(?P<sign>[{SIGNS}])')
"""The same in JSON text, which begins with a bracket and contains neither tabs nor line breaks."""


class TooManyRows(ValueError):
    """The result has more rows than one response may contain."""


@dataclass(frozen=True, slots=True)
class CsvLayout[Row]:
    """The columns of a file behind ``TenantId``, and what a row has in them."""

    columns: tuple[str, ...]
    cells_of: Callable[[Row], Mapping[str, Any]]


def _user_cells(row: UserRow) -> Mapping[str, Any]:
    return {"UserId": row.user.user_id, **personal_bookings.KIND.columns.to_columns(row)}


USERS: CsvLayout[UserRow] = CsvLayout(("UserId", *COLUMNS), _user_cells)
SHARED_PAGES: CsvLayout[SharedPageRow] = CsvLayout(SHARED_PAGE_COLUMNS, complete_columns)


async def csv_file[Row](
    rows: AsyncIterable[Row], tenant_id: str, max_rows: int, layout: CsvLayout[Row], *, compressed: bool = False
) -> bytes:
    """The file, or with ``compressed`` its gzip. Raises ``TooManyRows`` for more than ``max_rows``.

    Rows are written and compressed one by one, so that only the result is ever in memory.
    """
    result = io.BytesIO()
    sink = gzip.GzipFile(fileobj=result, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) if compressed else result
    sink.write(codecs.BOM_UTF8)
    text = io.TextIOWrapper(cast("BinaryIO", sink), encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(("TenantId", *layout.columns))
    count = 0
    async for row in rows:
        count += 1
        if count > max_rows:
            raise TooManyRows(f"the result has more than {max_rows:,} rows")
        cells = layout.cells_of(row)
        writer.writerow((tenant_id, *(cell(name, cells.get(name)) for name in layout.columns)))
    text.detach()
    if compressed:
        sink.close()
    return result.getvalue()


async def each[Row](rows: Iterable[Row]) -> AsyncIterator[Row]:
    """Rows that are in memory, for ``csv_file``."""
    for row in rows:
        yield row


def cell(column: str, value: Any) -> str:
    """A value as a cell that no spreadsheet runs as a formula, whatever its list separator.

    Texts get an apostrophe where a formula could begin; JSON gets an escape, so that its meaning stays the same.
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return moment_text(value)
        case text if column in JSON_COLUMNS:
            return FORMULA_SIGN.sub(lambda found: f"{found['before']}\\u{ord(found['sign']):04x}", str(text))
        case text:
            return FORMULA_START.sub(lambda found: f"{found['before'] or ''}'", str(text))
