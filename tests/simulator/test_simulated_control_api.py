"""The control API: the same changes as from Python, over HTTP, while the tenant runs."""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import httpx
import pytest

from local.simulator import Page, UserKind
from local.simulator.control_api import ACTIONS


async def post(client, key, **change):
    return await client.http.post(f"{client.tenant.control_url}/control/users/{key}", json=change)


async def test_users_are_listed_with_their_expected_result(start):
    client = await start(users=30)

    body = (await client.http.get(f"{client.tenant.control_url}/control/users?skip=10&top=5")).json()

    assert [user["index"] for user in body["value"]] == [10, 11, 12, 13, 14]
    assert body["next_skip"] == 15
    assert body["value"][0] == client.tenant.users(10, 1)[0]
    assert body["value"][0]["id"] == client.tenant.user(10).object_id


async def test_expected_counts_cover_all_licensed_users(start):
    client = await start(users=200)

    counts = (await client.http.get(f"{client.tenant.control_url}/control/expected-counts")).json()
    without = (await client.http.get(f"{client.tenant.control_url}/control/expected-counts?exchange=false")).json()

    assert sum(counts.values()) == sum(without.values()) == 200
    assert "noCapability" in counts
    assert "noCapability" not in without


@pytest.mark.parametrize(
    ("page", "action", "more", "status"),
    [
        (Page.MISSING_404, "open_bookings", {}, "published"),
        (Page.PUBLIC_ONE, "delete_page", {}, "notSetUp"),
        (Page.PUBLIC_ONE, "set_page", {"page": "refused403"}, "unknown"),
        (Page.MISSING_404, "set_policy", {"policy": "blocked"}, "switchedOff"),
        (Page.MISSING_404, "remove_capability", {}, "noCapability"),
        (Page.PUBLIC_ONE, "remove_mailbox", {}, "noMailbox"),
        (Page.PUBLIC_ONE, "recreate_mailbox", {}, "published"),
        (Page.PUBLIC_ONE, "lose_licence", {}, "notLicensed"),
    ],
)
async def test_a_user_can_be_changed_and_restored(start, page, action, more, status):
    client = await start(users=1, mix={UserKind(page): 1.0})
    before = client.tenant.users(0, 1)[0]

    changed = (await post(client, client.tenant.user(0).upn.replace("#", "%23"), action=action, **more)).json()
    restored = (await post(client, 0, action="restore")).json()

    assert changed["expected"]["status"] == status
    assert changed != before
    assert restored == before


async def test_a_deleted_user_can_be_restored(start):
    client = await start(users=3)
    key = client.tenant.user(1).object_id

    assert (await post(client, 1, action="delete")).json() == {"index": 1, "deleted": True}
    assert (await client.http.get(f"{client.tenant.control_url}/control/users/1")).status_code == 404
    assert (await post(client, key, action="restore")).status_code == 200
    assert client.tenant.user(key).index == 1


async def test_invalid_requests_list_the_valid_values(start):
    client = await start(users=1)
    base = client.tenant.control_url

    unknown = await post(client, 0, action="dance")
    option = await client.http.patch(f"{base}/control/behaviour", json={"bookings": {"latency": 1}})

    assert unknown.status_code == option.status_code == 400
    assert all(action in unknown.json()["problem"] for action in ACTIONS)
    assert "latency_ms" in option.json()["problem"]
    assert (await post(client, "nobody", action="delete")).status_code == 404


async def test_behaviour_can_change_at_run_time(start):
    client = await start(users=1, mix={UserKind(Page.PUBLIC_ONE): 1.0})
    change = {"organization": {"bookings_auth_enabled": True}, "exchange": {"role": None}}

    body = (await client.http.patch(f"{client.tenant.control_url}/control/behaviour", json=change)).json()

    assert body["organization"]["bookings_auth_enabled"] is True
    assert (await client.services(0)).status_code == 401
    assert (await client.cmdlet("Get-OrganizationConfig")).status_code == 403


async def test_faults_can_be_added_listed_and_removed(start):
    client = await start(users=1, mix={UserKind(Page.PUBLIC_ONE): 1.0})
    url = f"{client.tenant.control_url}/control/faults"

    added = (await client.http.post(url, json={"target": "bookings", "status": 502, "times": 1})).json()
    first, second = (await client.services(0)).status_code, (await client.services(0)).status_code
    await client.http.post(url, json={"target": "bookings", "times": None})
    removed = (await client.http.delete(url)).json()

    assert added["value"][0]["status"] == 502
    assert (first, second) == (502, 200)
    assert removed == {"value": []}


async def test_metrics_count_and_can_be_reset(start):
    client = await start(users=1, mix={UserKind(Page.PUBLIC_ONE): 1.0})
    await client.services(0)
    await client.get_licensed_users()

    seen = (await client.http.get(f"{client.tenant.control_url}/control/metrics")).json()
    await client.http.post(f"{client.tenant.control_url}/control/reset-metrics")

    assert seen["services"]["bookings"]["by_operation"] == {"services": 1}
    assert seen["services"]["bookings"]["max_in_flight"] == 1
    assert seen["requests_to_microsoft_365"] == 2
    assert seen["writes"] == []
    assert client.tenant.metrics()["requests_to_microsoft_365"] == 0


async def test_settings_cover_every_way_to_sign_in(start):
    client = await start(users=1)

    settings = (await client.http.get(f"{client.tenant.control_url}/control/settings")).json()

    assert settings["system_assigned"] == client.tenant.settings()
    assert "AZURE_CLIENT_SECRET" in settings["secret"]
    assert "AZURE_CLIENT_CERTIFICATE_PATH" in settings["certificate"]
    assert "FEDERATED_IDENTITY_CLIENT_ID" in settings["federated"]
    assert "MANAGED_IDENTITY_CLIENT_ID" in settings["user_assigned"]


async def test_standalone_prints_settings_and_stops_on_a_signal():
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "local.simulator", "--users", "7", "--sign-in", "secret"),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    lines = []
    with contextlib.suppress(asyncio.IncompleteReadError):
        while "Ctrl-C" not in "".join(lines):
            lines.append((await program.stdout.readuntil(b"\n")).decode().strip())

    exported = dict(line.removeprefix("export ").split("=", 1) for line in lines if line.startswith("export "))
    control = next(line.split("control: ")[1] for line in lines if "control: " in line)
    async with httpx.AsyncClient() as http:
        assert len((await http.get(control, params={"licensed": "true"})).json()["value"]) == 7
    program.send_signal(signal.SIGTERM)

    assert await program.wait() == 0
    assert {"TENANT_ID", "GRAPH_URL", "AZURE_CLIENT_SECRET", "SSL_CERT_FILE"} <= set(exported)
