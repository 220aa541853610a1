"""Writes the tables of docs/api.md that are derived from the API's description: ``python -m docs.api_tables``.

A table stands between ``<!-- table: name -->`` and ``<!-- end -->``.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from api.models.problems import PROBLEMS
from api.openapi.document import all_definitions, parameters_of
from api.openapi.operations import OPERATIONS, Operation, problems_of
from api.openapi.schemas import Schema

DOCUMENT = Path(__file__).with_name("api.md")
MARKED = re.compile(r"(?P<start><!-- table: (?P<name>[\w /]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)

OPERATION_BY_ID = {operation.operation_id: operation for operation in OPERATIONS}


def main() -> None:
    """Write all of them."""
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


def with_tables(text: str) -> str:
    """The document with every table as the description has it now."""
    return MARKED.sub(lambda found: f"{found['start']}{table(found['name'])}\n{found['end']}", text)


def table(name: str) -> str:
    """One table: ``routes``, ``problems``, or of one operation or model, such as ``parameters ListUsers``."""
    match name.split():
        case ["routes"]:
            return _table(("route", "returns"), [(_link(one), one.description) for one in OPERATIONS])
        case ["problems"]:
            rows = [(str(int(status)), f"`{code}`", meaning) for code, (status, meaning) in PROBLEMS.items()]
            return _table(("status", "`code`", "meaning"), rows)
        case ["parameters", operation_id]:
            return _parameters(OPERATION_BY_ID[operation_id])
        case ["problems", operation_id]:
            return _problems(OPERATION_BY_ID[operation_id])
        case ["members", *paths]:
            return _members(paths)
        case _:
            raise ValueError(f"docs/api.md: there is no table {name!r}")


def title_of(operation: Operation) -> str:
    """The heading of an operation's section."""
    return f"{operation.method.upper()} /api{operation.path}"


def _link(operation: Operation) -> str:
    title = title_of(operation)
    return f"[`{title}`](#{re.sub(r'[^a-z0-9 -]', '', title.lower()).replace(' ', '-')})"


def _parameters(operation: Operation) -> str:
    rows = [
        (f"`{name}`", _default(schema), str(schema["description"]))
        for name, schema in parameters_of(operation).items()
        if schema["in"] == "query"
    ]
    return _table(("query", "default", "meaning"), rows)


def _default(schema: Schema) -> str:
    default = schema.get("default")
    return "-" if default is None else f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _problems(operation: Operation) -> str:
    parts = [
        f"{int(status)} {', '.join(f'`{code}`' for code in codes)}"
        for status, codes in problems_of(operation).items()
        if status not in {401, 403}
    ]
    return f"Problems: {'; '.join(parts)}."


def _members(paths: Iterable[str]) -> str:
    """The members of a model, or of an object in it (``Lookup/availability``); of a second one, only those it adds."""
    known: dict[str, Schema] = {}
    for path in paths:
        model, *names = path.split("/")
        schema = all_definitions()[model]
        for name in names:
            schema = schema["properties"][name]
        members = schema["properties"]
        known = {name: member for name, member in members.items() if name not in known}
    return _table(
        ("member", "type", "meaning"),
        [(f"`{name}`", _type(member), str(member["description"])) for name, member in known.items()],
    )


def _type(member: Schema) -> str:
    words = {"integer": "number", "array": "list", "object": "object"}
    kind = str(member.get("type", "any"))
    kind = "time" if member.get("format") == "date-time" else words.get(kind, kind)
    return f"{kind} or `null`" if member.get("x-nullable") else kind


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        f"| {' | '.join(line)} |" if line is not lines[1] else "|---" * len(header) + "|" for line in lines
    )


if __name__ == "__main__":
    main()
