"""Scans that were started by a released version are finished by this one: it replays their histories alike."""

import json

import pytest

from orchestrators import names
from tests.orchestrators.recording import (
    CONTINUE_AS_NEW,
    CREATE_TIMER,
    FOLDER,
    Generation,
    actions_of,
    record,
    shape,
    version,
)

pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads")
RECORDINGS = sorted(FOLDER.glob("*.json"))


def generations_of(path):
    return [Generation(**one) for one in json.loads(path.read_text())]


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_every_turn_of_a_recorded_scan_schedules_the_same(path):
    for generation in generations_of(path):
        for number, turn in enumerate(generation.turns):
            response = generation.response(turn)
            actions = [shape(one) for one in actions_of(response)]
            assert actions == turn["actions"], (generation.orchestrator, generation.instance_id, number)


def test_this_version_has_a_recording():
    assert f"{version()}.json" in {path.name for path in RECORDINGS}, (
        "no history of this version: run python -m tests.orchestrators.recording"
    )


def test_a_recording_contains_whatever_changes_the_course_of_a_scan():
    generations = [one for path in RECORDINGS for one in generations_of(path)]
    last = [one.turns[-1]["actions"] for one in generations]
    everything = str(last)

    assert {one.orchestrator for one in generations} == {names.SCAN_TENANT, names.SCAN_PAGE}
    assert any(actions[-1][0] == CONTINUE_AS_NEW for actions in last if actions)
    assert any(action[0] == CREATE_TIMER for actions in last for action in actions)
    called = {value for name, value in vars(names).items() if name.isupper()} - {names.SCAN_TENANT}
    assert all(name in everything for name in called)
    assert any(event["EventType"] == 6 for one in generations for event in one.events)


def test_a_changed_order_of_steps_is_noticed():
    """The test above can fail: here the history is that of another version."""
    generation = next(one for one in record() if one.orchestrator == names.SCAN_TENANT)
    turn = generation.turns[-1]
    turn["actions"][0][1] = "an_activity_of_another_version"

    assert [shape(one) for one in actions_of(generation.response(turn))] != turn["actions"]
