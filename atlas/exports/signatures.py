"""The links that signatures can contain: as CSV for any tool, and as replacement variables for Set-OutlookSignatures.

https://github.com/Set-OutlookSignatures/Set-OutlookSignatures runs a PowerShell file for each mailbox. The file fills
``$ReplaceHash``, and finds the mailbox's link by its mail address.
"""

import codecs
import csv
import io
from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass
from pathlib import Path

from atlas.domain.page_urls import anonymous_url
from atlas.domain.statuses import Status
from atlas.domain.user_rows import UserRow
from atlas.exports.csv_file import cell

CSV_NAME = "bookings-signatures.csv"
SCRIPT_NAME = "bookings-replacement-variables.ps1"
COLUMNS = ("UserPrincipalName", "PrimarySmtpAddress", "Url", "AnonymousUrl")

SCRIPT = Path(__file__).with_name(SCRIPT_NAME)


@dataclass(frozen=True, slots=True)
class SignatureFiles:
    """The files by name, and how many links they contain."""

    files: dict[str, bytes]
    count: int


async def signature_files(rows: AsyncIterable[UserRow]) -> SignatureFiles:
    """The files for the rows whose page works."""
    working = [row async for row in rows if has_working_page(row)]
    files = {CSV_NAME: signatures_csv(working), SCRIPT_NAME: SCRIPT.read_bytes()}
    return SignatureFiles(files, len(working))


def has_working_page(row: UserRow) -> bool:
    """Whether anyone can book on the page. If the status is ``unknown``, the last known status decides."""
    is_published = row.status is Status.PUBLISHED or (
        row.status is Status.UNKNOWN and row.last_known_status is Status.PUBLISHED
    )
    return is_published and row.url is not None


def signatures_csv(rows: Iterable[UserRow]) -> bytes:
    """One line for each page, sorted by user principal name."""
    result = io.StringIO(newline="")
    writer = csv.writer(result, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in sorted(rows, key=lambda row: row.user.upn.lower()):
        url = row.url or ""
        address = row.primary_smtp_address or row.user.mail or row.user.upn
        values = (row.user.upn, address, url, anonymous_url(url))
        writer.writerow([cell(name, value) for name, value in zip(COLUMNS, values, strict=True)])
    return codecs.BOM_UTF8 + result.getvalue().encode()
