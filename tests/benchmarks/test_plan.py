"""The plan of a scan is limited by the smallest limit, and says what to change if the scan does not fit."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.plan import Backend, Scenario, advice, check, main, plan
from benchmarks.report import Bench

LOCAL = Scenario(10_000, backend=Backend.LOCAL, storage_latency=0.0, cpu_seconds=0.001)


def test_a_scan_that_only_waits_takes_the_latency_of_its_requests():
    made = plan(replace(LOCAL, cpu_seconds=1e-9, with_page=0.0, concurrency=4, latency=0.2))

    assert made.probing_seconds == pytest.approx(10_000 * 0.2 / 4, rel=0.01)
    assert made.limit.name == "latency"


def test_a_scan_without_latency_takes_its_cpu_time():
    made = plan(replace(LOCAL, latency=0.0, cpu_seconds=0.01, concurrency=16))

    assert made.probing_seconds == pytest.approx(10_000 * 0.01, rel=0.01)
    assert made.limit.name == "CPU"


@pytest.mark.parametrize(
    ("scenario", "name", "users_per_second"),
    [
        (Scenario(10**6, concurrency=64, cpu_seconds=0.001), "Durable Functions", 100),
        (Scenario(10**6, concurrency=64, cpu_seconds=0.001, latency=0.001, backend=Backend.DTS_CONSUMPTION), "", 250),
        (replace(LOCAL, latency=0.0001, concurrency=64, cpu_seconds=0.0001), "the partition of the rows", 1_000),
        (Scenario(10**5, bookings_per_second=3.0), "Bookings", 2),
    ],
)
def test_the_smallest_limit_decides(scenario, name, users_per_second):
    made = plan(scenario)

    assert name in {"", made.limit.name}
    assert made.probing_seconds == pytest.approx(scenario.users / users_per_second)


def test_the_plan_advises_on_a_scan_that_does_not_fit():
    made = plan(Scenario(200_000, interval=3 * 3600))

    sentences = list(advice(made))

    assert not made.fits
    assert "raise PROBE_CONCURRENCY" in sentences[0]
    assert any(sentence.startswith("PROBE_CONCURRENCY=16 is enough") for sentence in sentences)


def test_a_scan_that_fits_needs_no_advice():
    assert list(advice(plan(Scenario(1_000)))) == []


@given(st.integers(1, 10**6), st.integers(1, 63), st.floats(0.001, 5), st.sampled_from(list(Backend)))
def test_more_concurrency_never_takes_longer(users, concurrency, latency, backend):
    scenario = Scenario(users, latency, concurrency, backend=backend)

    more = plan(replace(scenario, concurrency=scenario.concurrency + 1))

    assert more.probing_seconds <= plan(scenario).probing_seconds * 1.0001


def test_recheck_days_save_requests():
    scenario = Scenario(100_000)

    assert plan(replace(scenario, skipped=0.4)).seconds < plan(scenario).seconds


def test_measured_scans_are_compared_with_the_plan():
    measured = {"users": 2_000, "concurrency": 16, "latency": 0.0, "seconds": 24.0, "cpu": 20.0}

    (checked,) = check(Bench({}, is_quick=False, tables={"scans": [measured]}))

    assert checked.ratio == pytest.approx(24 / checked.planned_seconds)
    assert 20 < checked.planned_seconds < 25


def test_the_exit_code_shows_whether_every_scan_fits(capsys):
    assert main(["--users", "1000", "--backend", "storage"]) == 0
    assert main(["--users", "1000000", "--backend", "storage"]) == 1
    assert "or scan at most every" in capsys.readouterr().out
