"""Timer functions: they run when their schedule is due, or when the admin route is called."""

from datetime import UTC, datetime

import pytest

from local.host.child import host_child
from local.host.timers import BadSchedule, Schedule
from tests.host.sample import SAMPLE_APP, Sample, until

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)  # a Saturday


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        ("0 0 3 * * *", datetime(2026, 11, 22, 3, 0, 0, tzinfo=UTC)),
        ("*/15 * * * * *", datetime(2026, 11, 21, 12, 0, 15, tzinfo=UTC)),
        ("0 */5 * * * *", datetime(2026, 11, 21, 12, 5, 0, tzinfo=UTC)),
        ("0 30 9-17 * * 1-5", datetime(2026, 11, 23, 9, 30, 0, tzinfo=UTC)),
        ("0 0 0 1 Jan *", datetime(2027, 1, 1, tzinfo=UTC)),
        ("0 0 0 13 * 5", datetime(2027, 8, 13, tzinfo=UTC)),  # Friday the 13th: day and weekday must both match
        ("5 12 * * *", datetime(2026, 11, 21, 12, 5, 0, tzinfo=UTC)),
    ],
)
def test_a_schedule_is_due_when_ncrontab_says(expression: str, due: datetime):
    assert Schedule.parse(expression, {}).after(NOON) == due


def test_a_schedule_can_come_from_a_setting():
    assert Schedule.parse("%WHEN%", {"WHEN": "0 0 3 * * *"}).expression == "0 0 3 * * *"


@pytest.mark.parametrize("expression", ["%MISSING%", "0 0 3 * *  * *", "0 0 25 * * *", "00:05:00", "@daily", "soon"])
def test_an_invalid_schedule_is_refused(expression: str):
    with pytest.raises(BadSchedule):
        Schedule.parse(expression, {})


async def test_a_timer_runs_through_the_admin_route(sample: Sample):
    assert await sample.get("ticks") == []

    tick_url = f"{sample.host.url}/admin/functions/Tick?code={sample.host.code}"
    async with sample.http.post(tick_url, json={"input": ""}) as response:
        assert response.status == 202

    async def get_tick():
        return await sample.get("ticks") or None

    (tick,) = await until(get_tick, "a tick")
    assert tick["pastDue"] is False
    assert (await sample.wait_for_end(tick["instance"]))["output"] == "hello the timer"


async def test_the_admin_route_runs_only_timers(sample: Sample):
    async with sample.http.post(f"{sample.host.url}/admin/functions/echo?code={sample.host.code}", json={}) as response:
        assert response.status == 404


async def test_a_timer_runs_when_it_is_due(http):
    with host_child(SAMPLE_APP, settings={"SAMPLE_SCHEDULE": "* * * * * *"}) as host:
        sample = Sample(http, host)

        async def get_two_ticks():
            ticks = await sample.get("ticks")
            return ticks if len(ticks) > 1 else None

        await until(get_two_ticks, "two ticks")


async def test_an_invalid_schedule_does_not_stop_the_rest(http):
    with host_child(SAMPLE_APP, settings={"SAMPLE_SCHEDULE": "soon"}) as host:
        sample = Sample(http, host)
        assert await sample.output_of("say_hello", "you") == "hello you"
        assert "the timer tick does not start: 'soon'" in host.log()
