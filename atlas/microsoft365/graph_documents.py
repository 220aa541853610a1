"""What all responses of Microsoft Graph have in common: collections, error codes (docs/microsoft-365.md, section 2)."""

import re
from typing import Any

from atlas.microsoft365.calls import Response
from atlas.microsoft365.failures import NotUnderstood

ERROR_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")
NO_CODE = "without a code"


def records_of(document: Any, what: str) -> list[Any]:
    """The records of a collection. Raises ``NotUnderstood``."""
    records = document.get("value") if isinstance(document, dict) else None
    if not isinstance(records, list):
        raise NotUnderstood(f"Microsoft Graph sent {what} without a list `value`")
    return records


def error_code(response: Response) -> str:
    """The code of an error. It has the form of a name, so that it cannot quote anything."""
    try:
        code = response.json()["error"]["code"]
    except (NotUnderstood, KeyError, TypeError):
        return NO_CODE
    return code if isinstance(code, str) and ERROR_CODE.fullmatch(code) else NO_CODE
