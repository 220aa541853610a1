"""Rows as CSV that spreadsheets open correctly and safely: UTF-8 with BOM, RFC 4180, and no cell is a formula."""

import codecs
import csv
import gzip
import io
import re
from collections.abc import AsyncIterable
from datetime import datetime
from typing import Any, BinaryIO, cast

from atlas.domain.text import moment_text
from atlas.domain.user_rows import UserRow
from atlas.tables.personal_bookings import KIND

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
GZIP_LEVEL = 3
"""Most of what a higher level saves, in a fraction of its time."""
JSON_COLUMNS = frozenset({"MeetingTypes"})

SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
"""What a formula begins with, also in full width."""
FORMULA_START = re.compile(rf'(?P<before>^|[;\t\r\n])(?=[\s"]*[{SIGNS}])|^(?=[\t\r\n])')
"""Where a formula could begin: at the start of a cell and, in a spreadsheet whose list separator is another, inside."""
FORMULA_SIGN = re.compile(rf'(?P<before>;[\s"\\]*)(?P<sign>[{SIGNS}])')
"""The same in JSON text, which begins with a bracket and contains neither tabs nor line breaks."""


class TooManyRows(ValueError):
    """The result has more rows than one response may contain."""


async def csv_file(rows: AsyncIterable[UserRow], tenant_id: str, max_rows: int, *, compressed: bool = False) -> bytes:
    """The file, or with ``compressed`` its gzip. Raises ``TooManyRows`` for more than ``max_rows``.

    Rows are written and compressed one by one, so that only the result is ever in memory.
    """
    result = io.BytesIO()
    sink = gzip.GzipFile(fileobj=result, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) if compressed else result
    sink.write(codecs.BOM_UTF8)
    text = io.TextIOWrapper(cast("BinaryIO", sink), encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(("TenantId", "UserId", *COLUMNS))
    count = 0
    async for row in rows:
        count += 1
        if count > max_rows:
            raise TooManyRows(f"the result has more than {max_rows:,} rows")
        entity = KIND.columns.to_columns(row)
        writer.writerow((tenant_id, row.user.user_id, *(cell(name, entity.get(name)) for name in COLUMNS)))
    text.detach()
    if compressed:
        sink.close()
    return result.getvalue()


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
