"""The files that ``atlas scan`` writes its result to."""

import json
import os
import secrets
import sys
from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from atlas.domain.scans import Scan
from atlas.domain.shared_pages.documents import page_details_document
from atlas.domain.shared_pages.filters import SharedPageFilter
from atlas.domain.user_rows import UserRow
from atlas.exports.csv_file import USERS, csv_file
from atlas.exports.signatures import signature_files
from atlas.pages.organization_policy import get_organization_policy
from atlas.report.documents import Document, scan_document, user_details_document
from atlas.report.page import ReportData, render_report
from atlas.resources import Resources
from atlas.shared_pages.listing import iterate_shared_pages

STANDARD_OUTPUT = Path("-")


class UnusableOutput(ValueError):
    """A file cannot be written; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """Where to write the result; ``None``: not at all. ``-`` is the standard output."""

    csv: Path | None = None
    json: Path | None = None
    html: Path | None = None
    signatures: Path | None = None
    """A folder."""

    @property
    def use_standard_output(self) -> bool:
        """Whether the standard output belongs to a result, so that everything else goes to standard error."""
        return STANDARD_OUTPUT in {getattr(self, field.name) for field in fields(self)}

    def check(self) -> None:
        """Check before a long scan that the files can be written after it. Raises ``UnusableOutput``."""
        for name in ("csv", "json", "html"):
            path: Path | None = getattr(self, name)
            if path is None or path == STANDARD_OUTPUT:
                continue
            if path.is_dir():
                raise UnusableOutput(f"--{name} {path}: this is a folder; name a file")
            if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
                raise UnusableOutput(f"--{name} {path}: this file cannot be written")
        if self.signatures == STANDARD_OUTPUT or (self.signatures and self.signatures.is_file()):
            raise UnusableOutput(f"--signatures {self.signatures}: name a folder for the two files")


async def write_outputs(resources: Resources, scans: Sequence[Scan], outputs: Outputs) -> list[str]:
    """Write the files; returns a sentence about each. ``scans`` are newest first."""
    written = []
    if outputs.csv:
        _write(outputs.csv, await csv_file(_rows(resources, scans[0]), resources.tenant_id, sys.maxsize, USERS))
        written.append(f"{outputs.csv}: the users as CSV")
    if outputs.json:
        _write(outputs.json, (json.dumps(await _document(resources, scans[0]), ensure_ascii=False) + "\n").encode())
        written.append(f"{outputs.json}: the users as JSON")
    if outputs.html:
        _write(outputs.html, (await _report(resources, scans)).encode())
        written.append(f"{outputs.html}: the report, for a browser")
    if outputs.signatures:
        signatures = await signature_files(_rows(resources, scans[0]))
        outputs.signatures.mkdir(parents=True, exist_ok=True)
        for name, content in signatures.files.items():
            _write(outputs.signatures / name, content)
        written.append(f"{outputs.signatures}: links to {signatures.count:,} pages, for signatures")
    return written


async def _rows(resources: Resources, scan: Scan) -> AsyncIterable[UserRow]:
    """The users of the tenant or, after a scan of named users, only those; without users who are gone."""
    async for stored in resources.rows.iterate():
        if stored.row.status != "gone" and (scan.covers_tenant or stored.row.scan_id == scan.scan_id):
            yield stored.row


async def _document(resources: Resources, scan: Scan) -> dict[str, object]:
    users = [user_details_document(row, resources.bookings_url) async for row in _rows(resources, scan)]
    return {"scan": scan_document(scan), "value": users, "sharedPages": await _shared_pages(resources)}


async def _shared_pages(resources: Resources) -> list[Document] | None:
    """Every shared page with its staff, services and findings; ``None`` if they were not read."""
    if not resources.shared_pages:
        return None
    return [page_details_document(row) async for row in iterate_shared_pages(resources, SharedPageFilter())]


async def _report(resources: Resources, scans: Sequence[Scan]) -> str:
    data = ReportData(
        tenant_id=resources.tenant_id,
        scans=[scan for scan in scans if scan is scans[0] or scan.covers_tenant],
        users=[row async for row in _rows(resources, scans[0])],
        bookings_url=resources.bookings_url,
        policy=await get_organization_policy(resources),
        shared_pages=await _shared_pages(resources),
    )
    return render_report(secrets.token_urlsafe(16), data)


def _write(path: Path, content: bytes) -> None:
    if path == STANDARD_OUTPUT:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    else:
        path.write_bytes(content)
