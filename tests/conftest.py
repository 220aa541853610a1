"""One Azurite for all tests, in which each test has a storage account of its own, and one deployment to read from."""

import gc
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import certifi
import pytest
import pytest_asyncio
from hypothesis import settings

from local.azurite import Azurite, azurite_tables

settings.register_profile("any machine", deadline=None, database=None)
settings.register_profile("quick", settings.get_profile("any machine"), max_examples=20)
settings.load_profile("any machine")

ACCOUNTS = tuple(f"test{number:03}" for number in range(500))


@pytest.fixture(scope="session", autouse=True)
def one_public_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trust only one public certificate authority in this process: to read all takes 17 ms for each client."""
    first, end, _ = certifi.contents().partition("-----END CERTIFICATE-----")
    bundle = tmp_path_factory.mktemp("certificates") / "public.pem"
    bundle.write_text(first + end + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certifi, "where", lambda: str(bundle))
        yield


@pytest.fixture(scope="session")
def storage_accounts() -> Iterator[Iterator[Azurite]]:
    """Storage accounts that no test has used yet."""
    with azurite_tables(accounts=ACCOUNTS) as running:
        yield (replace(running, account=account) for account in ACCOUNTS)


@pytest.fixture
def azurite(storage_accounts: Iterator[Azurite]) -> Azurite:
    """A storage account without tables."""
    return next(storage_accounts)


@pytest_asyncio.fixture(loop_scope="session", scope="session", params=[None], ids=["shared deployment"])
async def scanned(storage_accounts: Iterator[Azurite], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    """The deployment for tests that only read (``tests.e2e.scanned``)."""
    from tests.e2e.deployment import deployed, tenant_of
    from tests.e2e.scanned import SHARED_PAGES, USERS

    folder, azurite = tmp_path_factory.mktemp("scanned"), next(storage_accounts)
    settings = {"SHARED_PAGES": "true", "LIVE_LOOKUPS_PER_MINUTE": "10000"}
    async with (
        tenant_of(folder, users=USERS, mix="default", shared_pages=SHARED_PAGES) as tenant,
        deployed(tenant, azurite, **settings) as product,
    ):
        await product.scan()
        yield product


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let tests that share a fixture run in the same process."""
    from tests.scheduling import SharedFixturesTogether

    return SharedFixturesTogether(config, log)


def pytest_collection_finish() -> None:
    """Modules and tests live until the end, so no garbage collection needs to visit them."""
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Mark the tests that need a server: `make quick` leaves them out."""
    for item in items:
        if {"azurite", "storage_accounts", "sample_host", "scanned"} & set(item.fixturenames):
            item.add_marker(pytest.mark.servers)
