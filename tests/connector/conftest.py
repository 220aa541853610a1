"""One Azurite for each walk: tables begin empty."""

from collections.abc import Iterator

import pytest

from local.azurite import Azurite, azurite_tables


@pytest.fixture
def azurite() -> Iterator[Azurite]:
    with azurite_tables() as running:
        yield running
