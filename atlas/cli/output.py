"""Prints a screen, or one sentence of why there is none."""

from rich.console import Console
from rich.text import Text

from atlas.cli.screens import Screen
from atlas.domain.text import printable

INVALID_ARGUMENT = 2
"""The exit code of wrong arguments and settings."""


def show(screen: Screen) -> None:
    """Print the parts; a text is never wrapped, so that a command in it can be copied whole."""
    console = Console(highlight=False)
    for part in screen:
        console.print(part, soft_wrap=isinstance(part, Text))


def print_error(sentence: str) -> None:
    """Print why there is nothing to show, where errors are read."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(printable(sentence), markup=False)
