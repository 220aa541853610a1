"""Evaluates workflow expressions such as ``@equals(…)``: the subset that the recipes use.

Power Automate calls the language Workflow Definition Language. An unknown function is an error.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

TOKEN = re.compile(r"\s*(?:'(?P<text>(?:[^']|'')*)'|(?P<name>\w+)|(?P<symbol>\?\[|[\[\](),]))")
EMBEDDED = re.compile(r"@\{(.+?)\}")

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "equals": lambda one, other: one == other,
    "empty": lambda value: value is None or len(value) == 0,
    "coalesce": lambda *values: next((value for value in values if value is not None), None),
    "concat": lambda *values: "".join("" if value is None else str(value) for value in values),
    "contains": lambda values, value: value in values,
    "createArray": lambda *values: list(values),
    "encodeUriComponent": lambda text: quote(text, safe=""),
    "if": lambda condition, then, other: then if condition else other,
    "not": lambda condition: not condition,
    "take": lambda values, count: values[:count],
    "first": lambda values: values[0] if values else None,
    "join": lambda values, separator: separator.join(map(str, values)),
    "replace": lambda text, old, new: text.replace(old, new),
    "substring": lambda text, start, length: text[start : start + length],
}


@dataclass(frozen=True)
class Run:
    """The values of one flow run that expressions can refer to."""

    outputs: Mapping[str, Any] = field(default_factory=dict)
    """The outputs of each step by its name; a response has its body under ``body``."""
    trigger: Any = None
    item: Any = None
    variables: Mapping[str, Any] = field(default_factory=dict)

    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """All functions: those that read values of this run, and those that use only their arguments."""
        return {
            **FUNCTIONS,
            "outputs": lambda name: self.outputs[name],
            "body": lambda name: self.outputs[name]["body"],
            "triggerBody": lambda: self.trigger,
            "item": lambda: self.item,
            "items": lambda _: self.item,
            "variables": lambda name: self.variables[name],
        }


def evaluate(expression: str, run: Run) -> Any:
    """The value of ``@…``."""
    assert expression.startswith("@"), expression
    parser = _Parser(expression[1:].strip(), run)
    value = parser.value()
    assert not parser.rest(), f"unexpected {parser.rest()!r} at the end of {expression}"
    return value


def render(text: str, run: Run) -> str:
    """Replace every ``@{…}`` in a text with its value."""
    return EMBEDDED.sub(lambda found: str(evaluate(f"@{found[1]}", run)), text)


class _Parser:
    def __init__(self, text: str, run: Run) -> None:
        self._text = text
        self._place = 0
        self._functions = run.functions()

    def rest(self) -> str:
        return self._text[self._place :].strip()

    def value(self) -> Any:
        token = self._next()
        if (text := token["text"]) is not None:
            return text.replace("''", "'")
        if token["name"] and token["name"].isdecimal():
            return int(token["name"])
        assert token["name"] in self._functions, f"unknown function {token[0]!r} in {self._text}"
        self._expect("(")
        found = self._functions[token["name"]](*self._arguments())
        while self._peek() in {"[", "?["}:
            may_be_missing = self._next()["symbol"] == "?["
            found = _member(found, self._next()["text"], may_be_missing=may_be_missing)
            self._expect("]")
        return found

    def _arguments(self) -> list[Any]:
        arguments: list[Any] = []
        while self._peek() != ")":
            arguments.append(self.value())
            if self._peek() == ",":
                self._next()
        self._expect(")")
        return arguments

    def _peek(self) -> str | None:
        found = TOKEN.match(self._text, self._place)
        return found["symbol"] if found else None

    def _next(self) -> re.Match[str]:
        found = TOKEN.match(self._text, self._place)
        assert found, f"unexpected {self.rest()!r} in {self._text}"
        self._place = found.end()
        return found

    def _expect(self, symbol: str) -> None:
        token = self._next()
        assert token["symbol"] == symbol, f"expected {symbol!r} before {self.rest()!r} in {self._text}"


def _member(value: Any, path: str, *, may_be_missing: bool) -> Any:
    """Follow a path through nested objects: ``body/url`` is the member ``url`` of the member ``body``."""
    for name in path.split("/"):
        if may_be_missing and (value is None or name not in value):
            return None
        value = value[name]
    return value
