"""One Azurite for all tests: each writes under a tenant of its own, so that none sees another's rows."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from local.azurite import Azurite, azurite_tables

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    with azurite_tables() as running:
        yield running
