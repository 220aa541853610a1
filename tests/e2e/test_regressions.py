"""What a review found, on the whole product: no failed question changes what is known, and no log names a person."""

import csv
import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from local.azurite import Azurite
from local.simulator import Fault, MailboxPolicy
from tests.e2e.deployment import Deployment, deployed, tenant_of
from tests.e2e.test_command_line import said_until, started

INSTANCES = "/runtime/webhooks/durabletask/instances"


def statuses(rows: dict[str, Any]) -> dict[str, str]:
    return {user_id: row["Status"] for user_id, row in rows.items()}


def somebody(product: Deployment, status: str) -> dict[str, Any]:
    """A licensed user whom a scan must find in this status."""
    return next(user for user in product.tenant.users(top=5000) if user["expected"]["status"] == status)


async def test_exchange_that_refuses_after_it_told_changes_nobody(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=20) as tenant:
        tenant.behave(organization={"bookings_auth_enabled": True}, bookings={"auth_hides_pages": True})
        without_page = [user["index"] for user in tenant.users() if user["expected"]["status"] == "signInRequired"]
        tenant.change_user(without_page[0], "set_policy", policy=MailboxPolicy.BLOCKED)
        async with deployed(tenant, azurite) as product:
            await product.scan()
            before = statuses(await product.rows())
            told = {status: user_id for user_id, status in before.items()}
            found: list[dict[str, str]] = []
            for cmdlet in ("Get-OrganizationConfig", "Get-Mailbox", "Get-CASMailbox"):
                tenant.add_fault(Fault(f"exchange.{cmdlet}", status=403, times=None))
                scan = await product.scan()
                for status in ("noCapability", "switchedOff", "signInRequired"):
                    fresh = (await product.lookup(told[status], fresh="true", availability="false")).json()
                    assert (fresh["status"], fresh["source"], cmdlet) == (status, "live", cmdlet)
                silence = [warning for warning in scan["warnings"] if not warning.startswith("BookingsAuthEnabled")]
                assert len(silence) == 1
                assert "notSetUp" not in scan["byStatus"]
                found.append(statuses(await product.rows()))
                tenant.clear_faults()
            changes = await product.rows("BookingsChanges")

    assert set(told) == {"noCapability", "switchedOff", "signInRequired"}
    assert found == [before] * 3
    assert changes == {}


async def test_the_log_of_the_host_names_no_person_and_no_mailbox(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=12) as tenant, deployed(tenant, azurite) as product:
        tenant.behave(exchange={"warnings": ("The object Adele Vance has been corrupted.",)})
        user = somebody(product, "published")
        for _ in range(2):
            await product.scan()
            await product.lookup(quote(user["upn"], safe=""))
            await product.lookup(user["id"], fresh="true")
            rows = await product.rows()
            await product.lookup(quote(rows[user["id"]]["Url"], safe=""))
            await product.http.get("/api/users", params={"search": user["upn"][:5], "format": "csv"})
            tenant.add_fault(Fault("bookings.services", status=503, times=3))
            tenant.add_fault(Fault("graph.user", status=500, times=2))
        log = product.host.log().lower()
        people = [tenant.user(user_id) for user_id in rows]

    assert "completed" in log
    assert "partitionkey=" not in log
    assert "adele vance" not in log
    for person in people:
        for text in (person.upn, quote(person.upn), person.mailbox_guid, person.mailbox_guid.replace("-", "")):
            assert text.lower() not in log, text


async def test_a_scan_stopped_after_many_pages_stops_every_flow(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=60) as tenant, deployed(tenant, azurite) as product:
        tenant.behave(graph={"max_page_size": 4})
        scan_id = (await product.http.post("/api/scans")).json()["id"]
        await product.probed(scan_id, 41)  # continued as new after ten pages
        tenant.behave(bookings={"latency_ms": 2000})
        stopped = await product.http.delete(f"/api/scans/{scan_id}")
        orchestrations = (await product.http.get(INSTANCES, params={"instanceIdPrefix": scan_id})).json()

    assert stopped.json()["state"] == "cancelled"
    assert len(orchestrations) > 40
    assert {flow["runtimeStatus"] for flow in orchestrations} <= {"Completed", "Terminated"}


async def test_a_user_who_is_gone_stays_gone_while_the_directory_is_away(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=10) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        user = somebody(product, "published")
        tenant.change_user(user["index"], "lose_licence")
        gone = await product.lookup(user["upn"], fresh="true")
        tenant.add_fault(Fault("graph", status=403, times=None))
        away = await product.lookup(user["upn"], fresh="true")
        row, changes = (await product.rows())[user["id"]], await product.rows("BookingsChanges")

    assert gone.json()["status"] == away.json()["status"] == row["Status"] == "gone"
    assert away.json()["source"] == "row"
    assert [change["Kind"] for change in changes.values()] == ["gone"]


async def test_a_404_that_is_not_of_graph_itself_makes_nobody_gone(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=10) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        user = somebody(product, "published")
        tenant.add_fault(Fault("graph.user", status=404, error="UnknownError", times=None))
        with_row = await product.lookup(user["upn"], fresh="true")
        without_row = await product.lookup("somebody.new@contoso.com")
        row = (await product.rows())[user["id"]]

    assert with_row.json()["status"] == row["Status"] == "published"
    assert without_row.status_code == 502
    assert without_row.json()["code"] == "upstreamNotUnderstood"


async def test_health_is_degraded_and_not_down_while_a_service_throttles(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=3) as tenant, deployed(tenant, azurite) as product:
        tenant.add_fault(Fault("graph.users", status=429, retry_after="60", times=None))
        answer = await product.http.get("/api/health")

    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["checks"]["graph"]["ok"] is False
    assert "429" in answer.json()["checks"]["graph"]["detail"]


async def test_a_name_that_was_cut_in_a_character_is_listed_and_exported(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=3) as tenant, deployed(tenant, azurite) as product:
        user = somebody(product, "published")
        plan = {"servicePlanId": "199a5c09-e0ca-4e37-8f7c-b05d533e1ea2", "capabilityStatus": "Enabled"}
        cut = {"id": user["id"], "userPrincipalName": user["upn"], "displayName": "Ad\ud83d", "assignedPlans": [plan]}
        tenant.add_fault(Fault("graph.users", status=200, body=json.dumps({"value": [cut]}), times=None))
        scan = await product.scan()
        listed = await product.http.get("/api/users")
        exported = await product.http.get("/api/users", params={"format": "csv"})

    assert scan["state"] == "completed"
    assert [one["displayName"] for one in listed.json()["value"]] == ["Ad?"]
    (row,) = csv.DictReader(io.StringIO(exported.text.removeprefix("\ufeff")))
    assert row["DisplayName"] == "Ad?"


@pytest.mark.parametrize("users", ["1"])
def test_the_demonstration_stays_up_however_small_its_tenant(users: str) -> None:
    with started("demo", "--users", users, "--port", "0") as demo:
        said = said_until(demo, "Stop with Ctrl-C")

    assert "/bookings" in said
    assert demo.returncode == 0
