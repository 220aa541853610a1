"""Made-up orchestrations come out as they must, however their tasks interleave."""

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.host.sample import Sample

Step = tuple[Any, ...]
Program = list[Step]

CALL = st.tuples(st.just("call"), st.integers(-9, 9))
NAP = st.tuples(st.just("nap"), st.integers(0, 20))
FAIL = st.tuples(st.just("fail"))
TIMER = st.tuples(st.just("timer"), st.integers(0, 20))
RETRY = st.tuples(st.just("retry"), st.integers(1, 4))
LEAF = st.one_of(CALL, CALL, NAP, TIMER, FAIL)


def programs(inside_all: st.SearchStrategy[Step]) -> st.SearchStrategy[Program]:
    def longer(shorter: st.SearchStrategy[Program]) -> st.SearchStrategy[Program]:
        child = st.tuples(st.just("child"), shorter)
        together = st.tuples(st.just("all"), st.lists(st.one_of(inside_all, child), min_size=1, max_size=5))
        first = st.tuples(st.just("any"), st.lists(LEAF, min_size=1, max_size=3))
        return st.lists(st.one_of(LEAF, RETRY, child, together, first), max_size=4)

    return st.recursive(st.lists(LEAF, max_size=3), longer, max_leaves=6)


class OneOf(int):
    """Equal to the place of each of this many tasks, any of which may have been first."""

    def __eq__(self, place: object) -> bool:
        return isinstance(place, int) and 0 <= place < int(self)

    __hash__ = int.__hash__


def result_of(step: Step) -> Any:
    kind, *arguments = step
    return WHAT_COMES_OUT[kind](*arguments)


WHAT_COMES_OUT: dict[str, Callable[..., Any]] = {
    "call": lambda number: 2 * number,
    "nap": lambda milliseconds: milliseconds,
    "timer": lambda _milliseconds: None,
    "fail": lambda: "failed",
    "retry": lambda attempts: "attempt 3" if attempts >= 3 else "failed",
    "child": lambda program: results_of(program),
    "all": lambda steps: "failed" if "failed" in results_of(steps) else results_of(steps),
    "any": lambda steps: OneOf(len(steps)),
}


def results_of(program: Program) -> list[Any]:
    return [result_of(step) for step in program]


def may_be(step: Step, found: Any) -> bool:
    """Tell whether this is right, or a child that was refused, which its parent sees as a failure."""
    match step:
        case ("child", program) if isinstance(found, list):
            return all(may_be(each, part) for each, part in zip(program, found, strict=True))
        case ("child", program):
            return found == "failed" and "retry" in str(program)
        case ("all", steps) if isinstance(found, list):
            return all(may_be(each, part) for each, part in zip(steps, found, strict=True))
        case ("all", steps):
            return found == "failed" and ("failed" in map(result_of, steps) or "retry" in str(steps))
    return bool(found == result_of(step))


# The sample app keeps nothing from one example to the next, so one host serves them all.
THOROUGHLY = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


@THOROUGHLY
@given(made_up=st.lists(programs(inside_all=LEAF), min_size=1, max_size=6))
async def test_programs_within_the_rules_come_out_right(sample: Sample, made_up: list[Program]):
    ids = [await sample.start("runs_program", program) for program in made_up]

    ended = await asyncio.gather(*(sample.wait_for_end(instance_id) for instance_id in ids))

    assert [each["output"] for each in ended] == [results_of(program) for program in made_up]


@THOROUGHLY
@given(made_up=st.lists(programs(inside_all=st.one_of(LEAF, RETRY)), min_size=1, max_size=6))
async def test_programs_against_the_rules_come_out_right_or_are_refused(sample: Sample, made_up: list[Program]):
    ids = [await sample.start("runs_program", program) for program in made_up]

    ended = await asyncio.gather(*(sample.wait_for_end(instance_id) for instance_id in ids))

    for each, program in zip(ended, made_up, strict=True):
        refused = each["runtimeStatus"] == "Failed" and each["output"].startswith("IdHazard")
        assert refused or all(may_be(step, found) for step, found in zip(program, each["output"], strict=True))
