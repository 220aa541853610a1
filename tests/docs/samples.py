"""Compares a sample of terminal output in a document with the real output."""

import re
from collections.abc import Iterator
from itertools import groupby

from tests.docs.documents import blocks

VOLATILE = {
    r"127\.0\.0\.1:\d+": "127.0.0.1:<port>",
    r"scan-\d{8}T\d{9}-[0-9a-f]{8}": "<scan>",
    r"(?<=IDENTITY_HEADER=)[0-9a-f]+": "<header>",
    r"\d+\.\d s\b": "<seconds> s",
    r"\d{4}-\d\d-\d\d \d\d:\d\d UTC": "<time>",
}
ELLIPSIS = "…"


def terminal_samples(document: str) -> dict[str, str]:
    """The output in each code block that begins with ``$ command``, by command."""
    found = {}
    for block in blocks(document, ""):
        command, _, output = block.partition("\n")
        if command.startswith("$ "):
            assert command not in found, f"{document} shows {command!r} twice"
            found[command.removeprefix("$ ")] = output
    return found


def missing_part(sample: str, output: str) -> str | None:
    """The first part of the sample that the output does not contain in this place; ``None`` if it matches.

    A line with an ellipsis stands for any number of lines. Ports, times and scan IDs may differ.
    """
    lines, position = list(_normalize(output)), 0
    parts = [(is_gap, list(part)) for is_gap, part in groupby(_normalize(sample), ELLIPSIS.__eq__)]
    for number, (is_gap, part) in enumerate(parts):
        if is_gap:
            continue
        starts = range(position, len(lines) - len(part) + 1) if number else (position,)
        start = next((start for start in starts if lines[start : start + len(part)] == part), None)
        if start is None:
            return "\n".join(part)
        position = start + len(part)
    ends_with_gap = bool(parts) and parts[-1][0]
    return None if ends_with_gap or position == len(lines) else "\n".join(lines[position:])


def _normalize(text: str) -> Iterator[str]:
    for pattern, word in VOLATILE.items():
        text = re.sub(pattern, word, text)
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    yield from (line for line in lines if line)
