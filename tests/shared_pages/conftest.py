"""A simulated tenant, tables in memory, and the steps of the inventory called one after the other, without a host."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from atlas import wiring
from atlas.domain.scans import new_scan_id
from atlas.domain.shared_pages.changes import SharedPageChange
from atlas.domain.shared_pages.rows import SharedPageRow
from atlas.domain.statuses import Status
from atlas.domain.user_rows import UserRow
from atlas.domain.users import LicensedUser
from atlas.resources import Resources
from atlas.scans.shared_progress import SharedPages
from atlas.settings import Settings
from local.simulator import SharedPage, SharedPageKind, SimulatedTenant, TenantPlan, running
from tests.memory_store import MemoryStore
from tests.shared_pages.stage import run_stage

PERMITTED = ("User.Read.All", "Bookings.Read.All", "GroupMember.Read.All", "AuditLogsQuery-Exchange.Read.All")


@dataclass
class Inventory:
    """The stage of shared pages of one tenant."""

    tenant: SimulatedTenant
    resources: Resources
    connect: Callable[[], Awaitable[Resources]]
    scans: int = 0
    hours: float = 0
    waited: float = 0

    async def run(self) -> SharedPages:
        """Run the stage as the orchestration would, without waiting; returns its state at the end."""
        self.scans += 1
        scan_id = new_scan_id(
            datetime(2026, 11, 21, tzinfo=UTC) + timedelta(days=self.scans),
            f"{self.tenant.state.plan.seed:04x}{self.scans:04x}",
        )
        shared, waited = await run_stage(self.resources, scan_id)
        self.waited += waited
        return shared

    async def know_people(self) -> None:
        """Write a row for every licensed user, as the stage of personal pages does."""
        at = self.resources.clock()
        for index in range(self.tenant.state.tenant.population.licensed):
            user = self.tenant.state.tenant.user(index)
            if user and user.object_id and user.is_licensed:
                person = LicensedUser(user.object_id, user.upn, user.display_name, mail=user.mail)
                row = UserRow(
                    person,
                    Status.NOT_SET_UP,
                    at,
                    recipient_type=user.recipient_type,
                    primary_smtp_address=user.primary_smtp,
                )
                await self.resources.index.add(row, None)
                await self.resources.rows.save(row, None, None)

    async def rows(self) -> dict[str, SharedPageRow]:
        """Every row by its address."""
        return {stored.row.address: stored.row async for stored in self.resources.shared.rows.iterate()}

    async def changes(self) -> list[SharedPageChange]:
        """Every change, oldest first."""
        return [change async for _, change in self.resources.shared.changes.iterate()]

    async def later(self, hours: float = 1, **behaviour: Any) -> None:
        """Let time pass for the product, and the tenant behave in another way; new permissions need new tokens."""
        self.hours += hours
        self.tenant.state.behave(behaviour)
        resources, passed = await self.connect(), timedelta(hours=self.hours)
        clock = resources.clock
        self.resources = with_clock(resources, lambda: clock() + passed)

    def act(self, page: SharedPage, action: str, **more: Any) -> None:
        """Do something to a page of the tenant."""
        self.tenant.control.change_shared_page(str(page.index), action, **more)

    def page(self, kind: SharedPageKind) -> SharedPage:
        """The first page of a kind."""
        return next(page for page in self.pages() if page.kind is kind)

    def pages(self) -> list[SharedPage]:
        """The pages of the tenant that either source lists."""
        pages = self.tenant.state.shared_pages.all()
        return [page for page in pages if page.kind is not SharedPageKind.MALFORMED]


def with_clock(resources: Resources, clock: Callable[[], datetime]) -> Resources:
    shared = replace(resources.shared, outbox=replace(resources.shared.outbox, clock=clock))
    return replace(resources, clock=clock, shared=shared)


type Start = Callable[..., Awaitable[Inventory]]


@pytest.fixture
async def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Starts a tenant; keywords that are settings are in upper case, the others are of its plan."""
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> Inventory:
            settings = {name: value for name, value in options.items() if name.isupper()}
            plan = {name: value for name, value in options.items() if not name.isupper()}
            simulated = TenantPlan(**{"users": 40, "shared_pages": len(SharedPageKind) - 1, **plan})
            tenant = await stack.enter_async_context(running(simulated, folder=tmp_path))
            tenant.state.behave({"sign_in": {"graph_roles": PERMITTED}})
            environment = {**tenant.settings(), "AzureWebJobsStorage": "UseDevelopmentStorage=true", **settings}
            for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
                monkeypatch.setenv(name, environment[name])
            store: Any = MemoryStore()

            async def connect() -> Resources:
                loaded = Settings.load(environment)
                clients, _ = await stack.enter_async_context(wiring.open_clients(loaded))
                return wiring.resources_with(loaded, clients, store)

            return Inventory(tenant, await connect(), connect)

        yield start
