"""What orchestrations ask for: activities that run, sub-orchestrations that start, timers that fire."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from local.host.durable.history import EventType
from local.host.durable.instances import Execution, Instance, Message, Parent
from local.host.durable.payloads import Payloads, PayloadTooLarge
from local.host.durable.shim import CALL_SUB_ORCHESTRATOR, CREATE_TIMER, Scheduled
from local.host.worker import InvocationFailed, report

type Invoke = Callable[[str, str], Awaitable[str]]


class UnknownFunction(Exception):
    """There is no orchestrator or activity of that name."""


class Refused(Exception):
    """An orchestration cannot be started under this id; the message says why."""


@dataclass(frozen=True, slots=True)
class Functions:
    """The names that orchestrations can call."""

    orchestrators: frozenset[str]
    activities: frozenset[str]

    def must_have_orchestrator(self, name: str) -> None:
        """Raise UnknownFunction in the words of the real extension."""
        _must_know(name, "an orchestrator", self.orchestrators)

    def must_have_activity(self, name: str) -> None:
        """Raise UnknownFunction in the words of the real extension."""
        _must_know(name, "an activity", self.activities)


@dataclass(frozen=True, slots=True)
class Hazards:
    """What production does and a laptop does not, unless asked to.

    `repeat` is the probability with which an activity runs twice, as at-least-once delivery allows; `seed` decides
    which ones, by instance and task, so that a run can be repeated.
    """

    repeat: float = 0.0
    seed: int = 0

    def repeats(self, instance_id: str, task_id: int) -> bool:
        """Tell whether this task is one that runs twice."""
        chance = random.Random(f"{self.seed}/{instance_id}/{task_id}").random()  # noqa: S311 - a test's dice
        return chance < self.repeat


class Hub(Protocol):
    """What tasks need of the engine."""

    def start(self, name: str, instance_id: str | None, input_json: str | None, parent: Parent) -> Instance:
        """Start an orchestration."""

    def tell(self, instance: Instance, execution: Execution, message: Message) -> None:
        """Wake an orchestration with what happened."""


class Tasks:
    """Runs tasks and tells the orchestration that asked for one how it ended."""

    def __init__(
        self,
        hub: Hub,
        functions: Functions,
        run_activity: Invoke,
        concurrent: int,
        hazards: Hazards,
        payloads: Payloads,
    ) -> None:
        self._hub = hub
        self._functions = functions
        self._run_activity = run_activity
        self._slots = asyncio.Semaphore(concurrent)
        self._hazards = hazards
        self._payloads = payloads
        self._running: set[asyncio.Task[None]] = set()

    def check(self, task: Scheduled) -> None:
        """Raise UnknownFunction or PayloadTooLarge for what cannot be asked for."""
        if task.kind == CREATE_TIMER:
            return
        if task.kind == CALL_SUB_ORCHESTRATOR:
            self._functions.must_have_orchestrator(task.name)
        else:
            self._functions.must_have_activity(task.name)
        self._payloads.weigh(task.input_text, task.name, "input")

    def begin(self, instance: Instance, task: Scheduled) -> None:
        """Do what an orchestration asked for."""
        waiting = Parent(instance, instance.execution, task.task_id)
        if task.kind == CREATE_TIMER:
            self._start_timer(waiting, task)
        elif task.kind == CALL_SUB_ORCHESTRATOR:
            waiting.execution.open_tasks.add(task.task_id)
            self._start_child(waiting, task)
        else:
            waiting.execution.open_tasks.add(task.task_id)
            activity = asyncio.get_running_loop().create_task(self._do_activity(waiting, task))
            self._running.add(activity)
            activity.add_done_callback(self._running.discard)

    def finish(self, waiting: Parent, event_type: EventType, **fields: Any) -> None:
        """Tell an orchestration that one of its tasks is done."""
        waiting.execution.open_tasks.discard(waiting.task_id)
        message = Message(event_type, {"TaskScheduledId": waiting.task_id, **fields})
        self._hub.tell(waiting.instance, waiting.execution, message)

    def close(self) -> None:
        """Stop what runs without telling anybody."""
        for activity in self._running:
            activity.cancel()

    def _start_timer(self, waiting: Parent, task: Scheduled) -> None:
        execution, fire_at = waiting.execution, task.fire_at
        if task.cancelled or fire_at is None:
            return
        message = Message(EventType.TIMER_FIRED, {"TimerId": task.task_id, "FireAt": written(fire_at)})

        def fire() -> None:
            execution.timers.pop(task.task_id, None)
            execution.open_tasks.discard(task.task_id)
            self._hub.tell(waiting.instance, execution, message)

        seconds = (fire_at - datetime.now(UTC)).total_seconds()
        execution.open_tasks.add(task.task_id)
        execution.timers[task.task_id] = asyncio.get_running_loop().call_later(max(0.0, seconds), fire)

    def _start_child(self, waiting: Parent, task: Scheduled) -> None:
        instance_id = task.instance_id or f"{waiting.execution.execution_id}:{task.task_id:x}"
        try:
            self._hub.start(task.name, instance_id, json.dumps(task.input_text), waiting)
        except (Refused, PayloadTooLarge) as refusal:
            report(f"sub-orchestration {task.name} ({instance_id})", refusal)
            self.finish(waiting, EventType.SUB_ORCHESTRATION_FAILED, Reason=str(refusal), Details="")

    async def _do_activity(self, waiting: Parent, task: Scheduled) -> None:
        instance_id = waiting.instance.instance_id
        times = 2 if self._hazards.repeats(instance_id, task.task_id) else 1
        async with self._slots:
            try:
                for _ in range(times):
                    result = await self._run_activity(task.name, task.input_text or "null")
                self._payloads.weigh(result, task.name, "output")
            except (InvocationFailed, PayloadTooLarge) as failure:
                report(f"activity {task.name} of {instance_id}", failure)
                reason = f"Activity function '{task.name}' failed: {failure}"
                details = failure.stack if isinstance(failure, InvocationFailed) else ""
                self.finish(waiting, EventType.TASK_FAILED, Reason=reason, Details=details)
            else:
                self.finish(waiting, EventType.TASK_COMPLETED, Result=result)


def written(at: datetime) -> str:
    """Write the time at which a timer fires."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _must_know(name: str, what: str, known: frozenset[str]) -> None:
    if name not in known:
        raise UnknownFunction(
            f"The function '{name}' doesn't exist, is disabled, or is not {what} function. "
            f"Known here: {', '.join(sorted(known)) or 'none'}."
        )
