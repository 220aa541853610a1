"""Runs the fault matrix and writes its outcome into docs/reliability.md: `make reliability`."""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

from local.azurite import Azurite, azurite_tables
from tests.faults.faults import STORAGE, TRANSIENT
from tests.faults.matrix import GONE_QUIET, PROBES, Outcome, try_lasting, try_storage, try_transient

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- begin: make reliability -->", "<!-- end: make reliability -->"

type Trial = Callable[[Path, Azurite], Awaitable[Outcome]]


def trials() -> Iterator[tuple[str, int, Trial]]:
    """What each row of the table tries, and how many faults that are."""
    yield ", ".join(PROBES), len(TRANSIENT) * len(PROBES), try_probes
    yield "tables", len(STORAGE), try_storage
    for name in GONE_QUIET:
        yield name, 1, lambda folder, azurite, this=name: try_lasting(folder, azurite, this)


async def try_probes(folder: Path, azurite: Azurite) -> Outcome:
    """The transient faults of the Bookings service."""
    return await try_transient(folder, azurite, PROBES)


def row(what: str, count: int, outcome: Outcome) -> str:
    """One line of the table."""
    tried = len(set(outcome.tried))
    lost = len(outcome.wrong) + outcome.changes
    attempts = outcome.attempts or "-"
    cells = (what, f"{tried} of {count}", outcome.state, lost, outcome.unknown, len(outcome.early), attempts)
    return f"| {' | '.join(map(str, cells))} |"


async def table() -> list[str]:
    """Run every trial, each with a storage account of its own."""
    lines = [
        "| operations, faults | tried | the scan | lost or wrong | unknown for now | early retries | most attempts |",
        "|---|---|---|---|---|---|---|",
    ]
    accounts = tuple(f"trial{number}" for number in range(30))
    with azurite_tables(accounts=accounts) as azurite:
        for account, (what, count, trial) in zip(accounts, trials(), strict=False):
            with tempfile.TemporaryDirectory() as folder:
                lines.append(row(what, count, await trial(Path(folder), replace(azurite, account=account))))
            sys.stdout.write(lines[-1] + "\n")
    return lines


def main() -> None:
    """Replace the table in the document."""
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    lines = asyncio.run(table())
    DOCUMENT.write_text("\n".join([f"{before}{BEGIN}", *lines, f"{END}{after}"]), encoding="utf-8")


if __name__ == "__main__":
    main()
