"""Makes text from remote services safe to store, send and print, and writes times."""

import math
from datetime import UTC, datetime
from typing import Any


def printable(text: str) -> str:
    """The text without characters that would move a terminal's cursor or hide what follows."""
    return "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in text)


def sanitize_json(value: Any) -> Any:
    """A JSON value without lone surrogates, and without numbers that JSON does not have."""
    match value:
        case str():
            return replace_lone_surrogates(value)
        case float() if not math.isfinite(value):
            return str(value)
        case list():
            return [sanitize_json(item) for item in value]
        case dict():
            return {replace_lone_surrogates(name): sanitize_json(item) for name, item in value.items()}
        case _:
            return value


def replace_lone_surrogates(text: str) -> str:
    """The text without lone surrogates, which JSON may contain if a name was cut, but storage and UTF-8 may not."""
    return text.encode("utf-8", "replace").decode()


def moment_text(moment: datetime) -> str:
    """RFC 3339 in UTC, with milliseconds if there are any."""
    utc = moment.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds").replace("+00:00", "Z")
