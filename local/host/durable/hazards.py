"""Failures of orchestrations that occur in production, and on a laptop only on request; repeatable by a seed."""

import asyncio
import random
from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from typing import Any

MAX_STEPS_BEFORE_KILL = 30


@dataclass(frozen=True, slots=True)
class Hazards:
    """Which hazards a run has. Activities are drawn by instance and task, so that a run can be repeated."""

    repeat: float = 0.0
    """The share of activities that run twice, as at-least-once delivery allows."""
    kill: float = 0.0
    """The share of activities that are killed between two steps of I/O, and delivered again."""
    late_seconds: float = 0.0
    """Results of activities arrive up to this much later, so that they come out of order."""
    terminate_seconds: float = 0.0
    """How long a terminated orchestration goes on: in Azure the request waits in a queue."""
    timer_speed: float = 1.0
    """Durable timers fire this many times sooner, so that waits of hours take seconds."""
    seed: int = 0

    def repeats(self, instance_id: str, task_id: int) -> bool:
        """Whether this activity runs twice."""
        return self._draw("repeat", instance_id, task_id) < self.repeat

    def kills(self, instance_id: str, task_id: int) -> bool:
        """Whether this activity is killed once."""
        return self._draw("kill", instance_id, task_id) < self.kill

    def steps_before_kill(self, instance_id: str, task_id: int) -> int:
        """How many times an activity that is killed may wait for something first."""
        return int(self._draw("steps", instance_id, task_id) * MAX_STEPS_BEFORE_KILL)

    def delay_seconds(self, instance_id: str, task_id: int) -> float:
        """How much later the result of this activity arrives."""
        return self._draw("late", instance_id, task_id) * self.late_seconds

    def _draw(self, hazard: str, instance_id: str, task_id: int) -> float:
        return random.Random(f"{self.seed}/{hazard}/{instance_id}/{task_id}").random()  # noqa: S311 - repeatable


class InvocationKilled(Exception):
    """An invocation was killed before it could return."""


async def run_until_killed(invocation: Coroutine[Any, Any, Any], steps: int) -> None:
    """Run an invocation up to the n-th time that it waits, and cancel it there: it never returns a result.

    Raises InvocationKilled, or returns if the invocation had ended by itself before.
    """
    task = asyncio.ensure_future(_Counted(invocation, steps))
    await asyncio.wait([task])
    if task.cancelled():
        raise InvocationKilled
    task.exception()


class _Counted:
    """Awaits a coroutine, and cancels its task at the n-th wait."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], steps: int) -> None:
        self._coroutine = coroutine
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, Any]:
        waits = self._coroutine.__await__()
        steps = 0
        action, argument = waits.send, None
        while True:
            try:
                awaited = action(argument)
            except StopIteration as ended:
                return ended.value
            steps += 1
            if steps == self._steps + 1 and (task := asyncio.current_task()):
                task.cancel()
            try:
                action, argument = waits.send, (yield awaited)
            except BaseException as thrown:  # noqa: BLE001 - everything is for the coroutine
                action, argument = waits.throw, thrown
