"""``GET /api/policy``, ``atlas doctor --app`` and the other commands on a running app."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local.azurite import Azurite
from local.simulator import Fault
from local.simulator.policy import AGENT
from tests.e2e.deployment import UNSET, deployed, tenant_of
from tests.forked import forked_atlas

FREE = {
    "ews_policy": None,
    "ews_allow_list": None,
    "ews_block_list": None,
    "ews_enabled": None,
    "ews_allowed_app_ids": None,
    "changed_at": None,
    "bookings_enabled": True,
}
BLOCKED = {"ews_policy": "EnforceBlockList", "ews_block_list": ["MicrosoftOWS*", "Other"]}
CASES: tuple[tuple[dict[str, Any], dict[str, Any], tuple[str, ...]], ...] = (
    ({}, {"verdict": "on", "value": None, "cis139": "fail", "ewsAllowedAppIds": []}, ()),
    (
        BLOCKED,
        {"verdict": "off", "setting": "EwsApplicationAccessPolicy", "value": "EnforceBlockList"},
        ("MicrosoftOWS*", "matches other apps too", "No document says whether a mailbox"),
    ),
    ({"ews_policy": "EnforceAllowList"}, {"verdict": "off"}, (f"-EwsAllowList @{{Add='{AGENT}'}}",)),
    ({"ews_block_list": [AGENT]}, {"verdict": "on"}, ("it is not known whether it has an effect", "older article")),
    (
        {"ews_enabled": False},
        {"verdict": "ewsDisabled", "setting": "EwsEnabled", "value": False},
        ("EwsEnabled $true",),
    ),
    ({"ews_policy": "EnforceNew"}, {"verdict": "unknown", "value": "EnforceNew"}, ("before you change it",)),
    ({"ews_allowed_app_ids": ["app-1"]}, {"verdict": "on", "ewsAllowedAppIds": ["app-1"]}, ()),
    ({"changed_at": "2199-01-01T00:00:00Z"}, {"verdict": "on"}, ("may not be in force yet",)),
    ({"changed_at": "2001-01-01T00:00:00Z"}, {"verdict": "on"}, ("last changed at 2001-01-01 00:00 UTC",)),
    ({"ews_allowed_app_ids": []}, {"verdict": "on", "ewsAllowedAppIds": []}, ()),
    ({"bookings_enabled": False}, {"cis139": "pass"}, ()),
    ({"bookings_enabled": None}, {"cis139": "unknown"}, ()),
)
FAULTS: tuple[tuple[Fault, dict[str, Any], str], ...] = (
    (
        Fault("exchange.Get-OwaMailboxPolicy", status=403, times=None),
        {"verdict": "on", "owaPolicies": []},
        "no known setting",
    ),
    (
        Fault("exchange", status=403, times=None),
        {"verdict": "unknown", "bookings": None, "owaPolicies": []},
        "refused",
    ),
    (Fault("exchange", status=401, times=None), {"verdict": "unknown", "setting": None, "value": None}, "refused"),
    (Fault("exchange.Get-OrganizationConfig", status=503, times=None), {"verdict": "unknown"}, "unreachable"),
    (Fault("exchange.Get-OrganizationConfig", status=429, times=None, retry_after="60"), {}, "throttled"),
    (Fault("exchange.Get-OrganizationConfig", status=200, times=None, body="{}"), {}, "notUnderstood"),
)


async def atlas(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, on a wide terminal."""
    given = {**UNSET, "COLUMNS": "200", **settings}
    return await asyncio.to_thread(forked_atlas, *arguments, settings=given)


async def test_the_organisations_policy_is_reported_in_every_state(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=2) as tenant, deployed(tenant, azurite) as product:
        for organization, members, words in CASES:
            tenant.behave(organization={**FREE, **organization})
            response = await product.http.get("/api/policy")

            document = response.json()
            assert response.status_code == 200
            assert {name: document[name] for name in members} == members, organization
            text = json.dumps(document)
            assert [one for one in words if one not in text] == [], organization
            assert ("may not be in force" in document["reason"]) is ("may not be in force yet" in words)
            assert document["bookings"]["BookingsEnabled"] == {**FREE, **organization}["bookings_enabled"]
            assert len(document["bookings"]) >= 14
            assert document["fix"].splitlines()[1].startswith("    ")
        assert [policy["isDefault"] for policy in document["owaPolicies"]] == [True, False]

        tenant.behave(organization=FREE)
        for fault, members, reason in FAULTS:
            tenant.add_fault(fault)
            response = await product.http.get("/api/policy")
            tenant.clear_faults()

            document = response.json()
            assert response.status_code == 200
            assert {name: document[name] for name in members} == members, fault
            assert document["cis139"] == "unknown"
            assert reason in document["reason"], fault
            assert document["verdict"] == "on" or "Exchange.ManageAsApp" in document["fix"]

        refused = await product.http.get("/api/policy", params={"fresh": "true"})
        posted = await product.http.post("/api/policy")
        metrics = tenant.metrics()

    assert (refused.status_code, refused.json()["code"]) == (400, "invalidParameter")
    assert (posted.status_code, posted.json()["code"]) == (405, "methodNotAllowed")
    assert metrics["writes"] == []


@pytest.mark.parametrize(
    ("role", "settings", "status", "code"),
    [(None, {}, "degraded", 1), (None, {"EXCHANGE_EVIDENCE": "false"}, "healthy", 0)],
    ids=["refused", "not queried"],
)
async def test_an_app_without_exchange_reports_its_state(
    tmp_path: Path, azurite: Azurite, role: str | None, settings: dict[str, str], status: str, code: int
) -> None:
    async with tenant_of(tmp_path, users=2) as tenant, deployed(tenant, azurite, **settings) as product:
        tenant.behave(exchange={"role": role})
        policy = (await product.http.get("/api/policy")).json()
        shown = await atlas("doctor", "--app", product.host.url)
        queried = tenant.metrics()["services"]

    assert (policy["verdict"], policy["cis139"], policy["bookings"]) == ("unknown", "unknown", None)
    assert ("EXCHANGE_EVIDENCE" in policy["reason"]) is ("exchange" not in queried)
    assert (shown.returncode, f"app        {status}" in shown.stdout) == (code, True), shown.stdout + shown.stderr
    assert ("New-RoleGroup" in shown.stdout) is (code == 1)
    assert shown.stderr == ""


async def test_the_commands_have_the_exit_codes_of_the_contract(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=4) as tenant:
        settings = {**tenant.settings(), "AzureWebJobsStorage": azurite.connection_string}
        user = next(user for user in tenant.users() if user["expected"]["status"] == "published")
        without = next(user for user in tenant.users() if user["expected"]["status"] == "notLicensed")
        questions: dict[tuple[str, ...], int] = {
            ("user", user["upn"]): 0,
            ("user", without["upn"]): 1,
            ("user", "nobody@contoso.com"): 1,
            ("user", "nonsense"): 1,  # searched for as a name
            ("policy",): 0,
            ("doctor",): 0,
            ("doctor", "--app", "nonsense"): 2,
            ("doctor", "--calibrate", user["upn"], "nonsense"): 2,
            ("doctor", "--calibrate", user["upn"]): 2,
            ("doctor", "--calibrate", "a@b.c", "d@e.f", "--app", "https://atlas.example"): 2,
        }
        shown = [await atlas(*arguments, **settings) for arguments in questions]
        unset = [await atlas(*arguments) for arguments in (("policy",), ("user", "a@b.c"), ("doctor",))]

    assert [one.returncode for one in shown] == list(questions.values())
    assert "published: " in shown[0].stdout
    assert "can be read" in shown[5].stdout
    for one in (*shown, *unset):
        assert "Traceback" not in one.stderr
        assert azurite.connection_string not in one.stdout + one.stderr
    assert {one.returncode for one in unset} == {2}
    assert all("TENANT_ID is missing; it must be a GUID" in one.stderr for one in unset)
