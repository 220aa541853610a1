"""The tasks of orchestrations: activities that run, sub-orchestrations that start, timers that fire."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from local.host.durable.hazards import Hazards, InvocationKilled, run_until_killed
from local.host.durable.history import EventType
from local.host.durable.instances import Execution, Instance, Message, Parent
from local.host.durable.payloads import PayloadRefused, Payloads
from local.host.durable.shim import CALL_SUB_ORCHESTRATOR, CREATE_TIMER, Scheduled
from local.host.worker import InvocationFailed, report

type Invoke = Callable[[str, str], Coroutine[Any, Any, str]]


class UnknownFunction(Exception):
    """There is no orchestrator or activity of that name."""


class Refused(Exception):
    """An orchestration cannot be started under this id; the message says why."""


@dataclass(frozen=True, slots=True)
class Functions:
    """The functions that orchestrations can call, by name; case is ignored."""

    orchestrators: frozenset[str]
    activities: frozenset[str]

    def check_orchestrator(self, name: str) -> None:
        """Raise UnknownFunction with the real extension's message."""
        _check_known(name, "an orchestrator", self.orchestrators)

    def check_activity(self, name: str) -> None:
        """Raise UnknownFunction with the real extension's message."""
        _check_known(name, "an activity", self.activities)


class Hub(Protocol):
    """The part of the engine that tasks use."""

    def start(self, name: str, instance_id: str | None, input_json: str | None, parent: Parent) -> Instance:
        """Start an orchestration."""

    def send(self, instance: Instance, execution: Execution, message: Message) -> None:
        """Wake an orchestration with a message."""


class Tasks:
    """Runs tasks and sends their results to the orchestrations that scheduled them."""

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
        """Raise UnknownFunction or PayloadRefused for a task that cannot be scheduled."""
        if task.kind == CREATE_TIMER:
            return
        if task.kind == CALL_SUB_ORCHESTRATOR:
            self._functions.check_orchestrator(task.name)
        else:
            self._functions.check_activity(task.name)
        self._payloads.check(task.input_text, task.name, "input")

    def begin(self, instance: Instance, task: Scheduled) -> None:
        """Start a task that an orchestration scheduled."""
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
        """Send an orchestration the result of one of its tasks."""
        waiting.execution.open_tasks.discard(waiting.task_id)
        message = Message(event_type, {"TaskScheduledId": waiting.task_id, **fields})
        self._hub.send(waiting.instance, waiting.execution, message)

    def close(self) -> None:
        """Cancel what runs, without results."""
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
            self._hub.send(waiting.instance, execution, message)

        seconds = (fire_at - datetime.now(UTC)).total_seconds() / self._hazards.timer_speed
        execution.open_tasks.add(task.task_id)
        execution.timers[task.task_id] = asyncio.get_running_loop().call_later(max(0.0, seconds), fire)

    def _start_child(self, waiting: Parent, task: Scheduled) -> None:
        instance_id = task.instance_id or f"{waiting.execution.execution_id}:{task.task_id:x}"
        try:
            self._hub.start(task.name, instance_id, json.dumps(task.input_text), waiting)
        except (Refused, PayloadRefused) as refusal:
            report(f"sub-orchestration {task.name} ({instance_id})", refusal)
            self.finish(waiting, EventType.SUB_ORCHESTRATION_FAILED, Reason=str(refusal), Details="")

    async def _do_activity(self, waiting: Parent, task: Scheduled) -> None:
        instance_id = waiting.instance.instance_id
        async with self._slots:
            event_type, fields = await self._result_of(instance_id, task)
        if delay := self._hazards.delay_seconds(instance_id, task.task_id):
            await asyncio.sleep(delay)
        self.finish(waiting, event_type, **fields)

    async def _result_of(self, instance_id: str, task: Scheduled) -> tuple[EventType, dict[str, Any]]:
        try:
            result = await self._deliver(instance_id, task)
            self._payloads.check(result, task.name, "output")
        except (InvocationFailed, PayloadRefused) as failure:
            report(f"activity {task.name} of {instance_id}", failure)
            reason = f"Activity function '{task.name}' failed: {failure}"
            details = failure.stack if isinstance(failure, InvocationFailed) else ""
            return EventType.TASK_FAILED, {"Reason": reason, "Details": details}
        return EventType.TASK_COMPLETED, {"Result": result}

    async def _deliver(self, instance_id: str, task: Scheduled) -> str:
        argument = task.input_text or "null"
        if self._hazards.kills(instance_id, task.task_id):
            steps = self._hazards.steps_before_kill(instance_id, task.task_id)
            with contextlib.suppress(InvocationKilled):
                await run_until_killed(self._run_activity(task.name, argument), steps)
        if self._hazards.repeats(instance_id, task.task_id):
            with contextlib.suppress(InvocationFailed):
                await self._run_activity(task.name, argument)
        return await self._run_activity(task.name, argument)


def written(at: datetime) -> str:
    """The time at which a timer fires, as text."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _check_known(name: str, what: str, known: frozenset[str]) -> None:
    if name.lower() not in {function.lower() for function in known}:
        raise UnknownFunction(
            f"The function '{name}' doesn't exist, is disabled, or is not {what} function. "
            f"Known here: {', '.join(sorted(known)) or 'none'}."
        )
