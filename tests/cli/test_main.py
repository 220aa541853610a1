"""The commands as a shell sees them: help that teaches, completion, and colours only where they belong."""

import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
import typer

from atlas.cli.main import app
from tests.e2e.deployment import UNSET

ATLAS = Path(sys.executable).with_name("atlas")
GROUP = typer.main.get_command(app)
OWN = ["scan", "user", "policy", "shared", "doctor", "forget"]
SCRIPT = """
from atlas.cli.screen import show
from atlas.cli.statuses import status_text
from atlas.domain.statuses import Status

show([status_text(Status.PUBLISHED)])
"""
EXAMPLE = re.compile(r"^ +(atlas .+)$", re.MULTILINE)


def help_of(command: str) -> str:
    context = click.Context(GROUP.commands[command], info_name=command, terminal_width=80, max_content_width=80)
    return GROUP.commands[command].get_help(context)


def examples_of(command: str) -> list[str]:
    return EXAMPLE.findall(help_of(command).partition("Examples:")[2])


EXAMPLES = [example for command in OWN for example in examples_of(command)]


@pytest.mark.parametrize("command", OWN)
def test_every_command_has_examples(command):
    examples = examples_of(command)

    assert examples
    assert all(shlex.split(example)[:2] == ["atlas", command] for example in examples)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_accepted_by_the_command(example):
    _, command, *arguments = shlex.split(example)

    context = GROUP.commands[command].make_context(command, arguments)

    assert context.params


@pytest.mark.parametrize("width", [80, 60])
@pytest.mark.parametrize("command", OWN)
def test_help_fits_the_terminal(command, width):
    shown = subprocess.run(
        [ATLAS, command, "--help"],
        env={**os.environ, "COLUMNS": str(width)},
        capture_output=True,
        text=True,
        check=True,
    )

    lines = shown.stdout.splitlines()
    assert [line for line in lines if len(line) > width and not EXAMPLE.fullmatch(line)] == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [("atlas s", "scan"), ("atlas d", "doctor"), ("atlas scan --si", "--signatures"), ("atlas user --js", "--json")],
)
def test_the_shell_completes_commands_and_options(words, expected):
    environment = {
        **os.environ,
        "_ATLAS_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }

    completed = subprocess.run([ATLAS], env=environment, capture_output=True, text=True, check=False)

    assert expected in completed.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_installed(shell):
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}

    shown = subprocess.run(
        [ATLAS, "--show-completion", shell], env=environment, capture_output=True, text=True, check=True
    )

    assert "_ATLAS_COMPLETE" in shown.stdout


@pytest.mark.parametrize(("settings", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)], ids=["", "NO_COLOR"])
def test_colours_are_used_in_a_terminal_unless_they_are_unwanted(settings, coloured):
    environment = {**os.environ, **UNSET, "TERM": "xterm-256color", **settings}
    parent, child = pty.openpty()
    subprocess.run([sys.executable, "-c", SCRIPT], env=environment, stdout=child, check=True)
    os.close(child)
    shown = os.read(parent, 10_000).decode()
    os.close(parent)

    assert ("\x1b[32m" in shown) is coloured
    assert "published" in shown


def test_colours_are_not_used_in_a_file():

    shown = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True)

    assert b"\x1b" not in shown.stdout
