"""Texts of remote services, made fit to be stored and sent."""

import math
from typing import Any


def printable(text: str) -> str:
    """The text as a terminal may show it: no character of it moves the cursor or hides what follows."""
    return "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in text)


def sanitize_json(value: Any) -> Any:
    """A value of JSON with every text in it whole, and no number that JSON does not know."""
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
    """The text without halves of characters: JSON may hold them, where a name was cut; storage and UTF-8 may not."""
    return text.encode("utf-8", "replace").decode()
