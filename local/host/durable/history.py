"""The history of an orchestration, as the JSON events that the SDK replays."""

import json
import zlib
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

Event = dict[str, Any]


class EventType(IntEnum):
    """The kinds of history events, by the numbers of the Durable Task Framework."""

    EXECUTION_STARTED = 0
    EXECUTION_COMPLETED = 1
    TASK_SCHEDULED = 4
    TASK_COMPLETED = 5
    TASK_FAILED = 6
    SUB_ORCHESTRATION_CREATED = 7
    SUB_ORCHESTRATION_COMPLETED = 8
    SUB_ORCHESTRATION_FAILED = 9
    TIMER_CREATED = 10
    TIMER_FIRED = 11
    ORCHESTRATOR_STARTED = 12
    ORCHESTRATOR_COMPLETED = 13
    EVENT_RAISED = 15
    CONTINUE_AS_NEW = 16


def timestamp(at: datetime) -> str:
    """Write a time for the history: ISO 8601 in its basic form.

    The SDK spends most of a replay in `dateutil`, which reads this form in three quarters of the time of the usual one.
    """
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


class History:
    """The events of one execution, kept encoded as well: each turn sends them all."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._played = ""
        self._played_count = 0
        self._compressed = b""

    def add(self, event_type: EventType, at: datetime, *, event_id: int = -1, **fields: Any) -> None:
        """Append an event."""
        common = {"EventType": int(event_type), "EventId": event_id, "IsPlayed": False, "Timestamp": timestamp(at)}
        self.events.append(common | fields)

    def to_json(self) -> str:
        """Encode the events for a turn: those added since the last `mark_played` are the new ones."""
        new = ",".join(json.dumps(event) for event in self.events[self._played_count :])
        return f"[{','.join(part for part in (self._played, new) if part)}]"

    def mark_played(self) -> None:
        """Mark every event up to now as replayed."""
        fresh = self.events[self._played_count :]
        for event in fresh:
            event["IsPlayed"] = True
        encoded = ",".join(json.dumps(event) for event in fresh)
        self._played = f"{self._played},{encoded}" if self._played else encoded
        self._played_count = len(self.events)

    def status_events(self, *, with_output: bool) -> list[Event]:
        """The events as a status query with showHistory returns them."""
        names = {EventType.ORCHESTRATOR_STARTED, EventType.ORCHESTRATOR_COMPLETED}
        events = json.loads(zlib.decompress(self._compressed)) if self._compressed else self.events
        return [_status_event(event, with_output=with_output) for event in events if event["EventType"] not in names]

    def compress(self) -> None:
        """Keep the events of an orchestration that has ended in a hundredth of the space; there is no further turn."""
        if not self._compressed:
            self._compressed = zlib.compress(json.dumps(self.events).encode())
            self.events, self._played, self._played_count = [], "", 0


def _status_event(event: Event, *, with_output: bool) -> Event:
    event_type = EventType(event["EventType"])
    when = datetime.fromisoformat(event["Timestamp"]).isoformat().replace("+00:00", "Z")
    shown = {"EventType": "".join(part.title() for part in event_type.name.split("_")), "Timestamp": when}
    for name in ("Name", "FireAt", "Reason", "InstanceId", "TaskScheduledId"):
        if event.get(name) is not None:
            shown[name] = event[name]
    if with_output and event.get("Result") is not None:
        shown["Result"] = json.loads(event["Result"])
    return shown
