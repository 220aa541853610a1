"""Reads the documents: their code, their sections, their tables, their links."""

import re
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")])
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (?P<title>.+)$", re.MULTILINE)


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


def prose_of(text: str) -> str:
    return FENCE.sub("", text)


def code_of(text: str) -> list[str]:
    """Every code block and code span."""
    return [found["code"] for found in FENCE.finditer(text)] + re.findall(r"`([^`\n]+)`", prose_of(text))


def blocks(name: str, language: str) -> list[str]:
    return [found["code"] for found in FENCE.finditer(text_of(name)) if found["language"] == language]


def titles_of(text: str) -> list[str]:
    return [found["title"] for found in HEADING.finditer(prose_of(text))]


def links_of(text: str) -> list[str]:
    return [found["target"] for found in LINK.finditer(prose_of(text))]


def section_of(name: str, heading: str) -> str:
    """The text below one heading, up to the next of its level or above."""
    marks = heading.split()[0]
    _, found, rest = f"\n{text_of(name)}".partition(f"\n{heading}\n")
    assert found, f"{name} has no heading {heading!r}"
    return re.split(rf"^#{{1,{len(marks)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def table_of(text: str, first_header: str) -> list[list[str]]:
    """The rows of the one table whose first column has this header; their first cell without its code marks or link."""
    tables = [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        for block in re.findall(r"(?:^\|.+\n)+", f"{prose_of(text)}\n", re.MULTILINE)
    ]
    found = [rows for header, _, *rows in tables if header[0].strip("`") == first_header]
    assert len(found) == 1, f"{len(found)} tables begin with {first_header!r}"
    return [[_plain(row[0]), *row[1:]] for row in found[0]]


def only_once(names: Iterable[str]) -> set[str]:
    named = list(names)
    assert len(named) == len(set(named)), f"some names are listed twice: {sorted(named)}"
    return set(named)


def _plain(cell: str) -> str:
    return re.sub(r"\[(.+?)\]\(.+?\)", r"\1", cell).strip("`")
