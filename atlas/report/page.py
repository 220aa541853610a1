"""Renders the report: as the page that the app serves, which holds no data, or as a file with its data inside."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from atlas.domain.adoption import adoption_of
from atlas.domain.scans import Scan
from atlas.domain.shared_pages.findings import RULES
from atlas.domain.user_rows import UserRow
from atlas.exports.csv_file import USERS
from atlas.pages.organization_policy import OrganizationPolicy
from atlas.report.documents import (
    Document,
    adoption_document,
    policy_document,
    scan_document,
    user_details_document,
)

FOLDER = Path(__file__).parent
TEMPLATE = "report.html"
JSON_ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}
"""What could end a script block, or begin a comment in it."""


class Access(StrEnum):
    """How the page is allowed to read the API."""

    KEY = "key"
    """With a function key that the visitor enters; the local host requires none."""
    ENTRA = "entra"
    """With the session of Easy Auth."""
    FILE = "file"
    """It reads no API: its data is inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """The data of a report file."""

    tenant_id: str
    scans: Sequence[Scan]
    """Newest first; the first one is what the rows come from."""
    users: Iterable[UserRow]
    bookings_url: str
    policy: OrganizationPolicy | None = None
    """``None``: it was not read."""
    shared_pages: Sequence[Document] | None = None
    """In the shape of docs/api.md, with the members of a page that is requested individually; ``None``: not read."""

    def documents(self) -> Document:
        """What the page reads instead of the API."""
        users = list(self.users)
        return {
            "tenantId": self.tenant_id,
            "csvColumns": ["TenantId", *USERS.columns],
            "scans": [scan_document(scan) for scan in self.scans],
            "adoption": adoption_document(adoption_of(users)),
            "users": [user_details_document(row, self.bookings_url) for row in users],
            "policy": self.policy and policy_document(self.policy),
            "sharedPages": self.shared_pages,
        }


def render_report(nonce: str, data: ReportData | None = None, access: Access = Access.KEY) -> str:
    """The page. Its policy admits nothing but the scripts and styles with this nonce, and requests to its own origin.

    With ``data``, it is a file that sends no requests at all.
    """
    return _template().render(
        nonce=nonce,
        access=Access.FILE if data else access,
        severities={str(rule.name): str(rule.severity) for rule in RULES},
        policy=content_security_policy(nonce, is_file=data is not None),
        data=Markup(script_json(data.documents())) if data else None,  # noqa: S704 - escaped by script_json
    )


def content_security_policy(nonce: str, *, is_file: bool = False) -> str:
    """The value of the header ``Content-Security-Policy``; a file has it as an element, which allows fewer parts."""
    parts = [
        "default-src 'none'",
        f"script-src 'nonce-{nonce}'",
        f"style-src 'nonce-{nonce}'",
        "img-src data:",  # the empty icon
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join(parts if is_file else [*parts, "connect-src 'self'", "frame-ancestors 'none'"])


def script_json(document: Document) -> str:
    """JSON that is safe inside a script block, whatever the texts in it contain."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str).translate(JSON_ESCAPES)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["source"] = _source
    return environment.get_template(TEMPLATE)


def _source(name: str) -> Markup:
    """A file of this folder that becomes part of the page as it is."""
    return Markup((FOLDER / name).read_text(encoding="utf-8"))  # noqa: S704 - our own file
