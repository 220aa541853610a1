"""The durable task hub in memory: starts orchestrations, wakes them when something happens, and ends them."""

import asyncio
import json
import logging
import uuid
from datetime import UTC, datetime
from typing import Any

from local.host.durable import turns
from local.host.durable.hazards import Hazards
from local.host.durable.history import EventType
from local.host.durable.instances import Execution, Instance, Message, Parent, Status
from local.host.durable.measurements import Measurements
from local.host.durable.payloads import PayloadRefused, Payloads, check_status
from local.host.durable.shim import CALL_SUB_ORCHESTRATOR, CREATE_TIMER, NotSimulated, Scheduled
from local.host.durable.tasks import Functions, Invoke, Refused, Tasks, UnknownFunction, written
from local.host.worker import InvocationFailed, own_frames

log = logging.getLogger("local.host")


class AlreadyRunning(Refused):
    """An instance of that id is still running."""


class BadInstanceId(Refused):
    """An instance id that Azure would refuse."""


class Engine:
    """A task hub for these functions, which the two callables run.

    Completions that arrive within `gather_seconds` of each other share one turn, unless nothing more can arrive.
    """

    def __init__(
        self,
        run_orchestrator: Invoke,
        run_activity: Invoke,
        functions: Functions,
        *,
        concurrent_orchestrators: int = 10,
        concurrent_activities: int = 10,
        gather_seconds: float = 0.015,
        hazards: Hazards | None = None,
    ) -> None:
        self.instances: dict[str, Instance] = {}
        self.measurements = Measurements()
        self._run_orchestrator = run_orchestrator
        self._functions = functions
        self._hazards = hazards or Hazards()
        self._slots = asyncio.Semaphore(concurrent_orchestrators)
        self._gather_seconds = gather_seconds
        self._payloads = Payloads()
        measured = _with_measurements(run_activity, self.measurements)
        self._tasks = Tasks(self, functions, measured, concurrent_activities, self._hazards, self._payloads)
        self._turns: set[asyncio.Task[None]] = set()
        self._closed = False

    # For the management webhooks

    def start(
        self, name: str, instance_id: str | None, input_json: str | None, parent: Parent | None = None
    ) -> Instance:
        """Start an orchestration. An ended orchestration with the same ID is replaced."""
        instance_id = instance_id or uuid.uuid4().hex
        _check_id(instance_id)
        self._functions.check_orchestrator(name)
        if instance_id in self.instances and not self.instances[instance_id].has_ended:
            raise AlreadyRunning(
                f"An Orchestration instance with the ID {instance_id} already exists and has not ended."
            )
        self._payloads.check(input_json, name, "input")
        now = datetime.now(UTC)
        instance = Instance(instance_id, name, Execution(input_json), now, now, parent)
        self.instances.pop(instance_id, None)  # so that the new one is the last one in the order of starting
        self.instances[instance_id] = instance
        self._begin(instance)
        return instance

    def terminate(self, instance: Instance, reason: str) -> None:
        """End an orchestration; its sub-orchestrations and running activities go on, as in Azure.

        In Azure the request waits in a queue; the hazard `terminate_seconds` delays it here.
        """
        if self._hazards.terminate_seconds:
            loop = asyncio.get_running_loop()
            loop.call_later(self._hazards.terminate_seconds, self._terminate_now, instance, reason)
        else:
            self._terminate_now(instance, reason)

    def _terminate_now(self, instance: Instance, reason: str) -> None:
        if not instance.has_ended and not self._closed:
            self._end(instance, Status.TERMINATED, json.dumps(reason))

    def raise_event(self, instance: Instance, name: str, data_json: str) -> None:
        """Send an external event to an orchestration."""
        self._payloads.check(data_json, instance.name, f"event {name}")
        self.send(instance, instance.execution, Message(EventType.EVENT_RAISED, {"Name": name, "Input": data_json}))

    def suspend(self, instance: Instance) -> None:
        """Pause an orchestration; messages wait."""
        instance.suspended = True

    def resume(self, instance: Instance) -> None:
        """Continue a suspended orchestration."""
        instance.suspended = False
        self._wake(instance)

    def purge(self, instance: Instance) -> None:
        """Delete an orchestration."""
        self.instances.pop(instance.instance_id, None)

    def close(self) -> None:
        """Stop everything, without results."""
        self._closed = True
        for instance in self.instances.values():
            instance.execution.close()
            if instance.wake_up:
                instance.wake_up.cancel()
        self._tasks.close()
        for turn in self._turns:
            turn.cancel()

    # When a turn is due

    def send(self, instance: Instance, execution: Execution, message: Message) -> None:
        """Wake an orchestration with a message, if the execution that the message is for is still the current one."""
        if instance.execution is execution and not instance.has_ended:
            instance.inbox.append(message)
            self._wake(instance)

    def _begin(self, instance: Instance) -> None:
        # The SDK reads a version from this event, which only exists where host.json has a default one.
        fields = {"Name": instance.name, "Input": instance.execution.input_json, "Version": None}
        instance.inbox.insert(0, Message(EventType.EXECUTION_STARTED, fields))
        self._wake(instance)

    def _wake(self, instance: Instance) -> None:
        if self._closed or instance.in_turn or instance.suspended or instance.has_ended or not instance.inbox:
            return
        more_may_come = bool(instance.execution.open_tasks)
        if instance.wake_up:
            if more_may_come:
                return
            instance.wake_up.cancel()
        delay = self._gather_seconds if more_may_come else 0
        instance.wake_up = asyncio.get_running_loop().call_later(delay, self._start_turn, instance)

    def _start_turn(self, instance: Instance) -> None:
        instance.wake_up = None
        if instance.has_ended or instance.suspended:
            return
        instance.in_turn = True
        turn = asyncio.get_running_loop().create_task(self._take_turn(instance))
        self._turns.add(turn)
        turn.add_done_callback(self._turns.discard)

    # A turn

    async def _take_turn(self, instance: Instance) -> None:
        async with self._slots:
            if not instance.has_ended:
                self._move_inbox_to_history(instance)
                result = await self._run_turn(instance)
                # It may have been terminated while the orchestrator ran.
                if result and not instance.has_ended:
                    self._apply(instance, result)
        instance.in_turn = False
        self._wake(instance)

    def _move_inbox_to_history(self, instance: Instance) -> None:
        now = datetime.now(UTC)
        history = instance.execution.history
        history.mark_played()
        history.add(EventType.ORCHESTRATOR_STARTED, now)
        for message in instance.inbox:
            history.add(message.event_type, now, **message.fields)
        instance.inbox.clear()
        instance.updated_at = now

    async def _run_turn(self, instance: Instance) -> turns.TurnResult | None:
        request = turns.request(instance)
        self.measurements.add_turn(instance.name, len(instance.execution.history.events), request)
        try:
            return turns.read_result(await self._run_orchestrator(instance.name, request))
        except InvocationFailed as failure:
            stack = own_frames(failure.stack)
            result = turns.read_failure(failure.message, stack)
            if result is None:
                self._fail(instance, failure.message, stack)
            return result
        except (ValueError, LookupError, TypeError) as fault:
            self._fail(instance, f"{instance.name} returned something that is not an orchestrator's result: {fault!r}")
            return None

    def _apply(self, instance: Instance, result: turns.TurnResult) -> None:
        execution = instance.execution
        try:
            self._set_status(instance, result.custom_status)
            outcome = turns.conclude(execution, result)
            for task in outcome.new_tasks:
                self._tasks.check(task)
        except (turns.OrchestratorFault, NotSimulated, PayloadRefused, UnknownFunction) as fault:
            self._fail(instance, str(fault))
            return
        now = datetime.now(UTC)
        instance.status = (
            Status.RUNNING
        )  # together with the custom status, so that no reader sees one without the other
        for task in outcome.new_tasks:
            _add_to_history(execution, task, now)
        execution.history.add(EventType.ORCHESTRATOR_COMPLETED, now)
        for task_id in outcome.cancelled_timers:
            execution.cancel_timer(task_id)
        for task in outcome.new_tasks:
            self._tasks.begin(instance, task)
        if outcome.is_over:
            self._conclude(instance, result, outcome)

    def _set_status(self, instance: Instance, custom_status: Any) -> None:
        if custom_status is not None:
            check_status(json.dumps(custom_status, ensure_ascii=False), instance.name)
            instance.custom_status = custom_status

    # How it ends

    def _conclude(self, instance: Instance, result: turns.TurnResult, outcome: turns.Outcome) -> None:
        if result.error:
            failure = f"Orchestrator function '{instance.name}' failed: {result.error}"
            self._fail(instance, failure, result.stack)
        elif outcome.continues_with is not None:
            self._continue_as_new(instance, outcome.continues_with)
        else:
            self._complete(instance, result.output_json)

    def _continue_as_new(self, instance: Instance, input_text: str) -> None:
        instance.execution.close()
        instance.execution = Execution(json.dumps(input_text))
        instance.custom_status = None  # as in DurableTask: each generation has its own
        # External events are for any generation of this instance; results are only for the generation that scheduled.
        instance.inbox = [message for message in instance.inbox if message.event_type == EventType.EVENT_RAISED]
        self._begin(instance)

    def _complete(self, instance: Instance, output_json: str | None) -> None:
        try:
            self._payloads.check(output_json, instance.name, "output")
        except PayloadRefused as fault:
            self._fail(instance, str(fault))
        else:
            self._end(instance, Status.COMPLETED, output_json)

    def _fail(self, instance: Instance, message: str, stack: str = "") -> None:
        first_line = message.split("\n", 1)[0].rstrip()
        shown = f"{first_line}\n{stack}".rstrip()
        log.error("orchestration %s (%s) failed: %s", instance.name, instance.instance_id, shown)
        self._end(instance, Status.FAILED, json.dumps(message))

    def _end(self, instance: Instance, status: Status, output_json: str | None) -> None:
        instance.status = status
        instance.output_json = output_json
        instance.updated_at = datetime.now(UTC)
        instance.inbox.clear()
        instance.execution.end()
        parent = instance.parent
        if parent and status is Status.COMPLETED:
            self._tasks.finish(parent, EventType.SUB_ORCHESTRATION_COMPLETED, Result=output_json)
        elif parent:
            reason = json.loads(output_json or "null")
            self._tasks.finish(parent, EventType.SUB_ORCHESTRATION_FAILED, Reason=reason, Details="")


def _with_measurements(run: Invoke, measurements: Measurements) -> Invoke:
    """Run activities as ``run`` does, and measure each invocation."""

    async def run_measured(name: str, argument: str) -> str:
        with measurements.activity(name):
            return await run(name, argument)

    return run_measured


def _add_to_history(execution: Execution, task: Scheduled, now: datetime) -> None:
    history = execution.history
    if task.kind == CREATE_TIMER:
        fire_at = written(task.fire_at) if task.fire_at else None
        history.add(EventType.TIMER_CREATED, now, event_id=task.task_id, FireAt=fire_at)
    else:
        is_child = task.kind == CALL_SUB_ORCHESTRATOR
        event_type = EventType.SUB_ORCHESTRATION_CREATED if is_child else EventType.TASK_SCHEDULED
        history.add(event_type, now, event_id=task.task_id, Name=task.name)


def _check_id(instance_id: str) -> None:
    printable = instance_id.isascii() and instance_id.isprintable()
    if len(instance_id) > 100 or not printable or set(instance_id) & set("/\\#?"):
        raise BadInstanceId(
            f"{instance_id!r} is not an instance id: up to 100 printable ASCII characters without / \\ # ?"
        )
