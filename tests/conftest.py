"""One Azurite for all tests: each test has a storage account of its own, whose tables begin empty."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import settings

from local.azurite import Azurite, azurite_tables

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

ACCOUNTS = tuple(f"test{number:03}" for number in range(500))


@pytest.fixture(scope="session")
def storage_accounts() -> Iterator[Iterator[Azurite]]:
    """Storage accounts that no test has used yet."""
    with azurite_tables(accounts=ACCOUNTS) as running:
        yield (replace(running, account=account) for account in ACCOUNTS)


@pytest.fixture
def azurite(storage_accounts: Iterator[Azurite]) -> Azurite:
    """A storage account without tables."""
    return next(storage_accounts)


@pytest.fixture
def azurite_accounts(storage_accounts: Iterator[Azurite]) -> list[Azurite]:
    """Two storage accounts without tables."""
    return [next(storage_accounts) for _ in range(2)]


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Mark the tests that need a server: `make quick` leaves them out."""
    for item in items:
        if {"azurite", "storage_accounts", "sample_host"} & set(item.fixturenames):
            item.add_marker(pytest.mark.servers)
