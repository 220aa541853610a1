"""Rows as CSV that spreadsheets open correctly and safely: UTF-8 with BOM, RFC 4180, and no cell is a formula."""

import codecs
import csv
import io
from collections.abc import AsyncIterable
from datetime import datetime
from typing import Any

from api.models.responses import moment_text
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
FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r", "\n")


class TooManyRows(ValueError):
    """The result has more rows than one response may contain."""


async def csv_file(rows: AsyncIterable[UserRow], tenant_id: str, max_rows: int) -> bytes:
    """The file, written row by row into one buffer. Raises ``TooManyRows`` for more than ``max_rows``."""
    buffer = io.BytesIO()
    buffer.write(codecs.BOM_UTF8)
    text = io.TextIOWrapper(buffer, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(("TenantId", "UserId", *COLUMNS))
    count = 0
    async for row in rows:
        count += 1
        if count > max_rows:
            raise TooManyRows(f"the result has more than {max_rows:,} rows")
        entity = KIND.columns.to_columns(row)
        writer.writerow(
            (tenant_id, row.user.user_id, *(cell(entity.get(column)) for column in COLUMNS)),
        )
    return buffer.getvalue()


def cell(value: Any) -> str:
    """A value as a cell; an apostrophe prevents a spreadsheet from running a text as a formula."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return moment_text(value)
        case text:
            return f"'{text}" if str(text).startswith(FORMULA_PREFIXES) else str(text)
