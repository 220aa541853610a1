"""Tries the faults on the whole product: what was tried, what survived, and how many attempts it took.

``make reliability`` writes the outcome into docs/reliability.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.azurite import Azurite
from local.simulator.faults import Fault
from tests.e2e.deployment import Deployment, deployed, expected_statuses, tenant_of
from tests.faults.faults import STORAGE, TRANSIENT
from tests.faults.traffic import AlternatingFaults, recorded, storage_proxy

FAST = 300.0
"""How much faster durable timers run, so that waits of minutes and hours take seconds."""
HOURS = 20_000.0
"""The same where a scan waits out its whole budget of hours."""
PROBES = ("bookings.services", "bookings.getStaffAvailability")
GONE_QUIET: Mapping[str, tuple[Fault, str]] = {
    "graph, 503 for hours": (Fault("graph", status=503, times=None), "failed"),
    "graph, 403": (Fault("graph.users", status=403, times=None), "failed"),
    "exchange, 503 for hours": (Fault("exchange", status=503, times=None), "completed"),
    "exchange, 403": (Fault("exchange", status=403, times=None), "completed"),
    "bookings, 503 for hours": (Fault("bookings", status=503, times=None), "incomplete"),
    "bookings, reset for hours": (Fault("bookings", status=0, times=None), "incomplete"),
}
"""Faults that last longer than a scan waits, and how the scan ends."""


@dataclass(frozen=True)
class Outcome:
    """What a scan under faults came to."""

    tried: tuple[tuple[str, str], ...]
    """Operation and fault, each applied at least once."""
    state: str
    wrong: tuple[str, ...]
    """Users whose row is wrong, or lost something that was known before."""
    early: tuple[str, ...]
    attempts: int
    """How often one request was sent at most."""
    changes: int
    unknown: int = 0
    """Users who are `unknown` until the next scan, with a reason and everything that was known."""


def plan_of(operations: Sequence[str]) -> Mapping[str, list[str]]:
    """All transient faults for each operation."""
    return {operation: list(TRANSIENT) for operation in operations}


async def try_transient(folder: Path, azurite: Azurite, operations: Sequence[str]) -> Outcome:
    """One scan in which every operation meets every transient fault, between normal responses."""
    users = 2 * len(TRANSIENT)
    async with tenant_of(folder, users=users, mix="published") as tenant:
        tenant.behave(graph={"max_page_size": 2}, exchange={"max_page_size": 2})
        async with deployed(tenant, azurite, "--timer-speed", str(FAST)) as product:
            await product.scan()
            faults = tenant.state.faults = AlternatingFaults(plan_of(operations))
            with recorded(tenant) as traffic:
                scan = await product.scan()
            return await _outcome(
                product, scan, tuple(faults.applied), traffic.early_retries(FAST), traffic.most_attempts()
            )


async def try_storage(folder: Path, azurite: Azurite) -> Outcome:
    """One scan in which every fifth request to storage fails, until each fault has been met ten times."""
    async with tenant_of(folder, users=40) as tenant, storage_proxy(azurite.port) as proxy:
        storage = azurite.connection_string.replace(f":{azurite.port}/", f":{proxy.port}/")
        fast = ("--timer-speed", str(FAST))
        async with deployed(tenant, azurite, *fast, AzureWebJobsStorage=storage) as product:
            await product.scan()
            proxy.faults = [fault for fault in STORAGE.values() for _ in range(4)]
            scan = await product.scan()
            applied = tuple(("tables", name) for name in STORAGE) if not proxy.faults else ()
            return await _outcome(product, scan, applied, (), 0)


async def try_lasting(folder: Path, azurite: Azurite, name: str) -> Outcome:
    """A scan that a fault outlasts, after one without faults: nothing known may be lost."""
    fault, _ = GONE_QUIET[name]
    async with (
        tenant_of(folder, users=12) as tenant,
        deployed(tenant, azurite, "--timer-speed", str(HOURS)) as product,
    ):
        await product.scan()
        before = await product.rows()
        tenant.add_fault(fault)
        with recorded(tenant) as traffic:
            scan = await product.scan()
        after = await product.rows()
        lost = [user_id for user_id in before if _known(after.get(user_id, {})) != _known(before[user_id])]
        changes = len(await product.rows("BookingsChanges"))
        return Outcome(((fault.target, name),), scan["state"], tuple(lost), (), traffic.most_attempts(), changes)


async def _outcome(
    product: Deployment, scan: Mapping[str, Any], tried: Sequence[tuple[str, str]], early: Sequence[str], attempts: int
) -> Outcome:
    rows, expected = await product.rows(), expected_statuses(product.expected())
    unknown = {user_id for user_id, row in rows.items() if row["Status"] == "unknown" and _has_reason(row)}
    known = {
        user_id: _known(row)[0] for user_id, row in rows.items() if user_id in unknown or row["Status"] != "unknown"
    }
    wrong = [f"{user_id}: {known.get(user_id)}" for user_id in expected if known.get(user_id) != expected[user_id]]
    changes = len(await product.rows("BookingsChanges"))
    return Outcome(tuple(tried), scan["state"], tuple(wrong), tuple(early), attempts, changes, len(unknown))


def _has_reason(row: Mapping[str, Any]) -> bool:
    return row["Reason"].partition(":")[0] in {"throttled", "unreachable", "refused", "notUnderstood"}


def _known(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What is known of a user: what the row says, or what it keeps from before an `unknown`."""
    status = row.get("LastKnownStatus") if row.get("Status") == "unknown" else row.get("Status")
    return status, row.get("Url"), row.get("MeetingTypes")
