"""What `make bench` writes: figures with their spread, and the page that states the committed run."""

import json

import pytest

from benchmarks import __main__ as bench_command
from benchmarks.figures import Figure, Results, Target
from benchmarks.report import DATA, PAGE, Bench, generated_part, page_with, rows_of


def test_the_page_states_the_committed_run():
    page = PAGE.read_text(encoding="utf-8")

    assert page == page_with(page, generated_part(Bench.read(DATA)))


def test_a_figure_is_a_median_with_its_spread():
    figure = Figure("overhead", (3.5, 2.0, 2.5), "how", Target(3.0), "x").to_dict()

    assert (figure["value"], figure["lowest"], figure["highest"], figure["runs"]) == (2.5, 2.0, 3.5, 3)
    assert figure["met"] is True


@pytest.mark.parametrize(("values", "met"), [((0.95,), True), ((0.85,), False), ((), False)])
def test_a_target_may_be_a_lower_bound(values, met):
    assert Figure("efficiency", values, "how", Target(0.9, at_least=True)).is_met is met


def test_results_of_several_measurements_are_collected():
    bench = Bench.empty(is_quick=True)
    for seconds in (1.0, 2.0):
        bench = bench.with_results(Results([], {"scans": [{"seconds": seconds}]}))

    assert bench.tables["scans"] == [{"seconds": 1.0}, {"seconds": 2.0}]


async def test_a_measurement_that_fails_does_not_lose_the_others(monkeypatch, tmp_path, capsys):
    async def works():
        return Results([Figure("good", (1.0,), "how")])

    async def fails():
        raise RuntimeError("the host did not start")

    monkeypatch.setattr(bench_command, "plan", lambda: {"first": fails, "second": works})
    monkeypatch.setattr(bench_command, "FILE", tmp_path / "bench.json")

    bench = await bench_command.run([], bench_command.Console())

    written = json.loads((tmp_path / "bench.json").read_text())
    assert [figure["name"] for figure in written["figures"]] == ["first", "good"]
    assert rows_of(bench)[0][-1] == "RuntimeError: the host did not start"
