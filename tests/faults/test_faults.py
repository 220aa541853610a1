"""The fault matrix: every service, every fault, on the whole product."""

from pathlib import Path

import pytest

from local.azurite import Azurite
from tests.faults.faults import DEFECTS, INTERRUPTIONS, STORAGE, TRANSIENT
from tests.faults.matrix import (
    LANES,
    LASTING,
    TRIALS,
    Trial,
    try_interruptions,
    try_lasting,
    try_read_only_storage,
    try_storage,
    try_transient,
)

MAX_ATTEMPTS = 12
MAX_ATTEMPTS_IN_HOURS = LANES * 34 * 3
"""Each lane sends one trial probe after each of the 33 waits that make up 6 hours, of up to 3 requests."""
SHARES = 7
"""The lasting faults are divided among so many tests, each with a tenant of its own."""
MAX_UNKNOWN = 6
"""Of 62 users. One who meets two unreadable responses in a row stays `unknown` until the next scan."""


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.title)
async def test_transient_faults_lose_nothing(tmp_path: Path, azurite: Azurite, trial: Trial) -> None:
    """Every fault is met once, the scan completes, every row is right, and no retry comes too early."""
    outcome = await try_transient(tmp_path, azurite, trial)

    assert {*outcome.tried} == {(operation, name) for operation in trial.operations for name in TRANSIENT}
    assert outcome.state == "completed"
    assert outcome.wrong == ()
    assert outcome.early == ()
    assert outcome.changes == 0
    assert outcome.unknown <= MAX_UNKNOWN
    assert outcome.attempts <= MAX_ATTEMPTS


async def test_interrupted_listings_are_completed(tmp_path: Path, azurite: Azurite) -> None:
    """Each rejected token is replaced by one new token."""
    outcome = await try_interruptions(tmp_path, azurite)

    assert {name for _, name in outcome.tried} == {*INTERRUPTIONS, *DEFECTS}
    assert (outcome.state, outcome.wrong, outcome.changes, outcome.unknown) == ("completed", (), 0, 0)
    assert outcome.tokens == sum(fault.status == 401 for fault in INTERRUPTIONS.values())
    assert outcome.attempts <= MAX_ATTEMPTS


async def test_storage_faults_lose_nothing(tmp_path: Path, azurite: Azurite) -> None:
    outcome = await try_storage(tmp_path, azurite)

    assert {name for _, name in outcome.tried} == set(STORAGE)
    assert (outcome.state, outcome.wrong, outcome.changes, outcome.unknown) == ("completed", (), 0, 0)


async def test_storage_that_refuses_writes_loses_nothing(tmp_path: Path, azurite: Azurite) -> None:
    """A scan that cannot be started meanwhile returns 503."""
    outcome = await try_read_only_storage(tmp_path, azurite)

    assert outcome.state == "failed, the next one completed"
    assert (outcome.wrong, outcome.changes, outcome.unknown) == ((), 0, 0)


@pytest.mark.parametrize("share", range(SHARES))
async def test_lasting_faults_end_the_scan_and_lose_nothing(tmp_path: Path, azurite: Azurite, share: int) -> None:
    names = list(LASTING)[share::SHARES]
    outcomes = await try_lasting(tmp_path, azurite, names)

    assert {name: outcome.state for name, outcome in outcomes.items()} == {name: LASTING[name].state for name in names}
    for name, outcome in outcomes.items():
        assert (outcome.wrong, outcome.changes) == ((), 0), name
        assert outcome.reasons <= {LASTING[name].reason}, name
        assert bool(outcome.unknown) == bool(LASTING[name].reason), name
        assert outcome.attempts <= MAX_ATTEMPTS_IN_HOURS, name
