"""Evaluates the mask for requests: the small part of the Kusto Query Language that ``mask-requests.kql`` uses."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

TOKEN = re.compile(r"\s*(?:'(?P<text>[^']*)'|(?P<number>\d+)|(?P<name>\w+)|(?P<mark>==|[()\[\],]))")
LET = re.compile(
    r"let (?P<name>\w+) = (?:'(?P<text>[^']*)'|\((?P<parameter>\w+): string\) \{(?P<body>.*?)\});", re.DOTALL
)
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "extract": lambda pattern, group, text: found[group] if (found := re.search(pattern, text)) else "",
    "iif": lambda condition, yes, no: yes if condition else no,
    "isempty": lambda text: text == "",
    "parse_json": json.loads,
    "split": lambda text, separator: text.split(separator),
    "strcat": lambda *texts: "".join(texts),
    "tostring": lambda value: value if isinstance(value, str) else json.dumps(value),
    "case": lambda *branches: next(
        (branches[i + 1] for i in range(0, len(branches) - 1, 2) if branches[i]), branches[-1]
    ),
}
"""Functions that Azure Monitor documents as supported in transformations."""


def transform(query: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """The request as it is stored. Raises ``ValueError`` for anything that this evaluator does not know."""
    names: dict[str, Any] = {}
    for let in LET.finditer(query):
        names[let["name"]] = let["text"] if let["text"] is not None else _function(let["parameter"], let["body"], names)
    head, *operators = (part.strip() for part in re.split(r"\n\| ", LET.sub("", query).strip()))
    if head != "source":
        raise ValueError(f"a transformation starts with source, not {head}")
    row = dict(request)
    for operator in operators:
        row |= _extend(operator, names | row)
    return row


def _function(parameter: str, body: str, names: Mapping[str, Any]) -> Callable[[str], Any]:
    return lambda argument: _Expression(body, {**names, parameter: argument}).value()


def _extend(operator: str, names: Mapping[str, Any]) -> dict[str, Any]:
    keyword, _, assignments = operator.partition(" ")
    if keyword != "extend":
        raise ValueError(f"unknown operator {keyword}")
    columns = re.split(r", (?=\w+ = )", assignments)
    return {name: _Expression(text, names).value() for name, text in (column.split(" = ", 1) for column in columns)}


class _Expression:
    """One expression, evaluated from left to right."""

    def __init__(self, text: str, names: Mapping[str, Any]) -> None:
        self.names = names
        self.tokens: list[tuple[str, str]] = []
        position = 0
        while text[position:].strip():
            token = TOKEN.match(text, position)
            if not token:
                raise ValueError(f"not understood: {text[position:]}")
            self.tokens.append((token.lastgroup or "", token[token.lastgroup or 0]))
            position = token.end()

    def value(self) -> Any:
        left = self._operand()
        if self._takes("=="):
            return left == self._operand()
        if self._takes("matches"):
            if not self._takes("regex"):
                raise ValueError("matches without regex")
            return re.search(self._operand(), left) is not None
        return left

    def _operand(self) -> Any:
        kind, text = self.tokens.pop(0)
        if kind == "text":
            return text
        if kind == "number":
            return int(text)
        if kind != "name":
            raise ValueError(f"unexpected {text}")
        value = self._call(text) if self._takes("(") else self.names[text]
        if self._takes("["):
            value = value[self._operand()]
            self.tokens.pop(0)
        return value

    def _call(self, name: str) -> Any:
        arguments = []
        while not self._takes(")"):
            arguments.append(self.value())
            self._takes(",")
        return (self.names[name] if name in self.names else FUNCTIONS[name])(*arguments)

    def _takes(self, text: str) -> bool:
        if self.tokens and self.tokens[0][1] == text and self.tokens[0][0] != "text":
            self.tokens.pop(0)
            return True
        return False
