"""The titles that the designer of a flow shows for fields and objects, made of their names."""

import re
from typing import Any

ACRONYMS = frozenset({"ews", "guid", "id", "ids", "ok", "owa", "smtp", "url"})


def field_title(name: str, _field: Any) -> str:
    """``mailbox_guid`` is "Mailbox GUID"."""
    return " ".join(_word(word) for word in name.split("_"))


def model_title(model: type) -> str:
    """``SharedPage`` is "Shared Page"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", model.__name__)


def _word(word: str) -> str:
    if word in ACRONYMS:
        return "IDs" if word == "ids" else word.upper()
    return word.capitalize()
