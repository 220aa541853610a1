"""One turn of an orchestrator: the request to the worker, its result, and what follows from it."""

import json
from dataclasses import dataclass, replace
from typing import Any

from local.host.durable.instances import Execution, Instance
from local.host.durable.shim import Action, Scheduled, Shim

_OUT_OF_PROCESS_DATA = "$OutOfProcData$:"


class OrchestratorFault(Exception):
    """The orchestrator broke a rule of Durable Functions; the instance fails with this message."""


class NonDeterministic(OrchestratorFault):
    """A replay scheduled something else than the run before."""


class IdHazard(OrchestratorFault):
    """The SDK and the extension would number the tasks of this orchestrator differently."""


@dataclass(frozen=True, slots=True)
class TurnResult:
    """What an orchestrator returned at the end of a turn."""

    actions: list[Action]
    is_done: bool
    output_json: str | None
    custom_status: Any
    error: str | None
    stack: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows from a result: new tasks, and whether and how the execution is over."""

    new_tasks: list[Scheduled]
    cancelled_timers: list[int]
    is_over: bool
    continues_with: str | None


def request(instance: Instance) -> str:
    """Encode what the orchestration trigger sends to the worker."""
    execution = instance.execution
    rest = {
        "input": json.loads(execution.input_json) if execution.input_json else None,
        "instanceId": instance.instance_id,
        "isReplaying": execution.fed > 0,
        "parentInstanceId": instance.parent.instance.instance_id if instance.parent else None,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
        "maximumShortTimerDuration": "6.00:00:00",
        "longRunningTimerIntervalDuration": "3.00:00:00",
        "defaultHttpAsyncRequestSleepTimeMillseconds": 30000,
    }
    return f'{{"history":{execution.history.to_json()},{json.dumps(rest)[1:]}'


def read_result(result: str, stack: str = "") -> TurnResult:
    """Decode what an orchestrator returned."""
    state = json.loads(result)
    return TurnResult(
        actions=[action for group in state["actions"] for action in group],
        is_done=state.get("isDone", False),
        output_json=json.dumps(state["output"]) if "output" in state else None,
        custom_status=state.get("customStatus"),
        error=state.get("error"),
        stack=stack,
    )


def read_failure(message: str, stack: str) -> TurnResult | None:
    """Decode what an orchestrator raised; None if the SDK did not encode it.

    The stack is kept if the fault is the orchestrator's own: a failed activity was logged when it failed.
    """
    _, label, state = message.partition(_OUT_OF_PROCESS_DATA)
    if not label:
        return None
    result = read_result(state, stack)
    return replace(result, stack="") if " function '" in (result.error or "") else result


def conclude(execution: Execution, result: TurnResult) -> Outcome:
    """Replay the history against the result; OrchestratorFault if SDK and extension would disagree about it."""
    _check_determinism(execution.actions, result.actions)
    events = execution.history.events
    execution.sdk.feed(events[execution.fed :], result.actions)
    execution.fed = len(events)
    execution.actions = result.actions
    extension = Shim(fails_fast=False)
    extension.feed(events, result.actions)
    _check_numbering(execution, extension)
    known = len(execution.scheduled)
    execution.scheduled = extension.tasks
    return Outcome(
        new_tasks=extension.tasks[known:],
        cancelled_timers=[task.task_id for task in extension.tasks if task.cancelled],
        is_over=(result.is_done or bool(result.error)) and extension.is_through(result.actions),
        continues_with=extension.continues_with,
    )


def _check_determinism(before: list[Action], now: list[Action]) -> None:
    for index, action in enumerate(before):
        if index >= len(now) or _shape(now[index]) != _shape(action):
            raise NonDeterministic(
                f"Non-Deterministic workflow detected: yield number {index + 1} scheduled {_shape(action)} before "
                f"and {_shape(now[index]) if index < len(now) else 'nothing'} now. Orchestrators must not use the "
                "clock, random numbers, settings or I/O, nor change while instances run."
            )


def _shape(action: Action) -> tuple[Any, ...]:
    name = action.get("functionName") or action.get("externalEventName") or ""
    return action["actionType"], name, tuple(_shape(part) for part in action.get("compoundActions", ()))


def _check_numbering(execution: Execution, extension: Shim) -> None:
    for ours, theirs in (
        *zip(execution.sdk.tasks, extension.tasks, strict=False),
        *zip(execution.scheduled, extension.tasks, strict=False),
    ):
        if ours.identity != theirs.identity:
            raise IdHazard(
                f"IdHazard: task {ours.task_id} is {_name_of(ours)} for the SDK and {_name_of(theirs)} for the durable "
                "extension, so its result would go to the wrong task. Rule: no *_with_retry inside task_all or "
                "task_any, and do not await a loser of task_any later (Azure/azure-functions-durable-python#603)."
            )


def _name_of(task: Scheduled) -> str:
    place = ".".join(str(part + 1) for part in task.path if isinstance(part, int))
    attempt = "".join(f", {part}" for part in task.path if isinstance(part, str))
    return f"{task.name or 'a timer'} (yield {place}{attempt})"
