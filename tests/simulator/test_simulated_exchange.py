"""Exchange's InvokeCommand (docs/microsoft-365.md, section 3): grants, paging tied to an anchor, odd rows, errors."""

import pytest

from local.simulator import ExchangeBehaviour, Fault, MailboxPolicy
from local.simulator.policy import AGENT
from local.simulator.user_mixes import EVERY

EMPTY = "00000000-0000-0000-0000-000000000000"
UNLIMITED = {"ResultSize": "Unlimited"}


async def invoke(client, cmdlet="Get-Mailbox", parameters=None, select=""):
    tenant_id = client.tenant.tenant_id
    url = f"{client.settings['EXCHANGE_URL']}/adminapi/beta/{tenant_id}/InvokeCommand"
    url = f"{url}?$select={select}" if select else url
    rows = []
    while url:
        page = (await client.cmdlet(cmdlet, parameters or UNLIMITED, url=url)).json()
        rows += page["value"]
        url = page.get("@odata.nextLink")
    return rows


async def test_every_mailbox_is_listed_once_over_many_pages(start):
    client = await start({"exchange": {"max_page_size": 7}}, users=60)

    rows = await invoke(client)

    guids = [row["ExchangeGuid"] for row in rows if row["ExchangeGuid"] != EMPTY]
    known = {user["expected"]["mailbox_guid"] for user in client.tenant.users(0, 60)} - {None}
    assert len(guids) == len(set(guids))
    assert known <= set(guids)


async def test_some_mailboxes_have_no_user_or_no_guid(start):
    client = await start(users=len(EVERY), mix=EVERY)

    rows = await invoke(client)

    assert sum(row["ExternalDirectoryObjectId"] == "" for row in rows) == 3
    assert sum(row["ExchangeGuid"] == EMPTY for row in rows) == 1


async def test_rows_contain_type_annotations(start):
    client = await start(users=200)

    rows = await invoke(client, select="ExchangeGuid,PersistedCapabilities")

    forms = {repr(row.get("PersistedCapabilities", "absent"))[:6] for row in rows}
    assert {"[]", "None", "'absen"} <= forms
    assert any("BPOS_S_BookingsAddOn" in (row.get("PersistedCapabilities") or []) for row in rows)
    assert all("ExchangeGuid@odata.type" in row for row in rows)
    assert {key.partition("@")[0] for row in rows for key in row} == {"ExchangeGuid", "PersistedCapabilities"}


async def test_without_a_result_size_a_listing_is_truncated(start):
    client = await start(users=1200)

    page = (await client.cmdlet("Get-Mailbox")).json()

    assert len(page["value"]) == 1000
    assert "@odata.nextLink" not in page
    assert "more results available" in page["@adminapi.warnings"][0]


async def test_a_page_is_as_small_as_the_client_prefers(start):
    client = await start(users=30)

    page = (await client.cmdlet("Get-Mailbox", UNLIMITED, headers={"Prefer": "odata.maxpagesize=4"})).json()

    assert len(page["value"]) == 4
    assert page["@odata.nextLink"].startswith(client.settings["EXCHANGE_URL"])


async def test_a_warning_does_not_end_the_listing(start):
    behaviour = {"exchange": {"warnings": ["The object x has been corrupted."], "max_page_size": 10}}
    client = await start(behaviour, users=30)

    page = (await client.cmdlet("Get-Mailbox", UNLIMITED)).json()

    assert page["@adminapi.warnings"] == ["The object x has been corrupted."]
    assert "@odata.nextLink" in page


@pytest.mark.parametrize(
    ("parameters", "headers"),
    [
        (UNLIMITED, {"X-AnchorMailbox": "UPN:somebody@contoso.com"}),
        (UNLIMITED, {"X-AnchorMailbox": ""}),
        ({"ResultSize": 5000}, {}),
    ],
)
async def test_a_page_requested_differently_has_expired(start, parameters, headers):
    client = await start({"exchange": {"max_page_size": 5}}, users=30)
    link = (await client.cmdlet("Get-Mailbox", UNLIMITED)).json()["@odata.nextLink"]

    reply = await client.cmdlet("Get-Mailbox", parameters, url=link, headers=headers)

    assert reply.status_code == 400
    inner = reply.json()["error"]["innererror"]["internalexception"]["message"]
    assert inner.startswith("Expired or Invalid pagination request")
    assert (await client.cmdlet("Get-Mailbox", UNLIMITED, url=link)).status_code == 200


async def test_a_listing_without_an_anchor_cannot_be_continued(start):
    client = await start({"exchange": {"max_page_size": 5}}, users=30)
    no_anchor = {"X-AnchorMailbox": ""}
    link = (await client.cmdlet("Get-Mailbox", UNLIMITED, headers=no_anchor)).json()["@odata.nextLink"]

    assert (await client.cmdlet("Get-Mailbox", UNLIMITED, url=link, headers=no_anchor)).status_code == 400
    assert (await client.cmdlet("Get-Mailbox", UNLIMITED, url=link)).status_code == 400


async def test_a_page_expires_after_half_an_hour(start, clock):
    client = await start({"exchange": {"max_page_size": 5}}, users=30)
    link = (await client.cmdlet("Get-Mailbox", UNLIMITED)).json()["@odata.nextLink"]
    clock.now += 1801

    assert (await client.cmdlet("Get-Mailbox", UNLIMITED, url=link)).status_code == 400


async def test_a_second_page_can_fail_permanently(start):
    client = await start({"exchange": {"max_page_size": 5}}, users=30)
    client.tenant.add_fault(Fault("exchange.Get-Mailbox.next", status=400, error="expiredPage", times=None))

    for _ in range(2):
        link = (await client.cmdlet("Get-Mailbox", UNLIMITED)).json()["@odata.nextLink"]
        assert (await client.cmdlet("Get-Mailbox", UNLIMITED, url=link)).status_code == 400


async def test_a_busy_server_responds_with_400(start):
    client = await start(users=5)
    client.tenant.add_fault(Fault("exchange.Get-OrganizationConfig", status=400, error="ServerBusyException"))

    replies = [await client.cmdlet("Get-OrganizationConfig") for _ in range(2)]

    assert [reply.status_code for reply in replies] == [400, 200]
    assert replies[0].json()["error"]["message"] == "Invalid Operation"
    assert "ServerBusyException" in replies[0].json()["error"]["details"][0]["message"]


async def test_without_the_permission_exchange_responds_with_401(start):
    client = await start({"sign_in": {"exchange_roles": ["Exchange.ManageAsAppV2"]}}, users=5)

    reply = await client.cmdlet("Get-OrganizationConfig")

    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("role", [None, "Security Reader"])
async def test_without_a_role_exchange_responds_with_nul_bytes(start, role):
    client = await start({"exchange": {"role": role}}, users=5)

    reply = await client.cmdlet("Get-Mailbox", UNLIMITED)

    assert reply.status_code == 403
    assert set(reply.content) == {0}


async def test_another_tenant_is_not_found(start):
    client = await start(users=5)
    url = f"{client.settings['EXCHANGE_URL']}/adminapi/beta/6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0/InvokeCommand"

    assert (await client.cmdlet("Get-OrganizationConfig", url=url)).status_code == 404


async def test_the_organisation_has_336_keys(start):
    chosen = {"ews_policy": "EnforceBlockList", "ews_block_list": [AGENT], "ews_allowed_app_ids": ["a"]}
    client = await start({"organization": chosen}, users=5)

    record = (await client.cmdlet("Get-OrganizationConfig")).json()["value"][0]
    more = (await client.cmdlet("Get-OrganizationConfig", {"RetrieveEwsOperationAccessPolicy": True})).json()["value"][
        0
    ]

    plain = {key for key in record if "@" not in key}
    assert len(plain) == 336
    assert record["EwsApplicationAccessPolicy"] == "EnforceBlockList"
    assert record["EwsBlockList"] == [AGENT]
    assert record["EwsEnabled"] is None
    assert record["BookingsAuthEnabled"] is False
    assert "EwsAllowedAppIDs" not in plain
    assert more["EwsAllowedAppIDs"] == "a"


async def test_get_casmailbox_returns_mailbox_policies(start):
    client = await start(users=len(EVERY), mix=EVERY)
    blocked = next(p for p in client.tenant.users(0, len(EVERY)) if p["policy"] == MailboxPolicy.BLOCKED)

    rows = {row["ExternalDirectoryObjectId"]: row for row in await invoke(client, "Get-CASMailbox")}

    assert rows[blocked["id"]]["EwsApplicationAccessPolicy"] == "EnforceBlockList"
    assert rows[blocked["id"]]["EwsBlockList"] == [AGENT]
    assert {row["EwsApplicationAccessPolicy"] for row in rows.values()} > {None, "EnforceAllowList"}


async def test_a_mailbox_is_found_by_each_identity(start):
    client = await start(users=20)
    user = client.tenant.user(4)

    for identity in (user.object_id, user.upn, user.primary_smtp, user.mailbox_guid):
        rows = (await client.cmdlet("Get-Mailbox", {"Identity": identity})).json()["value"]
        assert [row["ExchangeGuid"] for row in rows] == [user.mailbox_guid]


async def test_an_unknown_mailbox_is_an_error(start):
    client = await start(users=5)

    reply = await client.cmdlet("Get-Mailbox", {"Identity": "nobody@contoso.com"})

    error = reply.json()["error"]
    assert reply.status_code == 400
    assert error["message"] == "Invalid Operation"
    assert "ManagementObjectNotFoundException" in error["details"][0]["message"]


async def test_owa_policies_are_listed(start):
    client = await start(users=5)

    rows = (await client.cmdlet("Get-OwaMailboxPolicy")).json()["value"]

    assert [row["BookingsMailboxCreationEnabled"] for row in rows] == [True, False]


async def test_invalid_commands_are_errors(start):
    client = await start(users=5)

    assert (await client.cmdlet("Get-Mailbox", [])).status_code == 400
    assert (await client.cmdlet("Get-Nonsense")).status_code == 400


async def test_writing_cmdlets_are_rejected_and_recorded(start):
    client = await start(users=5)

    reply = await client.cmdlet("Set-OrganizationConfig", {"EwsEnabled": True})

    assert reply.status_code == 403
    assert len(client.tenant.metrics()["writes"]) == 1


async def test_throttling_may_lack_retry_after(start):
    client = await start({"exchange": {"max_in_flight": 0, "retry_after": None}}, users=5)

    reply = await client.cmdlet("Get-OrganizationConfig")

    assert reply.status_code == 429
    assert "Retry-After" not in reply.headers
    assert ExchangeBehaviour().max_in_flight is None
