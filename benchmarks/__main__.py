"""`make bench`: measures everything, prints a table, and writes bench.json. QUICK=1: a tenth of it."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from rich.console import Console

from benchmarks import measurements as measure
from benchmarks.figures import Figure, Results
from benchmarks.report import Bench, print_table

QUICK = bool(os.environ.get("QUICK"))
FILE = Path(os.environ.get("BENCH_FILE", "bench.json"))
TIMEOUT_SECONDS = 600.0
"""Of one measurement, so that one that hangs does not cost the others."""
TOTAL_SECONDS = 20 * 60.0
"""What has not been measured by then is shown as such; the order of the plan is that of importance."""

type Measurement = Callable[[], Awaitable[Results]]


def plan() -> dict[str, Measurement]:
    """Every measurement, the important ones first."""
    share, runs = (0.1, 1) if QUICK else (1.0, 3)
    users = round(5_000 * share)
    return {
        "cost": partial(measure.cost_of_a_scan, users, runs, 100 if QUICK else 400),
        **{
            f"efficiency {concurrency}": partial(
                measure.efficiency, concurrency, runs, measure.users_for(concurrency, share)
            )
            for concurrency in measure.CONCURRENCIES
        },
        "script": partial(measure.against_the_script, measure.users_for(16, share / 2), 10, runs),
        "profile": partial(measure.time_of_a_user, round(2_000 * share)),
        "shared pages": partial(measure.shared_pages, 25, 50),
        "rechecks": partial(measure.rechecks, round(1_000 * share), 7),
        "growth": partial(measure.growth, round(2_000 * share), round(20_000 * share), runs),
        "growth on Azurite": partial(measure.growth_on_azurite, round(500 * share), round(2_500 * share)),
    }


async def run(wanted: list[str], console: Console) -> Bench:
    """Run the measurements one after another. What fails is a figure with a problem; the file is always complete."""
    bench, ends_at = Bench.empty(is_quick=QUICK), time.perf_counter() + TOTAL_SECONDS
    for name, measurement in plan().items():
        if wanted and name not in wanted:
            continue
        started_at = time.perf_counter()
        try:
            async with asyncio.timeout(max(0.0, min(TIMEOUT_SECONDS, ends_at - started_at))):
                results = await measurement()
        except TimeoutError:
            problem = f"did not end in {time.perf_counter() - started_at:.0f} s"
            results = Results([Figure(name, (), "", problem=problem)])
        except Exception as error:  # noqa: BLE001 - one figure that fails must not lose the others
            results = Results([Figure(name, (), "", problem=f"{type(error).__name__}: {error}"[:300])])
        console.print(f"{name}: {time.perf_counter() - started_at:.0f} s")
        bench = bench.with_results(results)
        bench.write(FILE)
    return bench


def main() -> int:
    """Measure what the arguments name, or everything; the exit code is 1 if something could not be measured."""
    console = Console()
    bench = asyncio.run(run(sys.argv[1:], console))
    print_table(bench, console)
    return int(any(figure["problem"] for figure in bench.figures))


if __name__ == "__main__":
    sys.exit(main())
