"""Tenants that refuse some requests: the scan completes and warns of what it could not determine."""

from pathlib import Path

import pytest

from local.azurite import Azurite
from local.simulator import Fault, MailboxPolicy
from tests.e2e.deployment import deployed, expected_statuses, statuses, tenant_of


@pytest.mark.parametrize(
    "refusal",
    [{"exchange": {"role": None}}, {"sign_in": {"exchange_roles": []}}],
    ids=["403 with NUL bytes", "401"],
)
async def test_without_exchange_permission_guids_come_from_graph(
    tmp_path: Path, azurite: Azurite, refusal: dict[str, dict[str, object]]
) -> None:
    async with tenant_of(tmp_path, users=40, mix="default") as tenant, deployed(tenant, azurite) as product:
        tenant.behave(**refusal)
        scan = await product.scan()
        rows, log = await product.rows(), product.host.log()
        expected = product.expected(exchange=False)

    assert scan["state"] == "completed"
    assert statuses(rows) == expected_statuses(expected)
    assert len(scan["warnings"]) == 1
    assert "Exchange.ManageAsApp" in scan["warnings"][0]
    assert "Global Reader" in scan["warnings"][0]
    assert "Exchange.ManageAsApp" in log


async def test_an_incomplete_mailbox_listing_is_discarded(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=20) as tenant, deployed(tenant, azurite) as product:
        tenant.behave(exchange={"max_page_size": 5})
        tenant.add_fault(Fault("exchange.Get-Mailbox", status=400, times=None, skip=1, error="expiredPage"))
        scan = await product.scan()
        rows, expected = await product.rows(), product.expected(exchange=False)

    assert scan["state"] == "completed"
    assert len(scan["warnings"]) == 1
    assert "Mailbox GUIDs come from Microsoft Graph" in scan["warnings"][0]
    assert statuses(rows) == expected_statuses(expected)


async def test_an_expired_mailbox_listing_is_restarted(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=20) as tenant, deployed(tenant, azurite) as product:
        tenant.behave(exchange={"max_page_size": 5})
        tenant.add_fault(Fault("exchange.Get-Mailbox.next", status=400, times=1, error="expiredPage"))
        scan = await product.scan()
        rows, expected = await product.rows(), product.expected()

    assert scan["warnings"] == []
    assert statuses(rows) == expected_statuses(expected)


@pytest.mark.parametrize("hides_pages", [False, True])
async def test_forced_sign_in_is_never_not_set_up(tmp_path: Path, azurite: Azurite, hides_pages: bool) -> None:
    async with tenant_of(tmp_path, users=15) as tenant, deployed(tenant, azurite) as product:
        tenant.behave(organization={"bookings_auth_enabled": True}, bookings={"auth_hides_pages": hides_pages})
        scan = await product.scan()
        rows, expected = await product.rows(), product.expected()

    assert scan["state"] == "completed"
    assert "notSetUp" not in scan["byStatus"]
    assert {user_id: (row["Status"], "Url" in row) for user_id, row in rows.items()} == {
        user_id: (truth["status"], truth["url_path"] is not None) for user_id, truth in expected.items()
    }


async def test_an_incomplete_user_listing_fails_the_scan(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=15) as tenant, deployed(tenant, azurite) as product:
        tenant.behave(graph={"max_page_size": 5})
        await product.scan()
        tenant.add_fault(Fault("graph.users.next", status=403, times=None))
        scan = await product.scan()
        rows = await product.rows()

    assert scan["state"] == "failed"
    assert "User.Read.All" in scan["error"]
    assert len(rows) == 15
    assert "gone" not in {row["Status"] for row in rows.values()}


async def test_a_refused_sign_in_fails_the_scan_with_its_cause(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=5) as tenant:
        settings = {**tenant.settings_for_secret(), "AZURE_CLIENT_SECRET": "not-the-secret"}
        async with deployed(tenant, azurite, **settings) as product:
            scan = await product.scan()
            health = await product.http.get("/api/health")
            log = product.host.log()

    assert scan["state"] == "failed"
    assert "AZURE_CLIENT_SECRET" in scan["error"]
    assert health.status_code == 503
    assert "AZURE_CLIENT_SECRET" in health.json()["checks"]["signIn"]["detail"]
    assert "not-the-secret" not in scan["error"] + health.text + log


async def test_unlicensed_and_deleted_users_become_gone(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=15) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        published = [user for user in tenant.users() if user["expected"]["status"] == "published"]
        tenant.change_user(published[0]["index"], "lose_licence")
        tenant.change_user(published[1]["index"], "delete")
        scan = await product.scan()
        rows, changes = await product.rows(), await product.rows("BookingsChanges")

    assert scan["state"] == "completed"
    gone = {user_id for user_id, row in rows.items() if row["Status"] == "gone"}
    assert gone == {published[0]["id"], published[1]["id"]}
    assert {(change["UserId"], change["Kind"]) for change in changes.values()} == {(user, "gone") for user in gone}


async def test_an_unknown_status_keeps_what_was_known(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=12) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        before = await product.rows()
        tenant.add_fault(Fault("bookings.services", status=403, times=None))
        await product.scan()
        during = await product.rows()
        tenant.clear_faults()
        await product.scan()
        after, changes = await product.rows(), await product.rows("BookingsChanges")

    probed = {user_id for user_id, row in before.items() if row["Status"] != "noMailbox"}
    assert {during[user_id]["Status"] for user_id in probed} == {"unknown"}
    for user_id in probed:
        assert during[user_id]["LastKnownStatus"] == before[user_id]["Status"]
        assert during[user_id].get("Url") == before[user_id].get("Url")
        assert during[user_id].get("MeetingTypes") == before[user_id].get("MeetingTypes")
        assert after[user_id]["Status"] == before[user_id]["Status"]
    assert changes == {}


async def test_exchange_that_starts_to_refuse_changes_no_row(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=20) as tenant:
        tenant.behave(organization={"bookings_auth_enabled": True}, bookings={"auth_hides_pages": True})
        without_page = [user["index"] for user in tenant.users() if user["expected"]["status"] == "signInRequired"]
        tenant.change_user(without_page[0], "set_policy", policy=MailboxPolicy.BLOCKED)
        async with deployed(tenant, azurite) as product:
            await product.scan()
            before = statuses(await product.rows())
            examples = {status: user_id for user_id, status in before.items()}
            found: list[dict[str, str]] = []
            for cmdlet in ("Get-OrganizationConfig", "Get-Mailbox", "Get-CASMailbox"):
                tenant.add_fault(Fault(f"exchange.{cmdlet}", status=403, times=None))
                scan = await product.scan()
                for status in ("noCapability", "switchedOff", "signInRequired"):
                    fresh = (await product.lookup(examples[status], fresh="true", availability="false")).json()
                    assert (fresh["status"], fresh["source"], cmdlet) == (status, "live", cmdlet)
                silence = [warning for warning in scan["warnings"] if not warning.startswith("BookingsAuthEnabled")]
                assert len(silence) == 1
                assert "notSetUp" not in scan["byStatus"]
                found.append(statuses(await product.rows()))
                tenant.clear_faults()
            changes = await product.rows("BookingsChanges")

    assert set(examples) == {"noCapability", "switchedOff", "signInRequired"}
    assert found == [before] * 3
    assert changes == {}
