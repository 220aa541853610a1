"""`make bench`: measures everything, prints a table, and writes bench.json."""

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure, cost_of_a_scan, efficiency, growth

QUICK = bool(os.environ.get("QUICK"))
"""A tenth of the size of everything: to see that it works, not to compare."""


async def measure() -> list[Figure]:
    """Every figure, one run after another."""
    share = 10 if QUICK else 1
    return [
        *await cost_of_a_scan(5_000 // share),
        *await efficiency(600 // share),
        *await growth(20_000 // share),
    ]


def main() -> None:
    """Measure, show, and keep."""
    figures = asyncio.run(measure())
    table = Table("figure", "value", "how")
    for figure in figures:
        table.add_row(figure.name, f"{figure.value:.2f}{figure.unit}", figure.how)
    Console().print(table)
    Path("bench.json").write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")


main()
