"""Prints a screen."""

from rich.console import Console
from rich.text import Text

from atlas.report.screens import Screen


def show(screen: Screen) -> None:
    """Print the parts; a text is never wrapped, so that a command in it can be copied whole."""
    console = Console(highlight=False)
    for part in screen:
        console.print(part, soft_wrap=isinstance(part, Text))
