"""Opaque texts that callers carry from one page to the next: an encoded row key, checked when it comes back."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

MAX_CURSOR_LENGTH = 800


class InvalidCursor(ValueError):
    """The text is not a cursor that the app has issued."""


def change_key_form(row_key_form: re.Pattern[str]) -> re.Pattern[str]:
    """What the key of a change looks like: 14 digits of time, followed by the key of the row that changed if any."""
    return re.compile(rf"\d{{14}}(-({row_key_form.pattern}))?", row_key_form.flags)


def to_cursor(key: str) -> str:
    """The cursor for this key."""
    return urlsafe_b64encode(key.encode()).decode().rstrip("=")


def from_cursor(text: str, form: re.Pattern[str]) -> str:
    """The key of this cursor, which has to match the form. Raises ``InvalidCursor``."""
    try:
        if len(text) > MAX_CURSOR_LENGTH:
            raise InvalidCursor("too long")
        key = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except (ValueError, UnicodeError):
        raise InvalidCursor("should be one that an earlier response returned") from None
    if not form.fullmatch(key) or to_cursor(key) != text:
        raise InvalidCursor("should be one that an earlier response returned")
    return key
