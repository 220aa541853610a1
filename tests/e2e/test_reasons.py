"""Tenants that forbid or hide pages: each row says why there is no page, each lookup what would change it."""

import json
from pathlib import Path
from typing import Any

import pytest

from atlas.domain.policy import Cause, Scope
from local.azurite import Azurite
from local.simulator import Fault, TenantPlan, running
from local.simulator.policy import AGENT
from local.simulator.user_kinds import Mailbox, MailboxPolicy, Page, Plan, UserKind
from tests.e2e.deployment import deployed, tenant_of

PAGES = (Page.MISSING_404, Page.PUBLIC_ONE, Page.SIGN_IN_401)
OTHER_MAILBOXES = (Mailbox.WITHOUT_CAPABILITY, Mailbox.EMPTY_GUID, Mailbox.NONE)
MIX = dict.fromkeys(
    [
        *(UserKind(page, policy=policy) for page in PAGES for policy in MailboxPolicy),
        *(UserKind(mailbox=mailbox, policy=MailboxPolicy.BLOCKED) for mailbox in OTHER_MAILBOXES),
    ],
    1.0,
)
"""Every policy of a mailbox with and without a page, and no page that fails."""
PLAN = TenantPlan(users=len(MIX), mix=MIX)


def values_of(rows: dict[str, Any], *columns: str) -> dict[str, tuple[Any, ...]]:
    return {user_id: tuple(row.get(column) for column in columns) for user_id, row in rows.items()}


def expected(truths: dict[str, Any]) -> dict[str, tuple[str, str, str | None]]:
    return {
        user_id: (truth["status"], truth["policy_verdict"], " ".join(truth["findings"]) or None)
        for user_id, truth in truths.items()
    }


@pytest.mark.parametrize(
    ("organization", "cause", "entries"),
    [
        ({"ews_policy": "EnforceBlockList", "ews_block_list": ["MicrosoftOWS*"]}, Cause.BLOCK_LIST, "MicrosoftOWS*"),
        ({"ews_policy": "EnforceAllowList", "ews_enabled": False}, Cause.ALLOW_LIST, None),
    ],
)
async def test_a_blocking_organisation_switches_off_users_without_a_page(
    tmp_path: Path, azurite: Azurite, organization: dict[str, Any], cause: Cause, entries: str | None
) -> None:
    async with running(PLAN, folder=tmp_path) as tenant, deployed(tenant, azurite) as product:
        tenant.behave(organization=organization)
        scan = await product.scan()
        rows, truths = await product.rows(), product.expected()
        off = next(row for row in rows.values() if row["Status"] == "switchedOff")
        lookup = (await product.lookup(off["RowKey"], availability="false")).json()

    assert (scan["state"], scan["warnings"]) == ("completed", [])
    assert values_of(rows, "Status", "PolicyVerdict", "Finding") == expected(truths)
    assert "notSetUp" not in scan["byStatus"]
    assert "policyConflict" in str(expected(truths))
    policy = json.loads(off["Policy"])
    assert (policy["cause"], policy["scope"]) == (cause, Scope.ORGANIZATION)
    assert off["Reason"] == off["PolicyReason"] == lookup["reason"]
    assert (entries is None) == (policy["entries"] == [])
    assert f"'{entries or AGENT}'" in lookup["fix"].splitlines()[1]
    assert lookup["fix"].splitlines()[1].startswith("    Set-OrganizationConfig -Ews")


async def test_a_refused_policy_listing_leaves_verdicts_unknown(tmp_path: Path, azurite: Azurite) -> None:
    async with running(PLAN, folder=tmp_path) as tenant, deployed(tenant, azurite) as product:
        tenant.add_fault(Fault("exchange.Get-CASMailbox", status=403, times=None))
        scan = await product.scan()
        rows, truths = await product.rows(), product.expected(mailbox_policy=False)
        doubtful = next(row for row in rows.values() if row["Status"] == "notSetUp")
        lookup = (await product.lookup(doubtful["RowKey"], availability="false")).json()

    assert scan["state"] == "completed"
    assert values_of(rows, "Status", "PolicyVerdict", "Finding") == expected(truths)
    assert "on" not in {row["PolicyVerdict"] for row in rows.values()}
    (warning,) = scan["warnings"]
    assert "polic" in warning
    assert "mailbox" in warning
    assert doubtful["PolicyReason"] == "the EWS settings of the mailbox are not known"
    assert "a policy may forbid it; that is not known" in lookup["fix"]
    assert "Set-" not in lookup["fix"]


@pytest.mark.parametrize(("is_forced", "hides_pages"), [(True, True), (True, False), (False, True)])
async def test_forced_sign_in_is_a_warning(
    tmp_path: Path, azurite: Azurite, is_forced: bool, hides_pages: bool
) -> None:
    async with tenant_of(tmp_path, users=8) as tenant, deployed(tenant, azurite) as product:
        tenant.behave(organization={"bookings_auth_enabled": is_forced}, bookings={"auth_hides_pages": hides_pages})
        scan = await product.scan()
        rows = await product.rows()
        hidden = [row for row in rows.values() if row["Status"] == "signInRequired"]
        look_ups = [(await product.lookup(row["RowKey"], availability="false")).json() for row in hidden]

    assert scan["state"] == "completed"
    assert [warning.split()[0] for warning in scan["warnings"]] == ["BookingsAuthEnabled"] * is_forced
    assert bool(hidden) is is_forced
    assert ("Url" in {column for row in hidden for column in row}) is (is_forced and not hides_pages)
    for lookup in look_ups:
        assert ("ask the owner" in lookup["fix"]) is (lookup["url"] is None)
        assert "    Set-OrganizationConfig -BookingsAuthEnabled $false" in lookup["fix"].splitlines()


@pytest.mark.parametrize(
    "refusal", [{"exchange": {"role": "View-Only Recipients"}}, {"exchange": {"role": "View-Only Configuration"}}]
)
async def test_partly_refused_exchange_is_one_warning(
    tmp_path: Path, azurite: Azurite, refusal: dict[str, Any]
) -> None:
    async with running(PLAN, folder=tmp_path) as tenant, deployed(tenant, azurite) as product:
        tenant.behave(**refusal)
        scan = await product.scan()
        rows = await product.rows()

    assert scan["state"] == "completed"
    assert len(scan["warnings"]) == 1
    assert {row["PolicyVerdict"] for row in rows.values()} == {"unknown"}
    assert "switchedOff" not in scan["byStatus"]
    assert ("noCapability" in scan["byStatus"]) is (refusal["exchange"]["role"] == "View-Only Recipients")


async def test_reasons_name_the_mailboxs_policy_and_the_plans_state(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=8, mix="healthy") as tenant, deployed(tenant, azurite) as product:
        users = product.tenant.control.users(0, 8, licensed=True)
        blocked = next(user for user in users if user["mailbox"] == "normal" and "'" not in user["upn"])
        others = [user for user in users if user is not blocked]
        tenant.change_user(blocked["index"], "set_page", page=Page.MISSING_404)
        tenant.change_user(blocked["index"], "set_policy", policy=MailboxPolicy.BLOCKED)
        await product.scan()
        response = (await product.lookup(blocked["id"], availability="false")).json()
        endings = dict(zip((Plan.NONE, Plan.SUSPENDED, Plan.DELETED, Plan.LOCKED_OUT), others, strict=False))
        for plan, user in endings.items():
            tenant.change_user(user["index"], "set_plan", plan=plan)
        looked_up = (await product.lookup(endings[Plan.SUSPENDED]["id"], fresh="true")).json()
        await product.scan()
        rows = await product.rows()
        stranger = next(
            user for user in tenant.users(top=50) if user["plan"] == Plan.DELETED and user["id"] not in rows
        )
        never_seen = (await product.lookup(stranger["id"])).json()

    assert response["status"] == "switchedOff"
    assert f"    Set-CASMailbox -Identity '{blocked['upn']}' -EwsBlockList @{{Remove='{AGENT}'}}" in response["fix"]
    reasons = {plan: rows[user["id"]]["Reason"] for plan, user in endings.items()}
    assert {rows[user["id"]]["Status"] for user in endings.values()} == {"gone"}
    assert "never assigned" in reasons[Plan.NONE]
    assert [plan for plan in (Plan.SUSPENDED, Plan.DELETED, Plan.LOCKED_OUT) if plan not in reasons[plan]] == []
    assert looked_up["reason"] == reasons[Plan.SUSPENDED]
    assert (never_seen["status"], "Deleted" in never_seen["reason"]) == ("notLicensed", True)
    assert "Give the user a licence" in never_seen["fix"]
