"""Parses JSON of remote services within limits, so that a hostile document costs neither memory nor the call stack."""

import json
from collections.abc import Iterable
from typing import Any

MAX_DEPTH = 32
"""No response of Microsoft 365 that we read is nested deeper than 10 levels."""
MAX_ITEMS = 100_000


class InvalidJson(ValueError):
    """The document is not JSON, or exceeds a limit; ``str`` says which, and quotes nothing of it."""


class TooManyItems(InvalidJson):
    """The document holds more items than the caller accepts."""


def parse_json(document: bytes, max_items: int = MAX_ITEMS) -> Any:
    """The value of a JSON document. Raises ``InvalidJson``.

    Items are estimated before parsing, by counting the characters that separate them. The estimate is never too low.
    """
    if document.count(b",") + document.count(b"[") + document.count(b"{") > max_items:
        raise TooManyItems(f"more than {max_items:,} items")
    try:
        value = json.loads(document)
    except RecursionError:
        raise InvalidJson(f"nested deeper than {MAX_DEPTH} levels") from None
    except ValueError:
        raise InvalidJson("not JSON") from None
    if _is_deeper_than(MAX_DEPTH, value):
        raise InvalidJson(f"nested deeper than {MAX_DEPTH} levels")
    return value


def _is_deeper_than(max_depth: int, value: Any) -> bool:
    """Compares level by level, without recursion."""
    level = _containers([value])
    for _ in range(max_depth):
        if not level:
            return False
        level = [child for parent in level for child in _containers(_children(parent))]
    return bool(level)


def _children(container: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return container.values() if isinstance(container, dict) else container


def _containers(values: Iterable[Any]) -> list[dict[str, Any] | list[Any]]:
    return [value for value in values if isinstance(value, dict | list)]
