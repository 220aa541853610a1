"""Who is meant by a text: an object id, the address of a page, or a UPN."""

from urllib.parse import unquote
from uuid import UUID

from atlas.domain.page_urls import PageAddress, parse_page_url

type UserReference = UUID | PageAddress | str
"""An object id, the address of a page, or a UPN."""


class InvalidUserReference(ValueError):
    """The text names nobody; the message says what would."""


def parse_user_reference(text: str) -> UserReference:
    """Who is meant by an object id, a pasted page address or a UPN.

    Raises ``InvalidPageUrl`` for an address that is none of a personal page, else ``InvalidUserReference``.
    """
    text = text.strip()
    try:
        return UUID(text)
    except ValueError:
        pass
    if "/" in unquote(unquote(text)):  # no UPN holds one
        return parse_page_url(text)
    name, _, domain = text.rpartition("@")
    if not name or "." not in domain or any(character.isspace() for character in text):
        raise InvalidUserReference(
            "name a user by UPN (adele@contoso.com), Entra object id, or the address of a personal page"
        )
    return text
