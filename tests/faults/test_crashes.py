"""Crashes at any step: after the next scan, the tables equal those of a run without crashes."""

import os
import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from local.azurite import Azurite
from tests.e2e.deployment import Deployment, deployed, tenant_of

TABLES = ("PersonalBookings", "BookingsChanges", "BookingsCensus", "BookingsUserIndex")
DIFFERS = {"ScanId", "CheckedAt", "ChangedAt", "LastKnownAt", "StatusSince", "At", "Cursor", "RowKey", "ListedAt"}
"""Columns that hold times or scans, which are never the same in two runs."""
HAZARDS = ("--kill-activities", "0.4", "--repeat-activities", "0.3", "--late-results", "0.3")


async def tables(product: Deployment) -> Mapping[str, list[Any]]:
    """All rows of all tables, without what differs from run to run; an empty PendingChange is none."""
    found = {}
    for table in TABLES:
        rows = (await product.rows(table)).values() if table in await product.table_names() else ()
        texts = [
            str(
                sorted(
                    (name, value)
                    for name, value in row.items()
                    if name not in DIFFERS and (name, value) != ("PendingChange", "")
                )
            )
            for row in rows
        ]
        found[table] = sorted(text.replace(product.settings["BOOKINGS_URL"], "https://bookings") for text in texts)
    return found


def differences(found: Mapping[str, list[Any]], expected: Mapping[str, list[Any]]) -> list[str]:
    """Every row that only one of two runs has, by table."""
    lines = []
    for table in TABLES:
        ours, theirs = Counter(found[table]), Counter(expected[table])
        lines += [f"{table}, not expected: {row}" for row in (ours - theirs).elements()]
        lines += [f"{table}, missing: {row}" for row in (theirs - ours).elements()]
    return lines


async def changed_tenant(product: Deployment) -> None:
    """Change four users, as a day between two scans does."""
    for status, action in (
        ("published", "delete_page"),
        ("published", "lose_licence"),
        ("notSetUp", "open_bookings"),
        ("notSetUp", "remove_mailbox"),
    ):
        product.tenant.change_user(product.user_with(status)["index"], action)


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=[None], ids=["shared reference"])
async def reference(
    tmp_path_factory: pytest.TempPathFactory, storage_accounts: Iterator[Azurite]
) -> Mapping[str, list[Any]]:
    """The tables after two scans without crashes."""
    folder = tmp_path_factory.mktemp("reference")
    async with tenant_of(folder, users=40) as tenant, deployed(tenant, next(storage_accounts)) as product:
        await product.scan()
        await changed_tenant(product)
        await product.scan()
        return await tables(product)


@pytest.mark.parametrize("seed", ["1", "2"])
async def test_killed_repeated_and_late_activities_change_nothing(
    tmp_path: Path, azurite: Azurite, reference: Mapping[str, list[Any]], seed: str
) -> None:
    async with (
        tenant_of(tmp_path, users=40) as tenant,
        deployed(tenant, azurite, *HAZARDS, "--seed", seed) as product,
    ):
        await product.scan()
        await changed_tenant(product)
        scan = await product.scan()
        found = await tables(product)

    assert scan["state"] == "completed"
    assert differences(found, reference) == []


@pytest.mark.parametrize("probed", [0, 1, 25])
async def test_a_killed_host_changes_nothing(
    tmp_path: Path, azurite: Azurite, reference: Mapping[str, list[Any]], probed: int
) -> None:
    """The host is killed when the second scan has probed this many users; a third scan follows on a new host."""
    async with tenant_of(tmp_path, users=40) as tenant:
        async with deployed(tenant, azurite) as product:
            await product.scan()
            await changed_tenant(product)
            tenant.behave(bookings={"latency_ms": 40})
            scan_id = (await product.http.post("/api/scans")).json()["id"]
            await product.wait_until_probed(scan_id, probed)
            os.kill(product.host.pid, signal.SIGKILL)
        tenant.behave(bookings={"latency_ms": 0})
        async with deployed(tenant, azurite) as product:
            scan = await product.scan()
            found = await tables(product)

    assert scan["state"] == "completed"
    assert differences(found, reference) == []
