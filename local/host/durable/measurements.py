"""What limits of Azure a run comes close to: how long activities take, and how large histories grow."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class ActivityMeasurement:
    """The invocations of one activity."""

    invocations: int = 0
    longest_seconds: float = 0.0


@dataclass(slots=True)
class OrchestratorMeasurement:
    """The turns of all orchestrations of one name. Azure replays the complete history in each turn."""

    turns: int = 0
    most_events: int = 0
    largest_request_bytes: int = 0


@dataclass(slots=True)
class Measurements:
    """Measured since the host started, by the name of the function."""

    activities: defaultdict[str, ActivityMeasurement] = field(default_factory=lambda: defaultdict(ActivityMeasurement))
    orchestrators: defaultdict[str, OrchestratorMeasurement] = field(
        default_factory=lambda: defaultdict(OrchestratorMeasurement)
    )

    @contextmanager
    def activity(self, name: str) -> Iterator[None]:
        """Measure one invocation."""
        started = time.monotonic()
        try:
            yield
        finally:
            measured = self.activities[name]
            measured.invocations += 1
            measured.longest_seconds = max(measured.longest_seconds, time.monotonic() - started)

    def add_turn(self, name: str, events: int, request: str) -> None:
        """Add one turn of an orchestration with this many events in its history."""
        measured = self.orchestrators[name]
        measured.turns += 1
        measured.most_events = max(measured.most_events, events)
        measured.largest_request_bytes = max(measured.largest_request_bytes, len(request))

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "activities": {name: asdict(measured) for name, measured in self.activities.items()},
            "orchestrators": {name: asdict(measured) for name, measured in self.orchestrators.items()},
        }
