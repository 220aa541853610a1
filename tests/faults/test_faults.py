"""The fault matrix: every service, every fault, on the whole product."""

from pathlib import Path

import pytest

from local.azurite import Azurite
from tests.faults.faults import STORAGE, TRANSIENT
from tests.faults.matrix import GONE_QUIET, PROBES, try_lasting, try_storage, try_transient

MAX_ATTEMPTS = 12
MAX_UNKNOWN = 5
"""Of 52 users. One who meets two unreadable responses in a row stays `unknown` until the next scan."""


async def test_transient_faults_lose_nothing(tmp_path: Path, azurite: Azurite) -> None:
    """Every fault is met once, the scan completes, every row is right, and no retry comes too early."""
    outcome = await try_transient(tmp_path, azurite, PROBES)

    assert {*outcome.tried} == {(operation, name) for operation in PROBES for name in TRANSIENT}
    assert outcome.state == "completed"
    assert outcome.wrong == ()
    assert outcome.early == ()
    assert outcome.changes == 0
    assert outcome.unknown <= MAX_UNKNOWN
    assert outcome.attempts <= MAX_ATTEMPTS


async def test_storage_faults_lose_nothing(tmp_path: Path, azurite: Azurite) -> None:
    outcome = await try_storage(tmp_path, azurite)

    assert {name for _, name in outcome.tried} == set(STORAGE)
    assert (outcome.state, outcome.wrong, outcome.changes, outcome.unknown) == ("completed", (), 0, 0)


@pytest.mark.parametrize("name", GONE_QUIET)
async def test_lasting_faults_end_the_scan_and_lose_nothing(tmp_path: Path, azurite: Azurite, name: str) -> None:
    outcome = await try_lasting(tmp_path, azurite, name)

    assert outcome.state == GONE_QUIET[name][1]
    assert outcome.wrong == ()
    assert outcome.changes == 0
