"""Records how a scan runs on the real Durable SDK, so that later versions can prove that they replay it.

``python -m tests.orchestrators.recording`` writes ``histories/<version>.json``, once for each release. Running scans
survive a deployment: the new version replays the history of the old one, and has to schedule the same actions.
"""

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from azure.durable_functions import Orchestrator

from atlas.scans.messages import ScanRequest
from orchestrators import names
from tests.orchestrators.conftest import ORCHESTRATORS, SCAN_ID, Tenant, failure

FOLDER = Path(__file__).parent / "histories"
CALL_ACTIVITY, CALL_SUB_ORCHESTRATOR, CONTINUE_AS_NEW, CREATE_TIMER, WHEN_ALL = 0, 2, 4, 5, 12
EXECUTION_STARTED, TASK_SCHEDULED, TASK_COMPLETED, TASK_FAILED = 0, 4, 5, 6
CHILD_CREATED, CHILD_COMPLETED, TIMER_CREATED, TIMER_FIRED = 7, 8, 10, 11
ORCHESTRATOR_STARTED, ORCHESTRATOR_COMPLETED = 12, 13

type Event = dict[str, Any]
type Action = dict[str, Any]


@dataclass
class Generation:
    """One history: from the start, or from continuing as new, to the end."""

    orchestrator: str
    instance_id: str
    input: str
    events: list[Event] = field(default_factory=list)
    turns: list[dict[str, Any]] = field(default_factory=list)
    """For each turn: how many events it receives, how many of them are new, and what it schedules."""

    def response(self, turn: Mapping[str, Any]) -> dict[str, Any]:
        """What the orchestrator of this version responds to a turn, by the real SDK."""
        known = turn["events"] - turn["new"]
        history = [{**event, "IsPlayed": place < known} for place, event in enumerate(self.events[: turn["events"]])]
        body = {
            "history": history,
            "input": self.input,
            "instanceId": self.instance_id,
            "isReplaying": known > 0,
            "parentInstanceId": None,
            "upperSchemaVersion": 1,
            "upperSchemaVersionNew": 2,
        }
        response: dict[str, Any] = json.loads(Orchestrator.create(ORCHESTRATORS[self.orchestrator])(json.dumps(body)))
        return response


def shape(action: Action) -> list[Any]:
    """What must stay the same about an action. Its input may gain fields."""
    name = action.get("functionName") or ""
    instance_id = action.get("instanceId") or ""
    return [action["actionType"], name, instance_id, [shape(one) for one in action.get("compoundActions", ())]]


def actions_of(response: Mapping[str, Any]) -> list[Action]:
    """The actions of a response, in their order."""
    return [action for group in response["actions"] for action in group]


class Recorder:
    """Runs orchestrators on the real SDK over the activities of a test, one completion per turn, the last one first."""

    def __init__(self, activities: Mapping[str, Callable[[Any], Any]]) -> None:
        self.activities = activities
        self.now = datetime(2026, 11, 23, 3, tzinfo=UTC)
        self.generations: list[Generation] = []

    def run(self, orchestrator: str, instance_id: str, input_text: str) -> Any:
        """The result of an orchestration with all its children."""
        while True:
            generation = Generation(orchestrator, instance_id, input_text)
            self.generations.append(generation)
            response = self._run_generation(generation)
            last = actions_of(response)[-1:]
            if not last or last[0]["actionType"] != CONTINUE_AS_NEW:
                return response.get("output")
            input_text = last[0]["input"]

    def _run_generation(self, generation: Generation) -> dict[str, Any]:
        completions: list[Event] = [
            self._event(EXECUTION_STARTED, Name=generation.orchestrator, Input=generation.input, Version=None)
        ]
        scheduled = 0
        while True:
            seen = len(generation.events)
            generation.events += [self._event(ORCHESTRATOR_STARTED), completions.pop(0)]
            turn = {"events": len(generation.events), "new": len(generation.events) - seen}
            response = generation.response(turn)
            generation.turns.append(turn | {"actions": [shape(one) for one in actions_of(response)]})
            leaves = list(leaves_of(actions_of(response)))
            new = leaves[scheduled:]
            generation.events += [self._scheduled_event(scheduled + place, leaf) for place, leaf in enumerate(new)]
            generation.events.append(self._event(ORCHESTRATOR_COMPLETED))
            completions += reversed([self._completed_event(scheduled + place, leaf) for place, leaf in enumerate(new)])
            scheduled = len(leaves)
            if response["isDone"]:
                return response

    def _event(self, event_type: int, event_id: int = -1, **fields: Any) -> Event:
        self.now += timedelta(milliseconds=10)
        return {"EventType": event_type, "EventId": event_id, "Timestamp": self.now.isoformat(), **fields}

    def _scheduled_event(self, task_id: int, leaf: Action) -> Event:
        match leaf["actionType"]:
            case 0:
                return self._event(TASK_SCHEDULED, task_id, Name=leaf["functionName"])
            case 2:
                return self._event(CHILD_CREATED, task_id, Name=leaf["functionName"], InstanceId=leaf["instanceId"])
            case _:
                return self._event(TIMER_CREATED, task_id, FireAt=leaf["fireAt"])

    def _completed_event(self, task_id: int, leaf: Action) -> Event:
        match leaf["actionType"]:
            case 0:
                return self._activity(task_id, leaf)
            case 2:
                output = self.run(leaf["functionName"], leaf["instanceId"], leaf["input"])
                return self._event(CHILD_COMPLETED, TaskScheduledId=task_id, Result=json.dumps(output))
            case _:
                self.now = max(self.now, datetime.fromisoformat(leaf["fireAt"]))
                return self._event(TIMER_FIRED, TimerId=task_id, FireAt=leaf["fireAt"])

    def _activity(self, task_id: int, leaf: Action) -> Event:
        try:
            result = self.activities[leaf["functionName"]](json.loads(leaf["input"]))
        except RuntimeError:
            # As on the Durable Task Scheduler, which loses the text (durabletask-python#562).
            return self._event(TASK_FAILED, TaskScheduledId=task_id, Reason=None, Details=None)
        return self._event(TASK_COMPLETED, TaskScheduledId=task_id, Result=json.dumps(result))


def leaves_of(actions: list[Action]) -> Iterator[Action]:
    """The activities, children and timers that actions consist of, in the order in which they are numbered."""
    for action in actions:
        if action["actionType"] in (WHEN_ALL,):
            yield from leaves_of(action["compoundActions"])
        elif action["actionType"] != CONTINUE_AS_NEW:
            yield action


def eventful_tenant() -> Tenant:
    """A small tenant in whose scan everything happens that changes the course of an orchestration."""
    tenant = Tenant(5, 0, 4)
    tenant.organization = [failure("later", 30.0)]
    tenant.mailboxes = [{"has_next": True}, failure("restart"), {"has_next": True}, {}]
    tenant.policies = [failure("again"), {}]
    tenant.gone = [{"has_next": True, "by_status": {"published": 5}}, {"by_status": {"published": 4}}]
    tenant.shared = {
        names.LIST_BUSINESSES: [{"count": 500, "truncated": True}],
        names.LIST_SHARED_MAILBOXES: [{"count": 1000, "has_next": True}, failure("restart"), {"count": 600}],
        names.INSPECT_SHARED_PAGES: [{"count": 100, "has_next": True}, {"count": 100}],
        names.FIND_CREATORS: [{"has_next": True, "wait_seconds": 4.0}, {}],
    }
    tenant.expired = [{"has_more": True}, {}]
    tenant.probes = [
        {"status": "published", "has_response": True},
        {"reason": "throttled", "wait_seconds": 20.0},
        {"reason": "unreachable"},
        {"reason": "unreachable"},
        {"reason": "unreachable"},
        {"reason": "unreachable"},
    ]
    original, broken = tenant.probe_user, [True]

    def probe(request: dict[str, Any]) -> dict[str, Any]:
        if request["page"] == 3 and broken.pop() if broken else False:
            raise RuntimeError("the worker was lost")
        return original(request)

    tenant.probe_user = probe  # type: ignore[method-assign]
    return tenant


def record() -> list[Generation]:
    """The histories of one eventful scan, children included."""
    recorder = Recorder(eventful_tenant().activities())
    request = ScanRequest(scan_id=SCAN_ID, concurrency=2, scanned_before=True)
    recorder.run(names.SCAN_TENANT, SCAN_ID, json.dumps(request.to_dict()))
    return recorder.generations


def version() -> str:
    """The version of this checkout."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    return str(project["project"]["version"])


def main() -> None:
    """Write the recording of this version."""
    path = FOLDER / f"{version()}.json"
    path.write_text(json.dumps([vars(one) for one in record()], indent=1) + "\n")


if __name__ == "__main__":
    main()
