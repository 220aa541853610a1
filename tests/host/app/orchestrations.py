"""The sample app's orchestrators and activities: one for each thing that Durable Functions can do here."""

import asyncio
import threading
from collections import Counter
from datetime import timedelta

import azure.durable_functions as df

blueprint = df.Blueprint()
runs: Counter[str] = Counter()

SOON = timedelta(milliseconds=20)
LATER = timedelta(hours=1)
THRICE = df.RetryOptions(first_retry_interval_in_milliseconds=10, max_number_of_attempts=3)


# Activities


@blueprint.activity_trigger(input_name="name")
async def greet(name: str) -> str:
    return f"hello {name}"


@blueprint.activity_trigger(input_name="number")
def double(number: int) -> int:
    return number * 2


@blueprint.activity_trigger(input_name="message")
async def fail(message: str) -> None:
    raise ValueError(message)


@blueprint.activity_trigger(input_name="key")
async def fail_twice(key: str) -> str:
    runs[key] += 1
    if runs[key] < 3:
        raise ValueError(f"attempt {runs[key]}")
    return f"attempt {runs[key]}"


@blueprint.activity_trigger(input_name="key")
async def count_run(key: str) -> int:
    runs[key] += 1
    return runs[key]


@blueprint.activity_trigger(input_name="key")
async def count_run_slowly(key: str) -> int:
    runs[key] += 1
    for _ in range(40):
        await asyncio.sleep(0)
    return runs[key]


@blueprint.activity_trigger(input_name="key")
async def read_count(key: str) -> int:
    return runs[key]


@blueprint.activity_trigger(input_name="size")
async def many_bytes(size: int) -> str:
    return "x" * size


@blueprint.activity_trigger(input_name="milliseconds")
async def nap(milliseconds: int) -> int:
    await asyncio.sleep(milliseconds / 1000)
    return milliseconds


@blueprint.activity_trigger(input_name="nothing")
async def join_crowd(nothing: str) -> int:
    runs["crowd"] += 1
    await asyncio.sleep(0.005)
    crowd = runs["crowd"]
    runs["crowd"] -= 1
    return crowd


@blueprint.activity_trigger(input_name="nothing")
def never_return(nothing: str) -> None:
    threading.Event().wait()


# Orchestrators


@blueprint.orchestration_trigger(context_name="context")
def say_hello(context: df.DurableOrchestrationContext):
    return (yield context.call_activity("greet", context.get_input()))


@blueprint.orchestration_trigger(context_name="context")
def echo_input(context: df.DurableOrchestrationContext):
    return context.get_input()


@blueprint.orchestration_trigger(context_name="context")
def double_all(context: df.DurableOrchestrationContext):
    return (yield context.task_all([context.call_activity("double", number) for number in context.get_input()]))


@blueprint.orchestration_trigger(context_name="context")
def double_in_children(context: df.DurableOrchestrationContext):
    batches = context.get_input()
    children = [
        context.call_sub_orchestrator("double_all", batch, f"{context.instance_id}:{place}")
        for place, batch in enumerate(batches)
    ]
    doubled = yield context.task_all(children)
    return sum(sum(batch) for batch in doubled)


@blueprint.orchestration_trigger(context_name="context")
def wide(context: df.DurableOrchestrationContext):
    sizes = context.get_input()
    children = [
        context.call_sub_orchestrator("double_all", list(range(sizes["each"])), f"{context.instance_id}:{place}")
        for place in range(sizes["children"])
    ]
    doubled = yield context.task_all(children)
    return sum(len(batch) for batch in doubled)


@blueprint.orchestration_trigger(context_name="context")
def fails_uncaught(context: df.DurableOrchestrationContext):
    yield context.call_activity("fail", "out of milk")


@blueprint.orchestration_trigger(context_name="context")
def fails_caught(context: df.DurableOrchestrationContext):
    try:
        yield context.call_activity("fail", "out of milk")
    except Exception as error:  # noqa: BLE001 - the SDK raises nothing narrower
        return f"caught: {error}"


@blueprint.orchestration_trigger(context_name="context")
def raises(context: df.DurableOrchestrationContext):
    yield context.call_activity("greet", "you")
    raise KeyError("my own fault")


@blueprint.orchestration_trigger(context_name="context")
def child_fails_caught(context: df.DurableOrchestrationContext):
    try:
        yield context.call_sub_orchestrator("fails_uncaught", None, f"{context.instance_id}:child")
    except Exception as error:  # noqa: BLE001 - the SDK raises nothing narrower
        return f"caught: {error}"


@blueprint.orchestration_trigger(context_name="context")
def retries(context: df.DurableOrchestrationContext):
    return (yield context.call_activity_with_retry("fail_twice", THRICE, context.instance_id))


@blueprint.orchestration_trigger(context_name="context")
def retries_in_vain(context: df.DurableOrchestrationContext):
    yield context.call_activity_with_retry("fail", THRICE, "still out of milk")


@blueprint.orchestration_trigger(context_name="context")
def retries_inside_task_all(context: df.DurableOrchestrationContext):
    # The forbidden shape: leaves a task_all at its first failure while a retry is still going on.
    key = context.instance_id
    try:
        yield context.task_all(
            [context.call_activity("fail", "at once"), context.call_activity_with_retry("fail_twice", THRICE, key)]
        )
    except Exception:  # noqa: BLE001 - the SDK raises nothing narrower
        return (yield context.call_activity("greet", "whoever comes first"))


@blueprint.orchestration_trigger(context_name="context")
def waits(context: df.DurableOrchestrationContext):
    began = context.current_utc_datetime
    yield context.create_timer(began + SOON)
    return (context.current_utc_datetime - began) >= SOON


@blueprint.orchestration_trigger(context_name="context")
def first_of(context: df.DurableOrchestrationContext):
    timer = context.create_timer(context.current_utc_datetime + LATER)
    work = context.call_activity("greet", "the winner")
    winner = yield context.task_any([timer, work])
    if winner is work:
        timer.cancel()
    return (yield context.call_activity("greet", winner.result))


@blueprint.orchestration_trigger(context_name="context")
def times_out(context: df.DurableOrchestrationContext):
    timer = context.create_timer(context.current_utc_datetime + SOON)
    event = context.wait_for_external_event("never")
    winner = yield context.task_any([timer, event])
    return "too late" if winner is timer else "in time"


@blueprint.orchestration_trigger(context_name="context")
def waits_for_event(context: df.DurableOrchestrationContext):
    context.set_custom_status("waiting")
    answer = yield context.wait_for_external_event("answer")
    return answer


@blueprint.orchestration_trigger(context_name="context")
def shows_status(context: df.DurableOrchestrationContext):
    context.set_custom_status({"step": 1})
    yield context.call_activity("greet", "one")
    context.set_custom_status({"step": 2})
    return "done"


@blueprint.orchestration_trigger(context_name="context")
def counts_down(context: df.DurableOrchestrationContext):
    number = context.get_input()
    yield context.call_activity("greet", str(number))
    if number:
        context.continue_as_new(number - 1)
        return None
    return "lift-off"


@blueprint.orchestration_trigger(context_name="context")
def shows_only_at_first(context: df.DurableOrchestrationContext):
    if context.get_input() == "second":
        return (yield context.call_activity("greet", "again"))
    context.set_custom_status("the first generation")
    yield context.call_activity("greet", "once")
    context.continue_as_new("second")
    return None


@blueprint.orchestration_trigger(context_name="context")
def counts_down_in_child(context: df.DurableOrchestrationContext):
    ended = yield context.call_sub_orchestrator("counts_down", context.get_input(), f"{context.instance_id}:child")
    return f"the child said {ended}"


@blueprint.orchestration_trigger(context_name="context")
def old_results_stay_away(context: df.DurableOrchestrationContext):
    if context.get_input() == "second":
        return (yield context.call_activity("greet", "the new generation"))
    slow = context.call_activity("nap", 60)
    quick = context.call_activity("greet", "the old generation")
    yield context.task_any([slow, quick])
    context.continue_as_new("second")
    return None


@blueprint.orchestration_trigger(context_name="context")
def waits_with_child(context: df.DurableOrchestrationContext):
    return (yield context.call_sub_orchestrator("waits_for_event", None, f"{context.instance_id}:child"))


@blueprint.orchestration_trigger(context_name="context")
def calls_nobody(context: df.DurableOrchestrationContext):
    yield context.call_activity("nobody", None)


@blueprint.orchestration_trigger(context_name="context")
def changes_its_mind(context: df.DurableOrchestrationContext):
    # Stands for an orchestrator that reads the clock: the first replay sees another world than the first run.
    name = "double" if context.is_replaying else "greet"
    yield context.call_activity(name, 1)
    yield context.call_activity("greet", "you")


@blueprint.orchestration_trigger(context_name="context")
def carries(context: df.DurableOrchestrationContext):
    return len((yield context.call_activity("many_bytes", context.get_input())))


@blueprint.orchestration_trigger(context_name="context")
def counts_runs(context: df.DurableOrchestrationContext):
    keys = [f"{context.instance_id}/{number}" for number in range(context.get_input())]
    yield context.task_all([context.call_activity("count_run", key) for key in keys])
    return (yield context.task_all([context.call_activity("read_count", key) for key in keys]))


@blueprint.orchestration_trigger(context_name="context")
def counts_slow_runs(context: df.DurableOrchestrationContext):
    keys = [f"{context.instance_id}/{number}" for number in range(context.get_input())]
    return (yield context.task_all([context.call_activity("count_run_slowly", key) for key in keys]))


@blueprint.orchestration_trigger(context_name="context")
def calls_in_capitals(context: df.DurableOrchestrationContext):
    return (yield context.call_activity("GREET", "you"))


@blueprint.orchestration_trigger(context_name="context")
def nests(context: df.DurableOrchestrationContext):
    nested: list = []
    for _ in range(context.get_input()):
        nested = [nested]
    return nested


@blueprint.orchestration_trigger(context_name="context")
def crowds(context: df.DurableOrchestrationContext):
    crowd = yield context.task_all([context.call_activity("join_crowd", "") for _ in range(context.get_input())])
    return max(crowd)


@blueprint.orchestration_trigger(context_name="context")
def gets_stuck(context: df.DurableOrchestrationContext):
    yield context.call_activity("never_return", "")


@blueprint.orchestration_trigger(context_name="context")
def listens_late(context: df.DurableOrchestrationContext):
    context.set_custom_status("deaf")
    yield context.wait_for_external_event("wake up")
    return (yield context.wait_for_external_event("answer"))


@blueprint.orchestration_trigger(context_name="context")
def listens_to_two(context: df.DurableOrchestrationContext):
    one, two = context.wait_for_external_event("one"), context.wait_for_external_event("two")
    winner = yield context.task_any([one, two])
    return "one" if winner is one else "two"


@blueprint.orchestration_trigger(context_name="context")
def need_not_wait_ten_days(context: df.DurableOrchestrationContext):
    timer = context.create_timer(context.current_utc_datetime + timedelta(days=10))
    work = context.call_activity("greet", "the winner")
    yield context.task_any([timer, work])
    timer.cancel()
    return (yield context.call_activity("greet", work.result))


@blueprint.orchestration_trigger(context_name="context")
def retries_child(context: df.DurableOrchestrationContext):
    child = f"{context.instance_id}:child"
    return (yield context.call_sub_orchestrator_with_retry("fails_at_first", THRICE, child, child))


@blueprint.orchestration_trigger(context_name="context")
def fails_at_first(context: df.DurableOrchestrationContext):
    return (yield context.call_activity("fail_twice", context.get_input()))


@blueprint.orchestration_trigger(context_name="context")
def goes_on_after_a_failure(context: df.DurableOrchestrationContext):
    try:
        yield context.task_all([context.call_activity("fail", "at once"), context.call_activity("nap", 60)])
    except Exception:  # noqa: BLE001 - the SDK raises nothing narrower
        return (yield context.call_activity("greet", "the rest"))


@blueprint.orchestration_trigger(context_name="context")
def is_live_at_the_end(context: df.DurableOrchestrationContext):
    yield context.call_activity("greet", "one")
    first_time = context.is_replaying
    yield context.call_activity("greet", "two")
    return [first_time, context.is_replaying]


@blueprint.orchestration_trigger(context_name="context")
def says_too_much(context: df.DurableOrchestrationContext):
    context.set_custom_status("x" * context.get_input())
    yield context.call_activity("greet", "you")


@blueprint.orchestration_trigger(context_name="context")
def calls_http(context: df.DurableOrchestrationContext):
    yield context.call_http("GET", "http://127.0.0.1/")


@blueprint.orchestration_trigger(context_name="context")
def shares_a_child(context: df.DurableOrchestrationContext):
    yield context.call_sub_orchestrator("waits_for_event", None, context.get_input())


@blueprint.orchestration_trigger(context_name="context")
def runs_program(context: df.DurableOrchestrationContext):
    # A program is a list of steps; tests make them up and know what must come out.
    results = []
    for place, step in enumerate(context.get_input()):
        results.append((yield from _step(context, step, f"{context.instance_id}.{place}")))
    return results


def _step(context, step, place):
    kind = step[0]
    try:
        if kind in {"all", "any"}:
            tasks = [_task(context, part, f"{place}.{index}") for index, part in enumerate(step[1])]
            found = yield (context.task_all(tasks) if kind == "all" else context.task_any(tasks))
            return found if kind == "all" else tasks.index(found)
        return (yield _task(context, step, place))
    except Exception:  # noqa: BLE001 - the SDK raises nothing narrower
        return "failed"


def _task(context, step, place):
    kind, *arguments = step
    match kind:
        case "call":
            return context.call_activity("double", arguments[0])
        case "fail":
            return context.call_activity("fail", place)
        case "nap":
            return context.call_activity("nap", arguments[0])
        case "retry":
            return context.call_activity_with_retry("fail_twice", _attempts(arguments[0]), place)
        case "child":
            return context.call_sub_orchestrator("runs_program", arguments[0], place)
        case "timer":
            return context.create_timer(context.current_utc_datetime + timedelta(milliseconds=arguments[0]))
    raise ValueError(kind)


def _attempts(number):
    return df.RetryOptions(first_retry_interval_in_milliseconds=1, max_number_of_attempts=number)
