"""A strict fake of the Durable engine: it replays every orchestrator from its start after each completed task.

An orchestrator sees only the methods that both versions of the Durable library share, every payload goes through JSON,
and an orchestrator whose actions differ from one replay to the next fails the test.
"""

import inspect
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

MAX_PAYLOAD = 45_000
MAX_CUSTOM_STATUS = 16_000
MAX_INSTANCE_ID = 100
START = datetime(2026, 11, 23, 3, tzinfo=UTC)
ACTIVITY_TIME = timedelta(seconds=1)


class NonDeterministic(AssertionError):
    """A replay scheduled other actions than the run before it."""


class ActivityFailed(Exception):
    """Thrown into an orchestrator when an activity raised."""


@dataclass(frozen=True)
class Action:
    """Something that an orchestrator scheduled."""

    kind: str
    name: str = ""
    payload: str = ""
    instance_id: str = ""
    fires_at: datetime | None = None

    @property
    def value(self) -> Any:
        return json.loads(self.payload)


@dataclass(frozen=True)
class Together:
    """Actions whose results an orchestrator awaits together."""

    actions: tuple[Action, ...]


type Task = Action | Together


@dataclass(frozen=True)
class Done:
    """The result of a task, and when it completed."""

    task: Task
    at: datetime
    result: Any = None
    failure: Exception | None = None


class FakeContext:
    """Everything that an orchestrator may use."""

    def __init__(self, instance_id: str, payload: str, now: datetime) -> None:
        self._instance_id = instance_id
        self._payload = payload
        self._now = now
        self._open: list[Action] = []
        self._status: str | None = None
        self._next: str | None = None

    @property
    def current_utc_datetime(self) -> datetime:
        return self._now

    def get_input(self) -> Any:
        return json.loads(self._payload)

    def call_activity(self, name: str, input_: Any) -> Action:
        return self._schedule(Action("activity", name, sendable(input_)))

    def call_sub_orchestrator(self, name: str, input_: Any, instance_id: str) -> Action:
        assert instance_id.startswith(self._instance_id), "the ID of a child must begin with the ID of its parent"
        assert len(instance_id) <= MAX_INSTANCE_ID
        assert instance_id.isascii()
        return self._schedule(Action("orchestration", name, sendable(input_), instance_id))

    def create_timer(self, fires_at: datetime) -> Action:
        assert fires_at.tzinfo is not None, "the time of a timer must have a time zone"
        assert fires_at >= self._now, "a timer must not be in the past"
        return self._schedule(Action("timer", fires_at=fires_at))

    def task_all(self, tasks: Sequence[Action]) -> Together:
        assert tasks, "task_all([]) never completes in version 2 of the library"
        return Together(tuple(tasks))

    def set_custom_status(self, status: Any) -> None:
        self._status = sendable(status, MAX_CUSTOM_STATUS)

    def continue_as_new(self, input_: Any) -> None:
        self._next = sendable(input_)

    def _schedule(self, action: Action) -> Action:
        self._open.append(action)
        return action


def sendable(value: Any, limit: int = MAX_PAYLOAD) -> str:
    """The value as the JSON that Durable would store."""
    text = json.dumps(value)
    assert len(text) < limit, f"{len(text)} characters are more than Durable stores inside its history"
    return text


@dataclass
class Instance:
    """One running orchestration."""

    name: str
    instance_id: str
    payload: str
    began: datetime
    """When the current generation started."""
    history: list[Done] = field(default_factory=list)
    status: Any = None
    """The custom status; continuing as new drops it."""
    shown: list[Any] = field(default_factory=list)
    """The status at every wait."""
    result: Any = None
    failure: Exception | None = None
    has_ended: bool = False
    generations: list[list[Done]] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)


type Activity = Callable[[Any], Any]
type Orchestrator = Callable[[Any], Generator[Any, Any, Any]]


class Engine:
    """Runs orchestrations over the activities of a test; its clock moves with the tasks."""

    def __init__(self, orchestrations: Mapping[str, Orchestrator], activities: Mapping[str, Activity]) -> None:
        self.orchestrations = orchestrations
        self.activities = activities
        self.now = START
        self.called: list[tuple[str, Any]] = []
        self.timers: list[float] = []
        self.instances: dict[str, Instance] = {}
        self.max_concurrent: dict[str, int] = {}
        self.payloads: list[str] = []

    async def run(self, name: str, instance_id: str, value: Any) -> Instance:
        """Run one orchestration with all its children, to its end."""
        instance = self._start(name, instance_id, sendable(value))
        while not instance.has_ended:
            await self._step_all([instance])
        return instance

    def calls(self, name: str) -> list[Any]:
        """The inputs of an activity, in order."""
        return [value for called, value in self.called if called == name]

    def _start(self, name: str, instance_id: str, payload: str) -> Instance:
        assert instance_id not in self.instances, f"{instance_id} exists already"
        instance = Instance(name, instance_id, payload, self.now, inputs=[payload])
        self.instances[instance_id] = instance
        self.payloads.append(payload)
        return instance

    async def _step_all(self, instances: list[Instance]) -> None:
        """Complete one task of each; what they schedule concurrently is counted."""
        pending = [(instance, task) for instance in instances if (task := self._replay(instance)) is not None]
        concurrent: dict[str, int] = {}
        for _, task in pending:
            for action in _actions(task):
                concurrent[action.name] = concurrent.get(action.name, 0) + 1
        for name, count in concurrent.items():
            self.max_concurrent[name] = max(self.max_concurrent.get(name, 0), count)
        for instance, task in pending:
            instance.history.append(await self._complete(task))

    def _replay(self, instance: Instance) -> Task | None:
        """Run the orchestrator from its start over its history; the task it now awaits, or None at its end."""
        context = FakeContext(instance.instance_id, instance.payload, instance.began)
        generator = self.orchestrations[instance.name](context)
        try:
            task = self._check_awaited(context, next(generator))
            for done in instance.history:
                if task != done.task:
                    raise NonDeterministic(f"{task} instead of {done.task}")
                context._now = done.at
                step = generator.throw(done.failure) if done.failure else generator.send(done.result)
                task = self._check_awaited(context, step)
        except StopIteration as stop:
            self._end(instance, context, stop.value)
            return None
        except ActivityFailed as failure:
            instance.failure, instance.has_ended = failure, True
            return None
        assert context._next is None, "an orchestrator that continues as new awaits nothing more"
        self._show(instance, context)
        return task

    def _check_awaited(self, context: FakeContext, task: Any) -> Task:
        assert isinstance(task, Action | Together), f"an orchestrator may not await {task!r}"
        assert context._open == list(_actions(task)), "an orchestrator must await everything that it has scheduled"
        context._open = []
        return task

    def _show(self, instance: Instance, context: FakeContext) -> None:
        if context._status is not None:
            instance.status = json.loads(context._status)
            self.payloads.append(context._status)
        instance.shown.append(instance.status)

    def _end(self, instance: Instance, context: FakeContext, result: Any) -> None:
        assert not context._open, "an orchestrator must await everything that it has scheduled"
        self._show(instance, context)
        instance.generations.append(instance.history)
        if context._next is None:
            self.payloads.append(sendable(result))
            instance.result, instance.has_ended = json.loads(sendable(result)), True
            return
        assert result is None
        instance.payload, instance.history, instance.status = context._next, [], None
        instance.began = self.now
        instance.inputs.append(instance.payload)
        self.payloads.append(instance.payload)

    async def _complete(self, task: Task) -> Done:
        children = {action: self._child(action) for action in _actions(task) if action.kind == "orchestration"}
        results: list[Any] = []
        failure: Exception | None = None
        for action in _actions(task):
            try:
                results.append(None if action in children else await self._result(action))
            except ActivityFailed as failed:
                failure = failure or failed
                results.append(None)
        while any(not child.has_ended for child in children.values()):
            await self._step_all([child for child in children.values() if not child.has_ended])
        for place, action in enumerate(_actions(task)):
            if action in children:
                results[place] = children[action].result
                failure = failure or children[action].failure
        return Done(task, self.now, results if isinstance(task, Together) else results[0], failure)

    def _child(self, action: Action) -> Instance:
        return self._start(action.name, action.instance_id, action.payload)

    async def _result(self, action: Action) -> Any:
        if action.kind == "timer":
            assert action.fires_at is not None
            self.timers.append((action.fires_at - self.now).total_seconds())
            self.now = max(self.now, action.fires_at)
            return None
        self.now += ACTIVITY_TIME
        self.called.append((action.name, action.value))
        self.payloads.append(action.payload)
        try:
            result = self.activities[action.name](action.value)
            result = await result if inspect.isawaitable(result) else result
        except Exception as error:
            raise ActivityFailed(f"Activity function '{action.name}' failed: {error}") from error
        self.payloads.append(sendable(result))
        return json.loads(sendable(result))


def _actions(task: Task) -> tuple[Action, ...]:
    return task.actions if isinstance(task, Together) else (task,)
