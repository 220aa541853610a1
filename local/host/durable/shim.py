"""Work out which durable tasks an orchestrator's actions stand for, and under which numbers.

The SDK sends the extension *what* an orchestrator has scheduled, as an append-only list with one action per `yield`,
without numbers. Each side numbers tasks itself, in the order in which they are scheduled, and results are matched by
these numbers only. The extension (.NET) awaits one action after another, and a WhenAll
until all of its tasks are done; the SDK goes on at a WhenAll's first failure. As long as only actions take
numbers, both number alike. Retries take numbers when a task fails, and then the two can drift apart: results would go
to the wrong task (Azure/azure-functions-durable-python#603). So there are two shims, one that numbers as .NET does and
one that numbers as the SDK does, and their tasks are compared after each turn.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from local.host.durable.history import Event, EventType

Action = dict[str, Any]
Path = tuple[int | str, ...]

(
    CALL_ACTIVITY,
    CALL_ACTIVITY_WITH_RETRY,
    CALL_SUB_ORCHESTRATOR,
    CALL_SUB_ORCHESTRATOR_WITH_RETRY,
    CONTINUE_AS_NEW,
    CREATE_TIMER,
    WAIT_FOR_EXTERNAL_EVENT,
) = range(7)
WHEN_ANY, WHEN_ALL = 11, 12

_SUCCEEDED = {EventType.TASK_COMPLETED, EventType.SUB_ORCHESTRATION_COMPLETED}
_FAILED = {EventType.TASK_FAILED, EventType.SUB_ORCHESTRATION_FAILED}


class NotSimulated(Exception):
    """An orchestrator uses a durable feature that this host does not have."""


@dataclass(slots=True)
class Node:
    """Something an orchestrator waits for."""

    parent: "Node | None" = None
    done: bool = False
    failed: bool = False
    children: "list[Node]" = field(default_factory=list)

    def finish(self, *, failed: bool = False) -> None:
        """Mark it done and notify what waits for it."""
        if not self.done:
            self.done, self.failed = True, failed
            if self.parent:
                self.parent.child_finished(self)

    def child_finished(self, child: "Node") -> None:
        """One of the tasks it consists of is done."""


@dataclass(slots=True)
class Scheduled(Node):
    """A task with a number: an activity, a sub-orchestration or a timer. `path` is where it was scheduled."""

    task_id: int = -1
    path: Path = ()
    kind: int = CALL_ACTIVITY
    name: str = ""
    input_text: str | None = None
    instance_id: str | None = None
    fire_at: datetime | None = None
    cancelled: bool = False

    @property
    def identity(self) -> tuple[Path, int, str]:
        """What must be equal for the task of this number on both sides and in every replay."""
        return self.path, self.kind, self.name


@dataclass(slots=True)
class WhenAll(Node):
    """Done when all its tasks are; on the SDK's side, also at the first failure."""

    fails_fast: bool = False

    def child_finished(self, child: Node) -> None:
        """Finish with the last task, or with the first failure."""
        if (self.fails_fast and child.failed) or all(each.done for each in self.children):
            self.finish(failed=any(each.failed for each in self.children))


@dataclass(slots=True)
class WhenAny(Node):
    """Done with the first of its tasks."""

    def child_finished(self, child: Node) -> None:
        """Finish."""
        self.finish()


@dataclass(slots=True)
class Retried(Node):
    """A call that is made again after a durable timer; there is one more timer after the last attempt, as in DTFx."""

    attempts_left: int = 0
    again: Callable[["Retried", bool], None] = lambda _node, _timer: None

    def child_finished(self, child: Node) -> None:
        """Go from call to timer to call, until one succeeds or none is left."""
        was_timer = isinstance(child, Scheduled) and child.kind == CREATE_TIMER
        if not was_timer and not child.failed:
            self.finish()
        elif was_timer and self.attempts_left == 0:
            self.finish(failed=True)
        else:
            self.again(self, not was_timer)


class Shim:
    """One side's numbering: feed it the history and the actions; `tasks` are the tasks by their numbers."""

    def __init__(self, *, fails_fast: bool) -> None:
        self.tasks: list[Scheduled] = []
        self.continues_with: str | None = None
        self._fails_fast = fails_fast
        self._position = 0
        self._current: Node | None = None
        self._now = datetime.min.replace(tzinfo=UTC)
        self._waiting: dict[str, deque[Node]] = defaultdict(deque)
        self._buffered: Counter[str] = Counter()

    def feed(self, events: list[Event], actions: list[Action]) -> None:
        """Replay events, starting actions as they become due."""
        for event in events:
            event_type = event["EventType"]
            if event_type == EventType.ORCHESTRATOR_STARTED:
                self._now = datetime.fromisoformat(event["Timestamp"])
            elif event_type == EventType.EXECUTION_STARTED or self._completes(event_type, event):
                self._start_due(actions)

    def is_through(self, actions: list[Action]) -> bool:
        """Whether every action was started and the last one is done."""
        return self._position == len(actions) and (self._current is None or self._current.done)

    def _completes(self, event_type: int, event: Event) -> bool:
        if event_type == EventType.EVENT_RAISED:
            self._raise_event(event["Name"])
        elif event_type == EventType.TIMER_FIRED:
            self._finish(event["TimerId"], failed=False)
        elif event_type in _SUCCEEDED or event_type in _FAILED:
            self._finish(event["TaskScheduledId"], failed=event_type in _FAILED)
        else:
            return False
        return True

    def _finish(self, task_id: int, *, failed: bool) -> None:
        if task_id < len(self.tasks):
            self.tasks[task_id].finish(failed=failed)

    def _raise_event(self, name: str) -> None:
        if self._waiting[name]:
            self._waiting[name].popleft().finish()
        else:
            self._buffered[name] += 1

    def _start_due(self, actions: list[Action]) -> None:
        while (self._current is None or self._current.done) and self._position < len(actions):
            self._current = self._start(actions[self._position], None, (self._position,))
            self._position += 1

    def _start(self, action: Action, parent: Node | None, path: Path) -> Node:
        kind = action["actionType"]
        if kind in {WHEN_ALL, WHEN_ANY}:
            return self._start_compound(action, parent, path)
        if kind in {CALL_ACTIVITY, CALL_SUB_ORCHESTRATOR}:
            return self._call(kind, action, parent, path)
        if kind in {CALL_ACTIVITY_WITH_RETRY, CALL_SUB_ORCHESTRATOR_WITH_RETRY}:
            return self._start_retried(kind - 1, action, parent, path)
        if kind == CREATE_TIMER:
            return self._timer(_utc(action["fireAt"]), parent, path, cancelled=action.get("isCanceled", False))
        if kind == WAIT_FOR_EXTERNAL_EVENT:
            return self._wait_for_event(action["externalEventName"], parent)
        if kind == CONTINUE_AS_NEW:
            self.continues_with = action["input"]
            return Node(parent, done=True)
        raise NotSimulated(f"the local host does not simulate durable action {kind} (entities and call_http)")

    def _start_compound(self, action: Action, parent: Node | None, path: Path) -> Node:
        node = WhenAny(parent) if action["actionType"] == WHEN_ANY else WhenAll(parent, fails_fast=self._fails_fast)
        # Listed before any of them can be done, or the first would end a WhenAll that does not know of the others.
        parts = [self._start(part, None, (*path, index)) for index, part in enumerate(action["compoundActions"])]
        node.children = parts
        for part in parts:
            part.parent = node
        finished = [part for part in parts if part.done]
        for part in finished:
            node.child_finished(part)
        if not parts:
            node.finish()
        return node

    def _start_retried(self, kind: int, action: Action, parent: Node | None, path: Path) -> Node:
        options = action["retryOptions"]
        pause = timedelta(milliseconds=options["firstRetryIntervalInMilliseconds"])

        def again(node: Retried, timer: bool) -> None:  # noqa: FBT001 - the two halves of one step
            place = (*path, f"attempt {len(node.children)}")
            if timer:
                node.children.append(self._timer(self._now + pause, node, place))
            else:
                node.attempts_left -= 1
                node.children.append(self._call(kind, action, node, place))

        retried = Retried(parent, attempts_left=options["maxNumberOfAttempts"], again=again)
        again(retried, timer=False)
        return retried

    def _call(self, kind: int, action: Action, parent: Node | None, path: Path) -> Scheduled:
        call = Scheduled(
            parent,
            kind=kind,
            path=path,
            name=action["functionName"],
            input_text=action.get("input"),
            instance_id=action.get("instanceId"),
        )
        return self._assign_number(call)

    def _timer(self, fire_at: datetime, parent: Node | None, path: Path, *, cancelled: bool = False) -> Scheduled:
        timer = Scheduled(parent, kind=CREATE_TIMER, path=path, fire_at=fire_at, cancelled=cancelled)
        # A cancelled timer counts as done for .NET, whose task for it is; the SDK gets no event for it.
        timer.done = cancelled and not self._fails_fast
        return self._assign_number(timer)

    def _assign_number(self, task: Scheduled) -> Scheduled:
        task.task_id = len(self.tasks)
        self.tasks.append(task)
        return task

    def _wait_for_event(self, name: str, parent: Node | None) -> Node:
        node = Node(parent)
        if self._buffered[name]:
            self._buffered[name] -= 1
            node.done = True
        else:
            self._waiting[name].append(node)
        return node


def _utc(text: str) -> datetime:
    # The SDK writes the time it was given with a Z, whatever its time zone was.
    return datetime.fromisoformat(text)
