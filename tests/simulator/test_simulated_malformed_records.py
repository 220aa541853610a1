"""Malformed records, faults that alter a response, and what a browser sees."""

import asyncio

import httpx
import pytest

from local.simulator import Effect, Fault, Page, Record, UserKind
from local.simulator.user_kinds import UNREADABLE_USERS

STATUS_OF = {
    Record.VALID: ("published", None),
    Record.NULL_UPN: ("unknown", "notUnderstood"),
    Record.NULL_UPN_IN_LISTING: ("published", None),
    Record.NULL_PLANS: ("unknown", "notUnderstood"),
    Record.PLAN_WITHOUT_STATE: ("unknown", "notUnderstood"),
    Record.NULL_GUID: ("published", None),
    Record.INVALID_GUID: ("published", None),
    Record.NULL_GUID_IN_LISTING: ("published", None),
    Record.INVALID_POLICY: ("published", None),
    Record.INVALID_BATCH_PART: ("published", None),
}


def a_page(page, **more):
    return {"users": 1, "mix": {UserKind(page, **more): 1.0}}


@pytest.mark.parametrize("record", Record)
async def test_each_malformed_record_has_an_expected_result(start, record):
    client = await start(**a_page(Page.PUBLIC_ONE))

    changed = client.tenant.change_user(0, "set_record", record=record)

    assert (changed["expected"]["status"], changed["expected"]["reason"]) == STATUS_OF[record]


@pytest.mark.parametrize("record", sorted({*UNREADABLE_USERS, Record.NULL_UPN_IN_LISTING}))
async def test_a_malformed_user_is_malformed_in_the_listing(start, record):
    client = await start(**a_page(Page.PUBLIC_ONE, record=record), stale=0)
    select = "id,userPrincipalName,assignedPlans"

    (listed,) = await client.all_licensed(select=select)
    alone = (await client.graph(f"/users/{client.tenant.user(0).object_id}", {"$select": select})).json()

    def is_malformed(user):
        plans = user["assignedPlans"]
        return not user["userPrincipalName"] or not plans or not all("capabilityStatus" in plan for plan in plans)

    assert is_malformed(listed)
    assert is_malformed(alone) is (record in UNREADABLE_USERS)


@pytest.mark.parametrize(
    ("record", "listed", "alone"),
    [
        (Record.NULL_GUID, None, None),
        (Record.INVALID_GUID, "not a GUID", "not a GUID"),
        (Record.NULL_GUID_IN_LISTING, None, "the GUID"),
    ],
)
async def test_a_malformed_mailbox_has_no_valid_guid(start, record, listed, alone):
    client = await start(**a_page(Page.PUBLIC_ONE, record=record), exchange_only=0, stale=0, unlicensed=0)
    user = client.tenant.user(0)

    async def guid(**parameters):
        url = f"{client.settings['EXCHANGE_URL']}/adminapi/beta/{client.tenant.tenant_id}/InvokeCommand"
        return (await client.cmdlet("Get-Mailbox", parameters, url=url)).json()["value"][0]["ExchangeGuid"]

    assert await guid(ResultSize="Unlimited") == listed
    assert await guid(Identity=user.object_id) == (user.mailbox_guid if alone == "the GUID" else alone)


async def test_a_malformed_policy_is_not_a_list(start):
    client = await start(**a_page(Page.PUBLIC_ONE, record=Record.INVALID_POLICY))

    row = (await client.cmdlet("Get-CASMailbox", {"Identity": client.tenant.user(0).object_id})).json()["value"][0]

    assert row["EwsBlockList"] == "not a list"


async def test_a_malformed_batch_part_has_no_status(start):
    client = await start(**a_page(Page.PUBLIC_ONE, record=Record.INVALID_BATCH_PART))
    user_id = client.tenant.user(0).object_id

    parts = (await client.batch({"id": "1", "method": "GET", "url": f"/users/{user_id}/settings/exchange"})).json()
    alone = await client.graph(f"/users/{user_id}/settings/exchange")

    assert parts["responses"] == [{"id": "1", "status": "soon"}]
    assert alone.status_code == 200


async def test_mailboxes_can_be_filtered_by_their_creation(start):
    client = await start(users=40)

    async def count(first, last):
        period = f"WhenCreatedUTC -ge '01/01/{first} 00:00:00' -and WhenCreatedUTC -lt '01/01/{last} 00:00:00'"
        reply = await client.cmdlet("Get-Mailbox", {"ResultSize": "Unlimited", "Filter": period})
        return len(reply.json()["value"])

    assert await count(2000, 2100) == await count(2000, 2023) + await count(2023, 2100) > 0
    assert 0 < await count(2000, 2023) < await count(2000, 2100)


async def test_a_truncated_response_is_half_of_it(start):
    client = await start(**a_page(Page.PUBLIC_ONE))
    complete = (await client.services(0)).content
    client.tenant.add_fault(Fault("bookings.services", status=200, effect=Effect.TRUNCATED))

    assert (await client.services(0)).content == complete[: len(complete) // 2]


async def test_a_response_can_be_cut_off(start):
    client = await start(**a_page(Page.PUBLIC_ONE))
    client.tenant.add_fault(Fault("bookings.services", status=200, effect=Effect.CUT_OFF))

    with pytest.raises(httpx.HTTPError):
        await client.services(0)


async def test_a_response_can_arrive_slowly(start):
    client = await start(**a_page(Page.PUBLIC_ONE))
    client.tenant.add_fault(Fault("bookings.services", status=200, effect=Effect.DRIP, delay_seconds=0.3))
    loop = asyncio.get_running_loop()
    begun = loop.time()

    reply = await client.services(0)

    assert reply.json()["count"] == 1
    assert loop.time() - begun >= 0.3


async def test_a_response_can_be_endless(start):
    client = await start(**a_page(Page.PUBLIC_ONE))
    client.tenant.add_fault(Fault("bookings.services", status=200, effect=Effect.ENDLESS))
    received = 0

    async with client.http.stream("GET", client.page_url(0)) as reply:
        async for chunk in reply.aiter_raw():
            received += len(chunk)
            if received > 10_000_000:
                break

    assert received > 10_000_000


async def test_a_fault_can_have_headers(start):
    client = await start(**a_page(Page.PUBLIC_ONE))
    fault = Fault("bookings.services", status=200, body="{}", headers={"Content-Type": "text/html"})
    client.tenant.add_fault(fault)

    assert (await client.services(0)).headers["Content-Type"] == "text/html"


@pytest.mark.parametrize(
    ("page", "status", "text"),
    [
        (Page.PUBLIC_ONE, 200, "Public meeting types"),
        (Page.PUBLIC_AND_MALFORMED, 200, "Public meeting types"),
        (Page.PRIVATE_ONLY, 200, "no public meeting types"),
        (Page.EMPTY, 200, "no public meeting types"),
        (Page.SIGN_IN_401, 200, "sign in"),
        (Page.MISSING_404, 404, "No such page"),
        (Page.REFUSED_403, 503, "refused"),
    ],
)
async def test_a_browser_sees_what_a_page_is(start, page, status, text):
    client = await start(**a_page(page))
    user = client.tenant.user(0)
    guid = user.mailbox_guid.replace("-", "")

    for address in (f"{guid}@contoso.com", f"{guid.upper()}%40contoso.com?anonymous", f"{guid}@x.org/meetingtype/a1"):
        reply = await client.http.get(f"{client.settings['BOOKINGS_URL']}/bookwithme/user/{address}")
        assert reply.status_code == status
        assert text in reply.text
        assert "simulated tenant" in reply.text
        assert reply.headers["Content-Type"].startswith("text/html")
    assert client.tenant.metrics()["writes"] == []


async def test_every_published_address_works_in_a_browser(start):
    client = await start(users=60)
    published = [user for user in client.tenant.users(0, 60) if user["expected"]["status"] == "published"]

    for user in published:
        reply = await client.http.get(f"{client.settings['BOOKINGS_URL']}{user['expected']['url_path']}?anonymous")
        assert reply.status_code == 200
        assert "simulated tenant" in reply.text
    assert published
