"""JSON answers, and the query parameters that routes share."""

import json
from collections.abc import Mapping
from typing import Any

import azure.functions as func

from api.problems import wrong_parameter

BOOLEANS = {"true": True, "false": False}


def json_answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    """A JSON answer that no cache keeps: it may name people."""
    return func.HttpResponse(
        json.dumps(document, ensure_ascii=False),
        status_code=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        mimetype="application/json",
    )


def boolean_parameter(req: func.HttpRequest, name: str, *, default: bool) -> bool:
    """A query parameter that is ``true`` or ``false``, in any case. Raises ``Problem``."""
    text = req.params.get(name)
    if text is None:
        return default
    try:
        return BOOLEANS[text.lower()]
    except KeyError:
        raise wrong_parameter(name, "should be true or false") from None


def number_parameter(req: func.HttpRequest, name: str, *, default: int, most: int) -> int:
    """A query parameter that is a whole number from 1 to ``most``. Raises ``Problem``."""
    text = req.params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= most):
        raise wrong_parameter(name, f"should be a whole number from 1 to {most}")
    return int(text)
