"""A scan is stopped while Azure terminates late, on the local host's engine, with its hazard and a virtual clock.

The engine, the orchestrators in Microsoft's SDK, the probes and the way a scan is stopped are the real ones; storage,
Microsoft 365 and the time are not. So a delay of 12 seconds is one of 12 seconds for them, and none for the test.
"""

import asyncio
import json
from types import SimpleNamespace
from typing import Any, NoReturn
from uuid import UUID

import pytest

from atlas.domain.mailboxes import Mailbox
from atlas.microsoft365.failures import Unreachable
from atlas.scans.lifecycle import OrchestrationStatus, ScanStopping, start_scan, stop_scan
from atlas.scans.messages import ListingResult, OrganizationResult, ProbeRequest, ScanRequest
from atlas.scans.probing import probe_one
from local.host.durable.engine import Engine
from local.host.durable.hazards import Hazards
from local.host.durable.instances import Status
from local.host.durable.tasks import Functions
from orchestrators import names, scan_page, scan_tenant
from tests.orchestrators.virtual_time import run_in_virtual_time
from tests.scans.conftest import MemoryTenant, user

pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads")
USERS_PER_PAGE = 12
PROBE_SECONDS = 0.5
IN_FLIGHT = 4
"""Probes that may have begun before the scan lost the lock; in 10 seconds there would be 80 more."""
ORCHESTRATORS: Any = {
    names.SCAN_TENANT: scan_tenant.scan_tenant.build().get_user_function(),
    names.SCAN_PAGE: scan_page.scan_page.build().get_user_function(),
}
ACTIVITIES = frozenset(value for name, value in vars(names).items() if name.isupper()) - ORCHESTRATORS.keys()


class Deployment:
    """An engine that runs the scans of a tenant without end, and the durable client for it."""

    def __init__(self, terminate_seconds: float) -> None:
        self.tenant = MemoryTenant()
        self.engine = Engine(
            self._run_orchestrator,
            self._run_activity,
            Functions(frozenset(ORCHESTRATORS), ACTIVITIES),
            hazards=Hazards(terminate_seconds=terminate_seconds),
        )

    async def start_scan(self, request: ScanRequest) -> None:
        self.engine.start(names.SCAN_TENANT, request.scan_id, json.dumps(json.dumps(request.to_dict())))

    async def get(self, instance_id: str) -> OrchestrationStatus | None:
        instance = self.engine.instances.get(instance_id)
        if instance is None:
            return None
        was_terminated = instance.status is Status.TERMINATED
        return OrchestrationStatus(not instance.has_ended, was_terminated, instance.custom_status)

    async def terminate(self, instance_id: str, reason: str) -> None:
        self.engine.terminate(self.engine.instances[instance_id], reason)

    def active(self) -> set[str]:
        return {one.instance_id for one in self.engine.instances.values() if not one.has_ended}

    async def _run_orchestrator(self, name: str, request: str) -> str:
        result: str = ORCHESTRATORS[name](SimpleNamespace(body=request))
        return result

    async def _run_activity(self, name: str, argument: str) -> str:
        request = json.loads(argument)
        if name == names.PROBE_USER:
            await asyncio.sleep(PROBE_SECONDS)
            result: dict[str, Any] = (await probe_one(self.tenant.resources, ProbeRequest.from_dict(request))).to_dict()
        elif name == names.LIST_USERS:
            result = ListingResult(count=1_000_000).to_dict()
        elif name == names.JOIN_MAILBOXES:
            result = await self._join_mailboxes(request)
        else:
            result = OrganizationResult(exchange_enabled=False).to_dict() if name == names.READ_ORGANIZATION else {}
        return json.dumps(result)

    async def _join_mailboxes(self, request: dict[str, Any]) -> dict[str, Any]:
        numbers = range(request["page"] * USERS_PER_PAGE, (request["page"] + 1) * USERS_PER_PAGE)
        users = [(user(number), Mailbox(UUID(int=number), None, "UserMailbox", True)) for number in numbers]
        await self.tenant.resources.census.add_users(request["scan_id"], request["page"], users)
        return {"count": USERS_PER_PAGE}


class Down:
    """A Bookings service that does not respond: after a few probes, all lanes wait on durable timers."""

    def __init__(self) -> None:
        self.requested: list[UUID] = []

    async def get_page(self, mailbox_guid: UUID) -> NoReturn:
        self.requested.append(mailbox_guid)
        raise Unreachable("503")


async def stopped(terminate_seconds: float, *, is_down: bool) -> tuple[Deployment, int, float]:
    """A deployment whose scan was stopped, how many pages were requested until then, and how long stopping took."""
    one = Deployment(terminate_seconds)
    if is_down:
        one.tenant.pages = Down()  # type: ignore[assignment]
    scan = await start_scan(one.tenant.resources, one, "http", "0" * 8)
    await asyncio.sleep(200 if is_down else 10)  # down: each lane then waits for 160 seconds
    loop, requested = asyncio.get_running_loop(), len(one.tenant.pages.requested)
    began = loop.time()
    await stop_scan(one.tenant.resources, one, scan)
    return one, requested, loop.time() - began


@pytest.mark.parametrize("seconds", [0.0, 3.0, 12.0])
def test_a_scan_that_probes_ends_before_it_is_terminated(seconds: float) -> None:
    """Its probes lose the lock, so its lanes and then their parent end by themselves."""

    async def run() -> None:
        one, requested, waited = await stopped(seconds, is_down=False)

        assert requested > USERS_PER_PAGE
        assert len(one.tenant.pages.requested) <= requested + IN_FLIGHT
        assert not one.active()
        assert await one.tenant.resources.scans.get_lock() is None
        assert waited < 3

    run_in_virtual_time(run())


@pytest.mark.parametrize("seconds", [0.0, 3.0])
def test_stopping_waits_for_lanes_that_end_late(seconds: float) -> None:
    async def run() -> None:
        one, requested, waited = await stopped(seconds, is_down=True)

        assert not one.active()
        assert await one.tenant.resources.scans.get_lock() is None
        assert seconds <= waited < seconds + 1
        assert len(one.tenant.pages.requested) <= requested + IN_FLIGHT

    run_in_virtual_time(run())


def test_lanes_that_end_after_the_caller_keep_the_lock() -> None:
    """Azure terminates them 12 seconds after the request, and the caller of the route waits for 10."""

    async def run() -> None:
        one, requested, waited = await stopped(12.0, is_down=True)
        lock, still_active = await one.tenant.resources.scans.get_lock(), one.active()
        other = await start_scan(one.tenant.resources, one, "http", "1" * 8)
        new_lock, ended = await one.tenant.resources.scans.get_lock(), still_active - one.active()

        assert 9 < waited < 11
        assert lock is not None
        assert lock.is_stopping
        assert still_active
        assert ended == still_active
        assert new_lock is not None
        assert new_lock.scan_id == other.scan_id
        assert len(one.tenant.pages.requested) <= requested + IN_FLIGHT

    run_in_virtual_time(run())


def test_no_scan_starts_while_lanes_may_run() -> None:
    async def run() -> None:
        one, requested, _ = await stopped(60.0, is_down=True)
        for attempt in range(3):
            with pytest.raises(ScanStopping):
                await start_scan(one.tenant.resources, one, "http", f"{attempt:08x}")
        assert len(one.tenant.pages.requested) <= requested + IN_FLIGHT
        await asyncio.sleep(60)
        await start_scan(one.tenant.resources, one, "http", "f" * 8)

    run_in_virtual_time(run())
