"""The parts of a screen, how it is printed, and how errors are reported.

A screen is a list of parts. Text is printed without wrapping, so that a command in it can be copied; tables wrap.
"""

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from atlas.domain.text import printable

INVALID_ARGUMENT = 2
"""The exit code for invalid arguments and settings."""

GET_STARTED = "docs/register-the-app.md shows how to get these values; docs/settings.md explains all settings."

type Screen = list[Table | Text]


def show(screen: Screen) -> None:
    """Print a screen to standard output: with colours only in a terminal, and without them if NO_COLOR is set."""
    show_on(Console(highlight=False), screen)


def show_on(console: Console, screen: Screen) -> None:
    """Print a screen to this console."""
    for part in screen:
        console.print(part, soft_wrap=isinstance(part, Text))


def print_error(sentence: str) -> None:
    """Print an error to standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(printable(sentence), markup=False)


@contextmanager
def invalid_settings_reported() -> Iterator[None]:
    """Report invalid settings in one message and exit with 2."""
    from atlas.settings import InvalidSettings  # slow to import, and help needs no settings

    try:
        yield
    except InvalidSettings as invalid:
        print_error(str(invalid))
        if "TENANT_ID" in invalid.names.split(", "):
            print_error(GET_STARTED)
        raise SystemExit(INVALID_ARGUMENT) from None


def plain(text: str) -> Text:
    """Text from a remote service, without markup or control characters."""
    return Text(printable(text))


def facts(values: Mapping[str, str | None]) -> Table:
    """Names and values, one per line; values of ``None`` are left out."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in values.items():
        if value:
            table.add_row(name, plain(value.replace("\n", " ")))  # a value cannot forge a line of its own
    return table


def new_table(*columns: str) -> Table:
    """An empty table with these column headers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def status_lines(rows: Iterable[tuple[str, Text, str]]) -> Screen:
    """Names, each with a result, and details on the same line if they fit, otherwise below. No word is ever cut."""
    lines = list(rows)
    width = Console().width
    names = max((len(name) for name, _, _ in lines), default=0)
    results = max((len(result.plain) for _, result, _ in lines), default=0)
    screen: Screen = []
    for name, result, detail in lines:
        line = Text.assemble(f" {name:<{names}}  ", result)
        text = printable(detail)
        if len(text) <= width - names - results - 5:
            screen.append(Text.assemble(line, f"{'':<{results - len(result.plain)}}  {text}"))
        else:
            screen += [line, plain(wrap_text(text, "     "))]
    return screen


def wrap_text(text: str, indent: str = "") -> str:
    """Wrap a text to the width of the terminal and indent each line. A longer word gets a line of its own."""
    lines = textwrap.wrap(
        text,
        Console().width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines)


def show_json(document: object) -> None:
    """Print a JSON document to standard output, and nothing else."""
    print(json.dumps(document, ensure_ascii=False, indent=2, default=str))  # noqa: T201 - the result of the command


def section(title: str, *texts: str) -> Screen:
    """A title with texts below it; nothing if there is no text."""
    return [Text(f"\n{title}", style="bold"), *(plain(text) for text in texts)] if texts else []
