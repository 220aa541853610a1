"""The product's clients, opened as the product opens them, against a simulated tenant and a real Azurite."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4  # noqa: TID251 - an edge: every test has a tenant of its own

import pytest
import stamina

from atlas.domain.pages import PageRules, sign_in_hosts
from atlas.microsoft365.bookings_pages import BookingsPages
from atlas.microsoft365.calls import MAX_REQUEST_ATTEMPTS, ApiClient
from atlas.microsoft365.connections import open_http, open_session, trusted_authorities
from atlas.microsoft365.exchange import Exchange
from atlas.microsoft365.graph import Graph
from atlas.microsoft365.sign_in import EXCHANGE_SCOPE, GRAPH_SCOPE, SignIn, sign_in_with
from atlas.microsoft365.signed_calls import SignedApiClient
from atlas.settings import Settings, StorageByConnectionString
from atlas.tables.store import TableStore, open_tables
from local.azurite import Azurite
from local.simulator import Behaviour, SimulatedTenant, TenantPlan, running

STORAGE = "UseDevelopmentStorage=true"


@pytest.fixture(autouse=True)
def retries_without_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=MAX_REQUEST_ATTEMPTS):
        yield


class Clients:
    """The clients of a simulated tenant."""

    def __init__(self, tenant: SimulatedTenant, settings: Settings, client: ApiClient, sign_in: SignIn) -> None:
        self.tenant = tenant
        self.settings = settings
        self.client = client
        self.sign_in = sign_in
        self.graph = Graph(SignedApiClient(client, sign_in, GRAPH_SCOPE, settings.graph_url))
        self.exchange = Exchange(
            SignedApiClient(client, sign_in, EXCHANGE_SCOPE, settings.exchange_url), settings.tenant_id
        )
        rules = PageRules(sign_in_hosts(settings.authority_host), settings.not_set_up_markers)
        self.pages = BookingsPages(client, settings.bookings_url, settings.tenant_id, rules)

    def request_count(self, service: str, operation: str) -> int:
        """How many requests the tenant received for this operation."""
        services = self.tenant.metrics()["services"]
        return int(services.get(service, {}).get("by_operation", {}).get(operation, 0))

    def licensed_users(self) -> list[dict[str, Any]]:
        """Every user who has to be listed."""
        return [user for user in self.tenant.users(top=5000) if user["expected"]["status"] != "notLicensed"]


@pytest.fixture
async def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Any]]:
    """Starts a tenant of a plan with its clients, and ends both with the test."""
    async with AsyncExitStack() as stack:

        async def start_tenant(
            behaviour: dict[str, Any] | None = None,
            *,
            settings_of: Callable[[SimulatedTenant], dict[str, str]] = SimulatedTenant.settings,
            **plan: Any,
        ) -> Clients:
            whole = TenantPlan(behaviour=Behaviour().with_changes(behaviour or {}), **plan)
            tenant = await stack.enter_async_context(running(whole, folder=tmp_path))
            environment = {**settings_of(tenant), "AzureWebJobsStorage": STORAGE}
            for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
                monkeypatch.setenv(name, environment[name])
            settings = Settings.load(environment)
            trust = trusted_authorities(settings.extra_certificates)
            client = ApiClient(await stack.enter_async_context(open_http(trust)))
            sign_in = sign_in_with(settings.sign_in, settings.tenant_id, settings.authority_host, trust)
            return Clients(tenant, settings, client, sign_in)

        yield start_tenant


@pytest.fixture
async def store(azurite: Azurite) -> AsyncIterator[TableStore]:
    async with opened_store(azurite) as opened:
        yield opened


@asynccontextmanager
async def opened_store(azurite: Azurite) -> AsyncIterator[TableStore]:
    """The tables of a storage account until the block ends."""
    storage = Settings.load({"TENANT_ID": str(uuid4()), "AzureWebJobsStorage": azurite.connection_string}).storage
    assert isinstance(storage, StorageByConnectionString)
    async with open_session(trusted_authorities(None)) as session:
        tables = open_tables(storage, session)
        yield tables
        await tables.aclose()
    await asyncio.sleep(0)  # closed connections say so on the next turn of the loop


@pytest.fixture
def tenant_id() -> str:
    """A tenant of this test alone: its rows are in partitions that no other test reads."""
    return str(uuid4())
