"""Durable Functions on the local host: the sample app's orchestrations, through the real SDK."""

import asyncio

import pytest

from tests.forked import forked_host
from tests.host.sample import SAMPLE_APP, SETTINGS, Sample


async def test_an_orchestration_returns_its_activitys_result(sample: Sample):
    assert await sample.output_of("say_hello", "you") == "hello you"


@pytest.mark.parametrize(
    "argument", [None, 7, "text", ["a", 1], {"deep": {"er": [True, None]}}, "\u00e4\u2028\U0001f600"]
)
async def test_input_and_output_arrive_unchanged(sample: Sample, argument):
    assert await sample.output_of("echo_input", argument) == argument


async def test_task_all_keeps_the_order(sample: Sample):
    assert await sample.output_of("double_all", list(range(60))) == [2 * number for number in range(60)]


async def test_sub_orchestrations_have_the_ids_they_were_given(sample: Sample):
    parent = await sample.start("double_in_children", [[1, 2], [3]])

    assert (await sample.wait_for_end(parent))["output"] == 12
    assert (await sample.status(f"{parent}:1"))["output"] == [6]


async def test_an_uncaught_failure_fails_the_orchestration(sample: Sample):
    failure = await sample.failure_of("fails_uncaught")

    assert failure.startswith("Orchestrator function 'fails_uncaught' failed: Activity function 'fail' failed:")
    assert "ValueError: out of milk" in failure


async def test_a_failure_can_be_caught(sample: Sample):
    assert "out of milk" in await sample.output_of("fails_caught")


async def test_an_activitys_traceback_is_shown_once(sample: Sample):
    instance_id = await sample.start("fails_uncaught")
    await sample.wait_for_end(instance_id)

    lines = [line for line in sample.host.log().splitlines() if instance_id in line]
    assert len([line for line in lines if "activity fail of" in line and "ValueError: out of milk" in line]) == 1
    assert "raise ValueError(message)" in sample.host.log()


async def test_an_orchestrators_own_exception_fails_it(sample: Sample):
    assert "my own fault" in await sample.failure_of("raises")


async def test_a_child_fails_its_parent_as_an_activity_does(sample: Sample):
    assert "Orchestrator function 'fails_uncaught' failed" in await sample.output_of("child_fails_caught")


async def test_a_retry_succeeds(sample: Sample):
    assert await sample.output_of("retries") == "attempt 3"


async def test_a_retry_gives_up(sample: Sample):
    assert "still out of milk" in await sample.failure_of("retries_in_vain")


async def test_a_retry_inside_task_all_is_refused_by_name(sample: Sample):
    failure = await sample.failure_of("retries_inside_task_all")

    assert failure.startswith("IdHazard")
    assert "no *_with_retry inside task_all or task_any" in failure


async def test_an_orchestrator_that_changes_between_replays_is_refused(sample: Sample):
    assert (await sample.failure_of("changes_its_mind")).startswith("Non-Deterministic")


async def test_a_timer_advances_the_orchestrations_clock(sample: Sample):
    assert await sample.output_of("waits") is True


async def test_the_first_of_two_wins_and_the_other_is_cancelled(sample: Sample):
    assert await sample.output_of("first_of") == "hello hello the winner"


async def test_a_timeout_ends_the_wait_for_an_event(sample: Sample):
    assert await sample.output_of("times_out") == "too late"


async def test_an_orchestration_receives_an_event(sample: Sample):
    waiting = await sample.start("waits_for_event")
    await sample.is_running(waiting)

    await sample.post(f"raise/{waiting}/answer", {"yes": 1})

    # The 1.x client encodes what it raises twice, so that flows get the text.
    assert (await sample.wait_for_end(waiting))["output"] == '{"yes": 1}'


async def test_an_early_event_is_stored(sample: Sample):
    listening = await sample.start("listens_late")
    await sample.is_running(listening)

    await sample.post(f"raise/{listening}/answer", 42)
    await sample.post(f"raise/{listening}/wake up", "now")

    assert (await sample.wait_for_end(listening))["output"] == "42"


async def test_of_two_events_the_first_wins(sample: Sample):
    listening = await sample.start("listens_to_two")
    await sample.is_running(listening)

    await sample.post(f"raise/{listening}/two", 2)

    assert (await sample.wait_for_end(listening))["output"] == "two"


async def test_an_event_for_an_unknown_instance_is_an_error(sample: Sample):
    status, _ = await sample.post("raise/nobody/answer", 1)
    assert status == 500


async def test_a_timer_of_ten_days_is_split(sample: Sample):
    assert await sample.output_of("need_not_wait_ten_days") == "hello hello the winner"


async def test_a_child_can_be_retried_under_its_id(sample: Sample):
    assert await sample.output_of("retries_child") == "attempt 3"


async def test_an_orchestration_continues_after_a_failure_in_task_all(sample: Sample):
    assert await sample.output_of("goes_on_after_a_failure") == "hello the rest"


async def test_an_orchestrator_sees_whether_it_is_replaying(sample: Sample):
    assert await sample.output_of("is_live_at_the_end") == [True, False]


async def test_a_custom_status_that_azure_would_refuse_fails(sample: Sample):
    assert "the custom status of says_too_much has" in await sample.failure_of("says_too_much", 8_193)


async def test_unsimulated_actions_fail_by_name(sample: Sample):
    assert "does not simulate durable action 8" in await sample.failure_of("calls_http")


async def test_a_child_cannot_take_the_id_of_a_running_instance(sample: Sample):
    waiting = await sample.start("waits_for_event")
    await sample.is_running(waiting)

    assert "already exists" in await sample.failure_of("shares_a_child", waiting)
    await sample.post(f"terminate/{waiting}")


async def test_custom_status_is_shown_while_running_and_after(sample: Sample):
    waiting = await sample.start("waits_for_event")

    assert (await sample.is_running(waiting))["customStatus"] == "waiting"
    done = await sample.wait_for_end(await sample.start("shows_status"))
    assert done["customStatus"] == {"step": 2}
    await sample.post(f"terminate/{waiting}")


async def test_continue_as_new_resets_the_custom_status(sample: Sample):
    done = await sample.wait_for_end(await sample.start("shows_only_at_first"))

    assert done["output"] == "hello again"
    assert done["customStatus"] is None


async def test_continue_as_new_keeps_the_instance_id(sample: Sample):
    assert await sample.output_of("counts_down", 5) == "lift-off"


async def test_a_parent_gets_the_result_of_its_childs_last_generation(sample: Sample):
    assert await sample.output_of("counts_down_in_child", 3) == "the child said lift-off"


async def test_results_of_an_old_generation_are_dropped(sample: Sample):
    assert await sample.output_of("old_results_stay_away") == "hello the new generation"


async def test_terminate_ends_the_parent_alone(sample: Sample):
    parent = await sample.start("waits_with_child")
    await sample.is_running(f"{parent}:child")

    await sample.post(f"terminate/{parent}")

    ended = await sample.wait_for_end(parent)
    assert (ended["runtimeStatus"], ended["output"]) == ("Terminated", "asked to")
    assert (await sample.status(f"{parent}:child"))["runtimeStatus"] == "Running"
    await sample.post(f"terminate/{parent}:child")


async def test_a_terminated_child_fails_its_parent(sample: Sample):
    parent = await sample.start("waits_with_child")
    await sample.is_running(f"{parent}:child")

    await sample.post(f"terminate/{parent}:child")

    ended = await sample.wait_for_end(parent)
    assert ended["runtimeStatus"] == "Failed"
    assert "asked to" in ended["output"]


async def test_a_suspended_orchestration_receives_events_on_resume(sample: Sample):
    waiting = await sample.start("waits_for_event")
    await sample.is_running(waiting)
    await sample.post(f"hold/{waiting}/suspend")
    await sample.post(f"raise/{waiting}/answer", 1)
    assert (await sample.status(waiting))["runtimeStatus"] == "Suspended"

    await sample.post(f"hold/{waiting}/resume")

    assert (await sample.wait_for_end(waiting))["runtimeStatus"] == "Completed"


async def test_an_unknown_activity_fails_the_orchestration_by_name(sample: Sample):
    assert "The function 'nobody' doesn't exist" in await sample.failure_of("calls_nobody")


async def test_an_unknown_orchestrator_cannot_be_started(sample: Sample):
    status, _ = await sample.post("start/nothing")
    assert status == 500
    assert "The function 'nothing' doesn't exist" in sample.host.log()


async def test_only_an_ended_instance_can_be_started_again(sample: Sample):
    waiting = await sample.start("waits_for_event")
    status, _ = await sample.post(f"start/say_hello?id={waiting}", "again")
    assert status == 500
    await sample.post(f"terminate/{waiting}")

    status, _ = await sample.post(f"start/say_hello?id={waiting}", "again")

    assert status == 202
    assert (await sample.wait_for_end(waiting))["output"] == "hello again"


async def test_only_ended_instances_can_be_purged(sample: Sample):
    done, waiting = await sample.start("say_hello", "you"), await sample.start("waits_for_event")
    await sample.wait_for_end(done)
    await sample.is_running(waiting)

    assert await sample.post(f"purge/{done}") == (200, "1")
    assert await sample.status(done) is None
    assert await sample.post(f"purge/{done}") == (200, "0")
    assert (await sample.post(f"purge/{waiting}"))[0] == 500
    await sample.post(f"terminate/{waiting}")


async def test_purging_and_listing_filter_by_status(http):
    """On a host of its own: a page of the listing has room for 100 instances, which those of other tests would fill."""
    with forked_host(SAMPLE_APP, settings=SETTINGS) as host:
        sample = Sample(http, host)
        failed, done = await sample.start("fails_uncaught"), await sample.start("say_hello", "you")
        await asyncio.gather(sample.wait_for_end(failed), sample.wait_for_end(done))

        assert await sample.get("finished") == [done]
        assert await sample.post("purge") == (200, "1")
        assert await sample.status(failed) is None
        assert await sample.status(done) is not None


async def test_a_large_payload_is_a_warning(sample: Sample):
    assert await sample.output_of("carries", 50_000) == 50_000
    assert "the output of many_bytes has 50,002 bytes" in sample.host.log()


async def test_a_payload_over_one_megabyte_fails(sample: Sample):
    assert "the output of many_bytes has" in await sample.failure_of("carries", 1_100_000)


async def test_activities_run_once_by_default(sample: Sample):
    assert await sample.output_of("counts_runs", 30) == [1] * 30


async def test_the_same_activities_run_twice_every_time(http):
    seen = []
    for _ in range(2):
        with forked_host(
            SAMPLE_APP, settings=SETTINGS, arguments=("--repeat-activities", "0.5", "--seed", "7")
        ) as host:
            sample = Sample(http, host)
            await sample.post("start/counts_runs?id=fixed", 30)
            seen.append((await sample.wait_for_end("fixed"))["output"])

    assert seen[0] == seen[1]
    assert set(seen[0]) == {1, 2}


async def test_a_thousand_activities_in_twenty_children(sample: Sample):
    assert await sample.output_of("wide", {"children": 20, "each": 50}) == 1000


async def test_functions_are_found_in_any_case(sample: Sample):
    assert await sample.output_of("SAY_hello", "you") == "hello you"
    assert await sample.output_of("calls_in_capitals") == "hello you"


@pytest.mark.parametrize(("depth", "status"), [(60, "Completed"), (70, "Failed")])
async def test_json_deeper_than_dotnet_reads_fails(sample: Sample, depth: int, status: str):
    assert (await sample.wait_for_end(await sample.start("nests", depth)))["runtimeStatus"] == status


async def test_killed_activities_are_delivered_again(http):
    with forked_host(SAMPLE_APP, settings=SETTINGS, arguments=("--kill-activities", "0.5")) as host:
        runs = await Sample(http, host).output_of("counts_slow_runs", 30)

    assert set(runs) == {1, 2}


async def test_late_results_arrive_out_of_order(http):
    with forked_host(SAMPLE_APP, settings=SETTINGS, arguments=("--late-results", "0.5")) as host:
        sample = Sample(http, host)
        numbers = list(range(20))
        instance_id = await sample.start("double_all", numbers)
        ended = await sample.wait_for_end(instance_id)
        history = await sample.history(instance_id)

    scheduled = [event["TaskScheduledId"] for event in history if event["EventType"] == "TaskCompleted"]
    assert ended["output"] == [2 * number for number in numbers]
    assert sorted(scheduled) == numbers != scheduled


async def test_a_late_terminate_lets_the_orchestration_go_on(http):
    with forked_host(SAMPLE_APP, settings=SETTINGS, arguments=("--late-terminate", "0.5")) as host:
        sample = Sample(http, host)
        quick, waiting = await sample.start("waits"), await sample.start("waits_for_event")
        await sample.is_running(waiting)
        for instance_id in (quick, waiting):
            await sample.post(f"terminate/{instance_id}")
        still = await sample.status(waiting)

        assert still["runtimeStatus"] == "Running"
        assert (await sample.wait_for_end(quick))["runtimeStatus"] == "Completed"
        assert (await sample.wait_for_end(waiting))["runtimeStatus"] == "Terminated"


async def test_the_host_measures_activities_and_histories(sample: Sample):
    assert await sample.output_of("double_all", list(range(60))) == [2 * number for number in range(60)]

    async with sample.http.get(f"{sample.host.url}/admin/host/status?code={sample.host.code}") as response:
        measured = (await response.json())["measured"]
    assert measured["activities"]["double"]["invocations"] >= 60
    assert measured["activities"]["double"]["longest_seconds"] > 0
    assert measured["orchestrators"]["double_all"]["most_events"] >= 120
