"""Runs the fault matrix and writes its outcome into docs/reliability.md: `make reliability`."""

import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from local.azurite import Azurite, azurite_tables
from tests.faults.faults import DEFECTS, INTERRUPTIONS, STORAGE, TRANSIENT
from tests.faults.matrix import (
    LASTING,
    READ_ONLY,
    TRIALS,
    Outcome,
    try_interruptions,
    try_lasting,
    try_read_only_storage,
    try_storage,
    try_transient,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- begin: make reliability -->", "<!-- end: make reliability -->"
ACCOUNTS = tuple(f"trial{number}" for number in range(20))
HEADER = "| tried | faults | the scan | lost or wrong | unknown for now | early retries | most attempts |"


def row(what: str, count: int, outcome: Outcome) -> str:
    """One line of the table of outcomes."""
    tried = len(set(outcome.tried))
    lost = len(outcome.wrong) + outcome.changes
    early = "-" if outcome.early is None else len(outcome.early)
    attempts = outcome.attempts or "-"
    cells = (what, f"{tried} of {count}", outcome.state, lost, outcome.unknown, early, attempts)
    return f"| {' | '.join(map(str, cells))} |"


async def outcomes(folder: Path, accounts: Sequence[Azurite]) -> list[str]:
    """Run every trial, each with a storage account of its own."""
    lines, account = [HEADER, "|---|---|---|---|---|---|---|"], iter(accounts)

    def add(line: str) -> None:
        lines.append(line)
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    for number, trial in enumerate(TRIALS):
        outcome = await try_transient(_made(folder, f"transient{number}"), next(account), trial)
        add(row(f"{trial.title}: {', '.join(trial.operations)}", len(TRANSIENT) * len(trial.operations), outcome))
    outcome = await try_interruptions(_made(folder, "interruptions"), next(account))
    add(row("listings, interrupted", len(INTERRUPTIONS) + len(DEFECTS), outcome))
    add(row("tables", len(STORAGE), await try_storage(_made(folder, "storage"), next(account))))
    add(row(READ_ONLY, 1, await try_read_only_storage(_made(folder, "readonly"), next(account))))
    lasting = await try_lasting(_made(folder, "lasting"), next(account), tuple(LASTING))
    for name, outcome in lasting.items():
        add(row(name, 1, outcome))
    return lines


def faults() -> Iterator[str]:
    """The faults of the first rows, by name."""
    yield f"Transient faults ({len(TRANSIENT)}): {'; '.join(TRANSIENT)}."
    yield ""
    yield f"Interruptions ({len(INTERRUPTIONS) + len(DEFECTS)}): {'; '.join((*INTERRUPTIONS, *DEFECTS))}."
    yield ""
    yield f"Faults of the tables ({len(STORAGE)}): {'; '.join(STORAGE)}."


def _made(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def main() -> None:
    """Replace what is between the marks in the document."""
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    with azurite_tables(accounts=ACCOUNTS) as azurite, tempfile.TemporaryDirectory() as folder:
        accounts = [replace(azurite, account=account) for account in ACCOUNTS]
        lines = asyncio.run(outcomes(Path(folder), accounts))
    DOCUMENT.write_text("\n".join([f"{before}{BEGIN}", *lines, "", *faults(), f"{END}{after}"]), encoding="utf-8")


if __name__ == "__main__":
    main()
