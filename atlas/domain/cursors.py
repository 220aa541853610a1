"""Opaque texts that callers carry from one page to the next: a key in disguise, checked when it comes back."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

USER_KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}!?")
CHANGE_KEY = re.compile(r"\d{14}(-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?")
LONGEST = 200


class InvalidCursor(ValueError):
    """The text is none that we have handed out."""


def to_cursor(key: str) -> str:
    """The text for this key."""
    return urlsafe_b64encode(key.encode()).decode().rstrip("=")


def from_cursor(text: str, form: re.Pattern[str]) -> str:
    """The key of this text, which has to be of this form. Raises ``InvalidCursor``."""
    try:
        if len(text) > LONGEST:
            raise InvalidCursor("too long")
        key = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except (ValueError, UnicodeError):
        raise InvalidCursor("should be one that an earlier answer gave") from None
    if not form.fullmatch(key) or to_cursor(key) != text:
        raise InvalidCursor("should be one that an earlier answer gave")
    return key
