"""One orchestration: its status as clients see it, and its current execution."""

import asyncio
import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from local.host.durable.history import EventType, History
from local.host.durable.shim import Action, Scheduled, Shim


class Status(StrEnum):
    """The runtime statuses of Durable Functions that occur here."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    COMPLETED = "Completed"
    FAILED = "Failed"
    TERMINATED = "Terminated"


ENDED = frozenset({Status.COMPLETED, Status.FAILED, Status.TERMINATED})


@dataclass(frozen=True, slots=True)
class Message:
    """A message that wakes an orchestration: the event it becomes in the history."""

    event_type: EventType
    fields: dict[str, Any]


@dataclass(eq=False, slots=True)
class Execution:
    """One generation of an orchestration; continue_as_new starts another."""

    input_json: str | None
    execution_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    history: History = field(default_factory=History)
    sdk: Shim = field(default_factory=lambda: Shim(fails_fast=True))
    fed: int = 0
    actions: list[Action] = field(default_factory=list)
    scheduled: list[Scheduled] = field(default_factory=list)
    open_tasks: set[int] = field(default_factory=set)
    timers: dict[int, asyncio.TimerHandle] = field(default_factory=dict)

    def cancel_timer(self, task_id: int) -> None:
        """Stop one of its timers, if it still runs."""
        if timer := self.timers.pop(task_id, None):
            timer.cancel()
            self.open_tasks.discard(task_id)

    def close(self) -> None:
        """Stop its timers; results that still arrive are dropped."""
        for timer in self.timers.values():
            timer.cancel()
        self.timers.clear()
        self.open_tasks.clear()

    def end(self) -> None:
        """Close it, and keep only what a status query returns: there may be thousands that have ended."""
        self.close()
        self.history.compress()
        self.sdk, self.actions, self.scheduled = Shim(fails_fast=True), [], []


@dataclass(frozen=True, slots=True)
class Parent:
    """The orchestration that waits for a task, and the number of that task."""

    instance: "Instance"
    execution: Execution
    task_id: int


@dataclass(eq=False, slots=True)
class Instance:
    """An orchestration by its instance id."""

    instance_id: str
    name: str
    execution: Execution
    created_at: datetime
    updated_at: datetime
    parent: Parent | None = None
    status: Status = Status.PENDING
    output_json: str | None = None
    custom_status: Any = None
    inbox: list[Message] = field(default_factory=list)
    wake_up: asyncio.TimerHandle | None = None
    in_turn: bool = False
    suspended: bool = False

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self.status in ENDED

    @property
    def runtime_status(self) -> Status:
        """The status that clients see."""
        return Status.SUSPENDED if self.suspended and not self.has_ended else self.status

    def to_dict(
        self, *, show_input: bool, show_history: bool = False, show_history_output: bool = False
    ) -> dict[str, Any]:
        """Its JSON in the status webhook."""
        return {
            "name": self.name,
            "instanceId": self.instance_id,
            "runtimeStatus": str(self.runtime_status),
            "input": json.loads(self.execution.input_json) if show_input and self.execution.input_json else None,
            "customStatus": self.custom_status,
            "output": json.loads(self.output_json) if self.output_json else None,
            "createdTime": self.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lastUpdatedTime": self.updated_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        } | (
            {"historyEvents": self.execution.history.status_events(with_output=show_history_output)}
            if show_history
            else {}
        )
