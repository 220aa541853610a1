"""Bench.json, and the page docs/performance.md that is generated from it."""

import json
import os
import platform
import sys
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Results

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
DATA = Path(__file__).parent / "bench.json"
"""The run from which the page is generated."""
BEGIN, END = "<!-- generated from benchmarks/bench.json -->", "<!-- end of the generated part -->"
QUICK_RUN = "**A tenth of the size (`QUICK=1`), on a machine that was busy: not to be compared with the targets.**"
VERSIONS = ("aiohttp", "httpx", "azure-functions-durable", "azure-functions-runtime", "pydantic")


@dataclass(frozen=True)
class Bench:
    """One run of `make bench`."""

    machine: dict[str, Any]
    is_quick: bool
    figures: list[dict[str, Any]] = field(default_factory=list)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def empty(cls, *, is_quick: bool) -> Self:
        """A run on this machine, without figures."""
        machine = {
            "system": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count(),
            "memoryGiB": round(psutil.virtual_memory().total / 2**30),
            "python": platform.python_version(),
            **{name: version(name) for name in VERSIONS},
        }
        return cls(machine, is_quick)

    @classmethod
    def read(cls, file: Path) -> Self:
        """The run in a file."""
        return cls(**json.loads(file.read_text(encoding="utf-8")))

    def with_results(self, results: Results) -> "Bench":
        """The run with one more measurement."""
        figures = [*self.figures, *(figure.to_dict() for figure in results.figures)]
        names = dict.fromkeys([*self.tables, *results.tables])
        tables = {name: [*self.tables.get(name, []), *results.tables.get(name, [])] for name in names}
        return replace(self, figures=figures, tables=tables)

    def write(self, file: Path) -> None:
        """Write the run to a file."""
        file.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def print_table(bench: Bench, console: Console) -> None:
    """Show the figures."""
    table = Table("figure", "median", "spread", "target", "met", "how")
    for row in rows_of(bench):
        table.add_row(*row)
    console.print(table)


def rows_of(bench: Bench) -> list[tuple[str, ...]]:
    """The cells of the table of figures."""
    return [
        (
            figure["name"],
            _number(figure["value"], figure["unit"]),
            f"{_number(figure['lowest'])} to {_number(figure['highest'])}" if figure["runs"] > 1 else "",
            figure["target"] or "",
            {True: "yes", False: "**no**", None: ""}[figure["met"]],
            figure["problem"] or figure["how"],
        )
        for figure in bench.figures
    ]


def generated_part(bench: Bench) -> str:
    """The part of docs/performance.md that states the run."""
    machine = ", ".join(f"{name} {value}" for name, value in bench.machine.items())
    lines = [f"Measured on: {machine}.", *([QUICK_RUN] if bench.is_quick else []), ""]
    lines += _markdown(("figure", "median", "spread", "target", "met", "how"), rows_of(bench))
    for title, rows in bench.tables.items():
        lines += ["", f"### {title.capitalize()}", ""]
        lines += _markdown(tuple(rows[0]), [tuple(str(value) for value in row.values()) for row in rows])
    return "\n".join(lines)


def page_with(page: str, generated: str) -> str:
    """The page with this generated part."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{generated}\n\n{END}{after}"


def _number(value: float | None, unit: str = "") -> str:
    return "-" if value is None else f"{value:g}{unit}"


def _markdown(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *rows)]


def main(arguments: list[str]) -> None:
    """Copy the run in a file, if one is given, and write the page."""
    if arguments:
        Bench.read(Path(arguments[0])).write(DATA)
    PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8"), generated_part(Bench.read(DATA))), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
