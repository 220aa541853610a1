"""Opaque tokens with which callers request the next page: an encoded row key, checked when it comes back."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

MAX_CURSOR_LENGTH = 800


class InvalidCursor(ValueError):
    """The text is not a cursor that the app has issued."""


def change_key_pattern(row_key_pattern: re.Pattern[str]) -> re.Pattern[str]:
    """The pattern of the key of a change: a timestamp of 14 digits, and the key of the row that changed, if any."""
    return re.compile(rf"\d{{14}}(-({row_key_pattern.pattern}))?", row_key_pattern.flags)


def to_cursor(key: str) -> str:
    """The cursor for this key."""
    return urlsafe_b64encode(key.encode()).decode().rstrip("=")


def from_cursor(text: str, pattern: re.Pattern[str]) -> str:
    """The key of this cursor, which has to match the pattern. Raises ``InvalidCursor``."""
    if len(text) > MAX_CURSOR_LENGTH:
        raise InvalidCursor(f"must be at most {MAX_CURSOR_LENGTH:,} characters")
    try:
        key = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except (ValueError, UnicodeError):
        raise InvalidCursor("must be one that an earlier response returned") from None
    if not pattern.fullmatch(key) or to_cursor(key) != text:
        raise InvalidCursor("must be one that an earlier response returned")
    return key
