"""The addresses of personal Bookings pages: built in one form, parsed in every form in use."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote
from uuid import UUID

PERSONAL_PAGE = re.compile(
    r"/bookwithme/(?:user/)?(?P<guid>[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@(?P<domain>[^/?#@\s]+)"
    r"(?:/meetingtype/(?P<type_id>[^/?#]+))?",
    re.IGNORECASE,
)
SHORT_LINK = re.compile(r"(?:https?:/{1,2})?(?:www\.)?book\.ms(?:[/?#:]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PageAddress:
    """The contents of the address of a personal page: the mailbox, and the meeting type if it names one."""

    mailbox_guid: UUID
    domain: str
    meeting_type_id: str | None = None
    is_private_link: bool = False
    """Whether the link contains a code that opens a private meeting type."""


class InvalidPageUrl(ValueError):
    """The text is not the address of a personal Bookings page; the message says why."""


def page_url(bookings_url: str, mailbox_guid: UUID, domain: str) -> str:
    """The address of a personal page: lower case after the host, with a literal ``@``."""
    return f"{bookings_url}/bookwithme/user/{mailbox_guid.hex}@{domain.lower()}"


def anonymous_url(url: str) -> str:
    """The address that opens the page without sign-in."""
    return f"{url}?anonymous"


def meeting_type_url(url: str, type_id: str) -> str:
    """The address of one public meeting type on the page at ``url``."""
    return f"{url}/meetingtype/{quote(type_id, safe='')}?anonymous&ep=mlink"


def domain_of(address: str | None) -> str | None:
    """The part of a mail address or UPN after its last ``@``, lower case; ``None`` if there is none."""
    _, at, domain = (address or "").rpartition("@")
    return domain.lower() if at and domain else None


def parse_page_url(text: str) -> PageAddress:
    """Parse a pasted address with any host, percent-encoding (once or twice), letter case and query.

    Raises ``InvalidPageUrl`` for anything else; ``book.ms`` short links do not identify a user.
    """
    plain = unquote(unquote(text.strip()))
    if SHORT_LINK.match(plain):
        raise InvalidPageUrl(
            "a book.ms short link does not identify a user: open it, and paste the address that it leads to"
        )
    found = PERSONAL_PAGE.search(plain)
    if not found:
        raise InvalidPageUrl(
            "this is not the address of a personal Bookings page, which contains "
            "/bookwithme/user/{mailbox GUID}@{domain}"
        )
    is_private_link = "bookingcode=" in plain.lower()
    return PageAddress(UUID(found["guid"]), found["domain"].lower(), found["type_id"], is_private_link)
