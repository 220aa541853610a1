"""A scan of a tenant with every kind of user, from the timer or the route to the rows."""

import asyncio
import json
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local.azurite import Azurite
from tests.e2e.deployment import Deployment, deployed, expected_statuses, statuses, tenant_of
from tests.e2e.scanned import only_reads

PERSONAL_BOOKINGS_COLUMNS = {
    "UserPrincipalName": str,
    "DisplayName": str,
    "Department": str,
    "AccountEnabled": bool,
    "UserType": str,
    "RecipientType": str,
    "PrimarySmtpAddress": str,
    "MailboxGuid": str,
    "Status": str,
    "Reason": str,
    "Url": str,
    "AnonymousUrl": str,
    "MeetingTypes": str,
    "Bookable": bool,
    "PolicyVerdict": str,
    "PolicyReason": str,
    "Finding": str,
    "LastKnownStatus": str,
    "LastKnownAt": datetime,
    "CheckedAt": datetime,
    "ChangedAt": datetime,
    "ScanId": str,
}


@pytest.mark.parametrize("exchange", [True, False], ids=["with Exchange", "without Exchange"])
async def test_every_kind_of_user_ends_in_the_right_row(tmp_path: Path, azurite: Azurite, exchange: bool) -> None:
    async with tenant_of(tmp_path, users=80, mix="every") as tenant:
        tenant.behave(graph={"max_page_size": 30, "duplicate_across_pages": True}, exchange={"max_page_size": 50})
        tenant.behave(bookings={"latency_ms": 5})
        async with deployed(tenant, azurite, EXCHANGE_EVIDENCE=str(exchange)) as product:
            scan = await product.scan()
            rows, expected = await product.rows(), product.expected(exchange=exchange)

    assert scan["state"] == "completed"
    assert scan["warnings"] == []
    assert scan["usersListed"] == scan["usersProbed"] == len(rows) == 80
    assert statuses(rows) == expected_statuses(expected)
    assert len(scan["byStatus"]) > 5, "with fewer users than kinds, the tenant has users of one kind only"
    for user_id, row in rows.items():
        truth = expected[user_id]
        assert row.get("MailboxGuid") == truth["mailbox_guid"], row
        assert (row.get("Url") and urlsplit(row["Url"]).path) == truth["url_path"], row
        assert row.get("AnonymousUrl") == (row["Url"] + "?anonymous" if "Url" in row else None)
        assert row.get("Bookable") == truth["bookable"], row
        assert (len(json.loads(row["MeetingTypes"])) if "MeetingTypes" in row else None) == truth["public_types"], row
        assert row.get("Reason", "").partition(":")[0] == truth["reason"] or row["Status"] != "unknown", row
        assert row.get("Finding", "").split() == list(truth["findings"]), row
        assert row["PolicyVerdict"] == truth["policy_verdict"], row
    assert scan["byStatus"] == {
        status: sum(row["Status"] == status for row in rows.values()) for status in scan["byStatus"]
    }


@only_reads
async def test_the_rows_are_those_of_the_contract(scanned: Deployment) -> None:
    (scan,) = (await scanned.http.get("/api/scans")).json()["value"]
    rows = await scanned.rows()

    for row in rows.values():
        assert row["PartitionKey"] == scanned.tenant.tenant_id.lower()
        assert row["RowKey"] == row["RowKey"].lower()
        assert row["ScanId"] == scan["id"]
        for column, kind in PERSONAL_BOOKINGS_COLUMNS.items():
            assert column not in row or isinstance(row[column], kind), (column, row[column])
    used = {column for row in rows.values() for column in row}
    assert used >= PERSONAL_BOOKINGS_COLUMNS.keys() - {"ChangedAt"}
    some_types = json.loads(next(row["MeetingTypes"] for row in rows.values() if row["Status"] == "published"))
    assert some_types[0].keys() == {"id", "title", "durationMinutes", "isOnline", "url"}


async def test_probe_concurrency_limits_the_calls_in_flight(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=30) as tenant, deployed(tenant, azurite, PROBE_CONCURRENCY="3") as product:
        tenant.behave(bookings={"latency_ms": 30, "max_in_flight": 3})
        scan = await product.scan()
        metrics = tenant.metrics()

    assert scan["state"] == "completed"
    assert scan["throttledWaits"] == 0
    assert metrics["services"]["bookings"]["max_in_flight"] == 3
    assert metrics["writes"] in (0, [], {})


async def test_a_throttled_tenant_is_scanned_completely(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=30) as tenant, deployed(tenant, azurite, PROBE_CONCURRENCY="4") as product:
        tenant.behave(bookings={"latency_ms": 10, "max_in_flight": 2, "retry_after": "0.2"})
        scan = await product.scan()
        rows = await product.rows()

    assert scan["state"] == "completed"
    assert {row["Status"] for row in rows.values()} - {"unknown"}
    assert {row["Reason"].partition(":")[0] for row in rows.values() if row["Status"] == "unknown"} <= {"throttled"}


async def test_the_timer_starts_a_scan(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=5) as tenant, deployed(tenant, azurite) as product:
        started = await product.http.post(f"/admin/functions/start_scheduled_scan?code={product.host.code}", json={})
        while not (scans := (await product.http.get("/api/scans")).json()["value"]):
            await asyncio.sleep(0.02)
        scan = await product.wait_for_end(scans[0]["id"])

    assert started.status_code == 202
    assert scan["trigger"] == "timer"
    assert scan["state"] == "completed"


async def test_activities_that_run_twice_change_nothing(tmp_path: Path, azurite: Azurite) -> None:
    repeating = ("--repeat-activities", "0.5")
    async with tenant_of(tmp_path, users=24) as tenant, deployed(tenant, azurite, *repeating) as product:
        await product.scan()
        index = next(user["index"] for user in tenant.users() if user["expected"]["status"] == "notSetUp")
        tenant.change_user(index, "open_bookings")
        scan = await product.scan()
        rows, changes = await product.rows(), await product.rows("BookingsChanges")
        census = await product.rows("BookingsCensus")

    assert scan["state"] == "completed"
    assert len(rows) == 24
    assert [change["Kind"] for change in changes.values()] == ["setUp"]
    assert census == {}


async def test_a_listing_with_an_empty_page_is_complete(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=39) as tenant, deployed(tenant, azurite) as product:
        tenant.behave(graph={"max_page_size": 3, "empty_page_after": 3, "duplicate_across_pages": True})
        scan = await product.scan()
        rows = await product.rows()

    assert scan["usersListed"] == 39
    assert rows.keys() == product.expected().keys()
