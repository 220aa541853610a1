"""Calls every action and trigger of the connector, as the platform would, against the complete product."""

import asyncio
import csv
import io
from pathlib import Path
from typing import Any

import pytest

from connector import fill
from local.azurite import Azurite
from tests.connector.simulated_platform import CONNECTIONS, Platform, Polling
from tests.e2e.deployment import Deployment, deployed, tenant_of
from tests.e2e.scanned import only_reads

HOST = "bookings-atlas.contoso.com"
EMAIL = ("--contact-email", "support@contoso.com")
GUIDS = (
    *("--tenant-id", "11111111-2222-4333-8444-555555555555", "--client-id", "66666666-7777-4888-9999-000000000000"),
    *("--connector-client-id", "12121212-3434-4565-8787-909090909090"),
)
SIGN_IN = {"entra": ("oauthSetting", GUIDS), "key": ("securestring", ())}


def connect(product: Deployment, folder: Path, sign_in: str = "entra") -> Platform:
    """A connection of the connector, filled in, to this product."""
    out = folder / f"connector-{sign_in}"
    assert fill.main(["--host", HOST, "--sign-in", sign_in, *EMAIL, "--out", str(out), *SIGN_IN[sign_in][1]]) == 0
    return Platform.of(out, product.host.url)


async def rows_with(product: Deployment, status: str) -> list[dict[str, Any]]:
    """The rows with this status."""
    return [row for row in (await product.rows()).values() if row["Status"] == status]


async def collect_fired(polling: Polling, least: int) -> list[dict[str, Any]]:
    """Everything that a trigger fires for, until there are this many items, and one poll more."""
    found: list[dict[str, Any]] = []
    while len(found) < least:
        found += await polling.poll()
        await asyncio.sleep(0.2)
    return found + await polling.poll()


@pytest.mark.parametrize("sign_in", SIGN_IN)
async def test_every_action_and_trigger_works_signed_in(tmp_path: Path, azurite: Azurite, sign_in: str) -> None:
    async with (
        tenant_of(tmp_path, users=30) as tenant,
        deployed(tenant, azurite, SHARED_PAGES="true") as product,
    ):
        platform = connect(product, tmp_path, sign_in)
        scan = await platform.run("StartScan")
        again = await platform.run("GetScan", id=scan["id"])
        scans = (await platform.call("ListScans", limit=5)).json()["value"]
        file = (await platform.call("ExportPages", status="published")).content.decode("utf-8-sig")
        first_scan_poll = await platform.trigger("WhenScanEnds").poll()
        flow = platform.trigger("WhenPageChanges")
        first_poll = await flow.poll()
        upn = (await rows_with(product, "published"))[0]["UserPrincipalName"]
        page = (await platform.call("GetBookingPage", user=upn)).json()
        choices = await platform.choices("GetAvailability", "meetingType", user=upn)
        title, meeting_type = next(reversed(choices.items()))
        times = await platform.call(
            "GetAvailability", user=upn, meetingType=meeting_type, timeZone="W. Europe Standard Time"
        )
        pages = await platform.pages("ListPages", limit=7)
        shared_pages = await platform.pages("ListSharedPages", limit=7)
        address = next(iter((await platform.choices("GetSharedPage", "id")).values()))
        shared_page = (await platform.call("GetSharedPage", id=address)).json()
        holder = shared_page["holders"][0]["userPrincipalName"]
        mine = (await platform.call("ListUserSharedPages", user=holder)).json()["value"]
        first_shared_poll = await platform.trigger("WhenSharedPageChanges").poll()

    assert platform.called == set(platform.operations)
    assert platform.bypassed == []
    assert scan["state"] == "completed"
    assert again == scan
    assert scans == [scan]
    assert {row["Status"] for row in csv.DictReader(io.StringIO(file))} == {"published"}
    assert first_scan_poll == []
    assert first_poll == first_shared_poll == []
    assert len(shared_pages) > 1
    assert address in {page["id"] for part in shared_pages for page in part["value"]}
    assert shared_page["id"] == address
    assert address in {page["id"] for page in mine}
    assert page["url"].startswith("http")
    assert times.json()["availability"]["meetingType"]["title"] == title
    assert len(pages) > 1
    listed = [user["userId"] for page in pages for user in page["value"]]
    assert sorted(set(listed)) == sorted(listed)
    assert len(listed) == scan["usersListed"]
    (header,) = CONNECTIONS[SIGN_IN[sign_in][0]].items()
    assert {request.headers.get(header[0]) for request in platform.sent} == {header[1]}


async def test_a_flow_runs_once_for_each_change(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=20) as tenant, deployed(tenant, azurite) as product:
        platform = connect(product, tmp_path)
        await platform.run("StartScan")
        flow = platform.trigger("WhenPageChanges")
        before = await flow.poll()
        gone = [row["RowKey"] for row in (await rows_with(product, "published"))[:2]]
        new = (await rows_with(product, "notSetUp"))[0]["RowKey"]
        for user_id in gone:
            tenant.change_user(user_id, "delete_page")
        tenant.change_user(new, "open_bookings")
        await platform.run("StartScan")
        items = await collect_fired(flow, 3)

    assert before == []
    assert sorted((item["userId"], item["kind"]) for item in items) == sorted(
        [*((user_id, "withdrawn") for user_id in gone), (new, "setUp")]
    )


async def test_a_flow_runs_once_for_each_change_of_a_shared_page(tmp_path: Path, azurite: Azurite) -> None:
    async with (
        tenant_of(tmp_path, users=4, shared_pages=3) as tenant,
        deployed(tenant, azurite, SHARED_PAGES="true") as product,
    ):
        platform = connect(product, tmp_path)
        await platform.run("StartScan")
        flow = platform.trigger("WhenSharedPageChanges", kind="deleted,unpublished")
        before = await flow.poll()
        deleted, unpublished, granted = tenant.shared_pages()
        tenant.change_shared_page(deleted.index, "delete")
        tenant.change_shared_page(unpublished.index, "unpublish")
        tenant.change_shared_page(granted.index, "grant", trustee="new@contoso.com")
        await platform.run("StartScan")
        items = await collect_fired(flow, 2)

    assert before == []
    assert {(item["pageId"], item["kind"]) for item in items} == {
        (deleted.address, "deleted"),
        (unpublished.address, "unpublished"),
    }
    assert len(items) == 2


@only_reads
async def test_every_form_of_a_user_passes_the_gateway(tmp_path: Path, scanned: Deployment) -> None:
    platform = connect(scanned, tmp_path)
    rows = (await scanned.rows()).values()
    unusual = [next(row for row in rows if sign in row["UserPrincipalName"]) for sign in ("'", "+", "#EXT#")]
    page = next(row for row in rows if row["Status"] == "published")
    forms = [*((row["UserPrincipalName"], row["RowKey"]) for row in unusual), (page["Url"], page["RowKey"])]
    found = [
        (await platform.call(action, user=form)).json()["userId"]
        for form, _ in forms
        for action in ("GetBookingPage", "GetAvailability")
    ]

    assert found == [user_id for _, user_id in forms for _ in range(2)]


@only_reads
async def test_invalid_inputs_are_reported(tmp_path: Path, scanned: Deployment) -> None:
    platform = connect(scanned, tmp_path)
    unknown_user = await platform.call("GetBookingPage", user="nobody@contoso.com")
    not_a_user = await platform.call("GetAvailability", user="not a user")
    unknown_scan = await platform.call("GetScan", id="scan-of-nobody")

    assert (unknown_user.status_code, unknown_user.json()["code"]) == (404, "userNotFound")
    assert (not_a_user.status_code, not_a_user.json()["errors"][0]["field"]) == (400, "user")
    assert (unknown_scan.status_code, unknown_scan.json()["code"]) == (404, "scanNotFound")
