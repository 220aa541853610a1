"""The durable task hub in memory: starts orchestrations, wakes them when something happened, runs what they ask for."""

import asyncio
import json
import logging
import random
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.host.durable import turns
from local.host.durable.history import EventType
from local.host.durable.instances import Execution, Instance, Message, Parent, Status
from local.host.durable.payloads import Payloads, PayloadTooLarge, weigh_status
from local.host.durable.shim import CALL_SUB_ORCHESTRATOR, CREATE_TIMER, NotSimulated, Scheduled
from local.host.worker import InvocationFailed, own_frames, report

log = logging.getLogger("local.host")

type Invoke = Callable[[str, str], Awaitable[str]]


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


class UnknownFunction(Exception):
    """There is no orchestrator of that name."""


class AlreadyRunning(Exception):
    """An instance of that id is still running."""


class BadInstanceId(Exception):
    """An id that Azure would refuse."""


class Engine:
    """A task hub: `activities` and `orchestrators` are the names there are, the two callables run them.

    Completions that arrive within `gather_seconds` of each other become one turn, unless nothing more can arrive.
    """

    def __init__(
        self,
        run_orchestrator: Invoke,
        run_activity: Invoke,
        *,
        orchestrators: frozenset[str],
        activities: frozenset[str],
        concurrent_orchestrators: int = 10,
        concurrent_activities: int = 10,
        gather_seconds: float = 0.015,
        hazards: Hazards | None = None,
    ) -> None:
        self.instances: dict[str, Instance] = {}
        self._run_orchestrator = run_orchestrator
        self._run_activity = run_activity
        self._orchestrators = orchestrators
        self._activities = activities
        self._orchestrator_slots = asyncio.Semaphore(concurrent_orchestrators)
        self._activity_slots = asyncio.Semaphore(concurrent_activities)
        self._gather_seconds = gather_seconds
        self._hazards = hazards or Hazards()
        self._payloads = Payloads()
        self._work: set[asyncio.Task[None]] = set()
        self._closed = False

    # What the management webhooks ask for

    def start(
        self, name: str, instance_id: str | None, input_json: str | None, parent: Parent | None = None
    ) -> Instance:
        """Start an orchestration; one of the same id that has ended is replaced."""
        instance_id = instance_id or uuid.uuid4().hex
        _check_id(instance_id)
        if name not in self._orchestrators:
            raise UnknownFunction(_does_not_exist(name, "an orchestrator", self._orchestrators))
        if instance_id in self.instances and not self.instances[instance_id].has_ended:
            raise AlreadyRunning(
                f"An Orchestration instance with the ID {instance_id} already exists and is still running."
            )
        self._payloads.weigh(input_json, name, "input")
        now = datetime.now(UTC)
        instance = Instance(instance_id, name, Execution(input_json), now, now, parent)
        self.instances.pop(instance_id, None)  # so that the new one is the last one in the order of starting
        self.instances[instance_id] = instance
        self._begin(instance)
        return instance

    def terminate(self, instance: Instance, reason: str) -> None:
        """End an orchestration; its sub-orchestrations and running activities go on, as in Azure."""
        self._end(instance, Status.TERMINATED, json.dumps(reason))

    def raise_event(self, instance: Instance, name: str, data_json: str) -> None:
        """Tell an orchestration that something happened outside."""
        self._payloads.weigh(data_json, instance.name, f"event {name}")
        self._tell(instance, instance.execution, Message(EventType.EVENT_RAISED, {"Name": name, "Input": data_json}))

    def suspend(self, instance: Instance) -> None:
        """Hold an orchestration; what arrives meanwhile waits."""
        instance.suspended = True

    def resume(self, instance: Instance) -> None:
        """Let a suspended orchestration go on."""
        instance.suspended = False
        self._wake(instance)

    def purge(self, instance: Instance) -> None:
        """Forget an orchestration."""
        instance.execution.close()
        self.instances.pop(instance.instance_id, None)

    def close(self) -> None:
        """Stop everything without telling anybody."""
        self._closed = True
        for instance in self.instances.values():
            instance.execution.close()
            if instance.wake_up:
                instance.wake_up.cancel()
        for task in self._work:
            task.cancel()

    # Turns

    def _begin(self, instance: Instance) -> None:
        fields = {"Name": instance.name, "Input": instance.execution.input_json, "Version": None}
        instance.inbox.insert(0, Message(EventType.EXECUTION_STARTED, fields))
        self._wake(instance)

    def _tell(self, instance: Instance, execution: Execution, message: Message) -> None:
        if instance.execution is execution and not instance.has_ended:
            instance.inbox.append(message)
            self._wake(instance)

    def _wake(self, instance: Instance) -> None:
        if self._closed or instance.in_turn or instance.suspended or instance.has_ended or not instance.inbox:
            return
        more_may_come = bool(instance.execution.open_tasks)
        if more_may_come and instance.wake_up:
            return
        if instance.wake_up:
            instance.wake_up.cancel()
        delay = self._gather_seconds if more_may_come else 0
        instance.wake_up = asyncio.get_running_loop().call_later(delay, self._start_turn, instance)

    def _start_turn(self, instance: Instance) -> None:
        instance.wake_up = None
        if instance.has_ended or instance.suspended:
            return
        instance.in_turn = True
        self._spawn(self._take_turn(instance))

    async def _take_turn(self, instance: Instance) -> None:
        async with self._orchestrator_slots:
            if not instance.has_ended:
                self._write_down_inbox(instance)
                answer = await self._ask(instance)
                # It may have been terminated while the orchestrator ran.
                if answer and not instance.has_ended:
                    self._apply(instance, answer)
        instance.in_turn = False
        self._wake(instance)

    def _write_down_inbox(self, instance: Instance) -> None:
        now = datetime.now(UTC)
        history = instance.execution.history
        history.mark_played()
        history.add(EventType.ORCHESTRATOR_STARTED, now)
        for message in instance.inbox:
            history.add(message.event_type, now, **message.fields)
        instance.inbox.clear()
        instance.status = Status.RUNNING
        instance.updated_at = now

    async def _ask(self, instance: Instance) -> turns.Answer | None:
        try:
            return turns.read_answer(await self._run_orchestrator(instance.name, turns.question(instance)))
        except InvocationFailed as failure:
            answer = turns.read_failure(failure.message, own_frames(failure.stack))
            if answer is None:
                self._fail(instance, failure.message, own_frames(failure.stack))
            return answer

    def _apply(self, instance: Instance, answer: turns.Answer) -> None:
        execution = instance.execution
        try:
            self._show_status(instance, answer.custom_status)
            outcome = turns.conclude(execution, answer)
            for task in outcome.new_tasks:
                self._check(task)
        except (turns.FlowFault, NotSimulated, PayloadTooLarge, UnknownFunction) as fault:
            self._fail(instance, str(fault))
            return
        now = datetime.now(UTC)
        for task in outcome.new_tasks:
            _write_down_task(execution, task, now)
        execution.history.add(EventType.ORCHESTRATOR_COMPLETED, now)
        for task_id in outcome.cancelled_timers:
            self._cancel_timer(execution, task_id)
        for task in outcome.new_tasks:
            self._dispatch(instance, execution, task)
        if outcome.is_over:
            self._conclude(instance, answer, outcome)

    def _conclude(self, instance: Instance, answer: turns.Answer, outcome: turns.Outcome) -> None:
        if answer.error:
            self._fail(instance, f"Orchestrator function '{instance.name}' failed: {answer.error}", answer.stack)
        elif outcome.has_continued:
            self._continue_as_new(instance, outcome.continues_with)
        else:
            self._complete(instance, answer.output_json)

    def _continue_as_new(self, instance: Instance, input_text: str | None) -> None:
        instance.execution.close()
        instance.execution = Execution(json.dumps(input_text))
        # What came in by name is for whoever runs under this id; results are for the generation that asked.
        instance.inbox = [message for message in instance.inbox if message.event_type == EventType.EVENT_RAISED]
        self._begin(instance)

    # Ends

    def _complete(self, instance: Instance, output_json: str | None) -> None:
        try:
            self._payloads.weigh(output_json, instance.name, "output")
        except PayloadTooLarge as fault:
            self._fail(instance, str(fault))
        else:
            self._end(instance, Status.COMPLETED, output_json)

    def _fail(self, instance: Instance, message: str, stack: str = "") -> None:
        first_line = message.split("\n", 1)[0].rstrip()
        log.error(
            "orchestration %s (%s) failed: %s", instance.name, instance.instance_id, f"{first_line}\n{stack}".rstrip()
        )
        self._end(instance, Status.FAILED, json.dumps(message))

    def _end(self, instance: Instance, status: Status, output_json: str | None) -> None:
        instance.status = status
        instance.output_json = output_json
        instance.updated_at = datetime.now(UTC)
        instance.inbox.clear()
        instance.execution.close()
        if instance.parent:
            self._tell_parent(instance.parent, status, output_json)

    def _tell_parent(self, parent: Parent, status: Status, output_json: str | None) -> None:
        if status is Status.COMPLETED:
            self._finish_task(parent, EventType.SUB_ORCHESTRATION_COMPLETED, Result=output_json)
        else:
            reason = json.loads(output_json or "null")
            self._finish_task(parent, EventType.SUB_ORCHESTRATION_FAILED, Reason=reason, Details="")

    def _finish_task(self, waiting: Parent, event_type: EventType, **fields: Any) -> None:
        waiting.execution.open_tasks.discard(waiting.task_id)
        message = Message(event_type, {"TaskScheduledId": waiting.task_id, **fields})
        self._tell(waiting.instance, waiting.execution, message)

    # What orchestrations ask for

    def _check(self, task: Scheduled) -> None:
        if task.kind == CREATE_TIMER:
            return
        known, what = (
            (self._orchestrators, "an orchestrator")
            if task.kind == CALL_SUB_ORCHESTRATOR
            else (self._activities, "an activity")
        )
        if task.name not in known:
            raise UnknownFunction(_does_not_exist(task.name, what, known))
        self._payloads.weigh(task.input_text, task.name, "input")

    def _dispatch(self, instance: Instance, execution: Execution, task: Scheduled) -> None:
        waiting = Parent(instance, execution, task.task_id)
        execution.open_tasks.add(task.task_id)
        if task.kind == CREATE_TIMER:
            self._start_timer(waiting, task)
        elif task.kind == CALL_SUB_ORCHESTRATOR:
            self._start_child(waiting, task)
        else:
            self._spawn(self._do_activity(waiting, task))

    def _start_timer(self, waiting: Parent, task: Scheduled) -> None:
        assert task.fire_at  # noqa: S101 - every timer has one
        seconds = (task.fire_at - datetime.now(UTC)).total_seconds()
        fired = Message(EventType.TIMER_FIRED, {"TimerId": task.task_id, "FireAt": _text(task.fire_at)})

        def fire() -> None:
            waiting.execution.timers.pop(task.task_id, None)
            waiting.execution.open_tasks.discard(task.task_id)
            self._tell(waiting.instance, waiting.execution, fired)

        if not task.cancelled:
            waiting.execution.timers[task.task_id] = asyncio.get_running_loop().call_later(max(0.0, seconds), fire)

    def _cancel_timer(self, execution: Execution, task_id: int) -> None:
        execution.open_tasks.discard(task_id)
        if timer := execution.timers.pop(task_id, None):
            timer.cancel()

    def _start_child(self, waiting: Parent, task: Scheduled) -> None:
        instance_id = task.instance_id or f"{waiting.execution.execution_id}:{task.task_id:x}"
        try:
            self.start(task.name, instance_id, json.dumps(task.input_text), waiting)
        except (AlreadyRunning, BadInstanceId, PayloadTooLarge) as refusal:
            report(f"sub-orchestration {task.name} ({instance_id})", refusal)
            self._finish_task(waiting, EventType.SUB_ORCHESTRATION_FAILED, Reason=str(refusal), Details="")

    async def _do_activity(self, waiting: Parent, task: Scheduled) -> None:
        instance_id = waiting.instance.instance_id
        times = 2 if self._hazards.repeats(instance_id, task.task_id) else 1
        async with self._activity_slots:
            try:
                for _ in range(times):
                    result = await self._run_activity(task.name, task.input_text or "null")
                self._payloads.weigh(result, task.name, "output")
            except InvocationFailed as failure:
                report(f"activity {task.name} of {instance_id}", failure)
                self._fail_activity(waiting, task, failure.message, failure.stack)
            except PayloadTooLarge as fault:
                report(f"activity {task.name} of {instance_id}", fault)
                self._fail_activity(waiting, task, str(fault), "")
            else:
                self._finish_task(waiting, EventType.TASK_COMPLETED, Result=result)

    def _fail_activity(self, waiting: Parent, task: Scheduled, message: str, details: str) -> None:
        reason = f"Activity function '{task.name}' failed: {message}"
        self._finish_task(waiting, EventType.TASK_FAILED, Reason=reason, Details=details)

    def _show_status(self, instance: Instance, custom_status: Any) -> None:
        if custom_status is not None:
            weigh_status(json.dumps(custom_status, ensure_ascii=False), instance.name)
            instance.custom_status = custom_status

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._has_worked)

    def _has_worked(self, task: asyncio.Task[None]) -> None:
        self._work.discard(task)
        if not task.cancelled() and (fault := task.exception()):
            log.error("the local host itself failed", exc_info=fault)


def _write_down_task(execution: Execution, task: Scheduled, now: datetime) -> None:
    history = execution.history
    if task.kind == CREATE_TIMER:
        assert task.fire_at  # noqa: S101 - every timer has one
        history.add(EventType.TIMER_CREATED, now, event_id=task.task_id, FireAt=_text(task.fire_at))
    else:
        is_child = task.kind == CALL_SUB_ORCHESTRATOR
        event_type = EventType.SUB_ORCHESTRATION_CREATED if is_child else EventType.TASK_SCHEDULED
        history.add(event_type, now, event_id=task.task_id, Name=task.name)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _check_id(instance_id: str) -> None:
    if (
        len(instance_id) > 100
        or not instance_id.isascii()
        or not instance_id.isprintable()
        or set(instance_id) & set("/\\#?")
    ):
        raise BadInstanceId(
            f"{instance_id!r} is no instance id: up to 100 printable ASCII characters, none of / \\ # ?"
        )


def _does_not_exist(name: str, what: str, known: frozenset[str]) -> str:
    return (
        f"The function '{name}' doesn't exist, is disabled, or is not {what} function. "
        f"Known here: {', '.join(sorted(known)) or 'none'}."
    )
