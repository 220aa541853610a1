"""The readme has the sections that certification requires, and describes every action as the designer does."""

import re
import shlex
from pathlib import Path

import pytest

from connector import fill
from connector.steps import STEPS, Step

TEXT = (fill.HERE / "readme.md").read_text(encoding="utf-8")
SECTIONS = [
    "Publisher: Bookings Atlas",
    "Prerequisites",
    "Supported Operations",
    "Obtaining Credentials",
    "Getting Started",
    "Known Issues and Limitations",
    "Frequently Asked Questions",
    "Deployment Instructions",
]


def test_it_has_the_required_sections_in_order() -> None:
    assert re.findall(r"^# (.+)$", TEXT, re.MULTILINE) == ["Bookings Atlas"]
    assert re.findall(r"^## (.+)$", TEXT, re.MULTILINE) == SECTIONS


def test_it_lists_every_action_and_trigger() -> None:
    assert re.findall(r"^### (.+)$", TEXT, re.MULTILINE) == [step.summary for step in STEPS]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.operation_id)
def test_an_action_has_the_description_of_the_designer(step: Step) -> None:
    section = TEXT.partition(f"### {step.summary}\n")[2].partition("\n#")[0]

    assert " ".join(section.split()).startswith(step.description)


def test_its_commands_work(tmp_path: Path) -> None:
    commands = re.findall(r"python connector/fill\.py ((?:[^\n]*\\\n)*[^\n]*)", TEXT)
    for number, command in enumerate(commands):
        arguments = shlex.split(command.replace("\\\n", " "))
        arguments[arguments.index("--out") + 1] = str(tmp_path / str(number))

        assert fill.main(arguments) == 0
    assert len(commands) == len(fill.FILES)
