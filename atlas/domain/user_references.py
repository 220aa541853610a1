"""Identifies a user by a string: an object ID, the address of a page, or a UPN."""

from urllib.parse import unquote
from uuid import UUID

from atlas.domain.page_urls import PageAddress, parse_page_url

type UserReference = UUID | PageAddress | str
"""An object ID, the address of a page, or a UPN."""


class InvalidUserReference(ValueError):
    """The text does not identify a user; the message says what would."""


def parse_user_reference(text: str) -> UserReference:
    """The user that an object ID, a pasted page address or a UPN identifies.

    Raises ``InvalidPageUrl`` for an address that is not a personal page's, otherwise ``InvalidUserReference``.
    """
    text = text.strip()
    try:
        return UUID(text)
    except ValueError:
        pass
    if "/" in unquote(unquote(text)):  # a UPN contains none
        return parse_page_url(text)
    name, _, domain = text.rpartition("@")
    if not name or "." not in domain or any(character.isspace() for character in text):
        raise InvalidUserReference(
            "name a user by UPN (adele@contoso.com), Entra object ID, or the address of a personal page"
        )
    return text
