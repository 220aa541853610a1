"""Exchange Online as the product asks it: all mailboxes over anchored pages, no failure that looks like an answer."""

import asyncio
import json
from uuid import UUID

import pytest
from aiohttp import web

from atlas.domain.mailboxes import Mailbox, NoMailbox
from atlas.microsoft365.calls import ApiClient
from atlas.microsoft365.connections import open_http, trusted_authorities
from atlas.microsoft365.exchange import FEW, Exchange, parse_mailboxes_page, parse_organization
from atlas.microsoft365.failures import ListingExpired, NotUnderstood, Refused, Throttled, Unreachable
from atlas.microsoft365.signed_calls import SignedApiClient
from local.simulator import Fault
from local.simulator.user_mixes import EVERY
from tests.clients.serving import serving
from tests.clients.test_graph_client import TokenSource

BASE = "https://outlook.office365.com"
TENANT = "a7809c93-1111-4222-8333-944445555666"
GUID = "2be92a50-0c6b-4d1e-8a61-3f1f5a0c7e11"
ROW = {
    "ExchangeGuid": GUID,
    "ExternalDirectoryObjectId": "6EA91A8D-e32e-41a1-b7bd-d2d185eed0e0",
    "PrimarySmtpAddress": "AdeleV@contoso.com",
    "RecipientTypeDetails": "UserMailbox",
    "PersistedCapabilities": ["BPOS_S_BookingsAddOn"],
}

NO_POLICY = {"EwsApplicationAccessPolicy": None}


async def listed(clients, size=1000):
    mailboxes, link, pages = {}, None, 0
    while True:
        page = await clients.exchange.get_mailboxes_page(link, size)
        mailboxes |= page.mailboxes
        pages += 1
        link = page.next_link
        if link is None:
            return mailboxes, pages


async def test_every_mailbox_is_listed_over_anchored_pages(start):
    clients = await start(users=70, mix=EVERY, exchange_only=6)

    mailboxes, pages = await listed(clients, 20)

    assert pages >= 4
    for user in clients.licensed():
        person = clients.tenant.user(user["id"])
        mailbox = mailboxes.get(user["id"], NoMailbox())
        if not person.has_mailbox:
            assert isinstance(mailbox, NoMailbox)
        else:
            assert isinstance(mailbox, Mailbox)
            assert mailbox.guid == UUID(person.mailbox_guid)
            assert mailbox.has_capability is person.has_capability
            assert mailbox.primary_smtp_address == person.primary_smtp
            assert mailbox.recipient_type == person.recipient_type
    assert all(key == key.lower() for key in mailboxes)
    assert clients.tenant.metrics()["writes"] == []


async def test_a_listing_that_is_cut_short_is_a_failure_and_not_a_short_listing(start):
    clients = await start(
        {"exchange": {"warnings": ("There are more results available than are displayed.",)}}, users=3
    )

    with pytest.raises(NotUnderstood, match="cut"):
        await clients.exchange.get_mailboxes_page(None)


async def test_other_warnings_pass_and_are_told(start):
    warning = "The object Adele has been corrupted, and it's in an inconsistent state."
    clients = await start({"exchange": {"warnings": (warning,)}}, users=3)

    page = await clients.exchange.get_mailboxes_page(None)

    assert page.warnings == (warning,)
    assert len(page.mailboxes) >= 1


@pytest.mark.parametrize(
    "warnings",
    [
        ["By default, only the first 1000 items are returned. Use the ResultSize parameter to specify the number."],
        "There are more results available than are currently displayed.",
        ["a corrupted object", "MORE RESULTS are available"],
    ],
)
def test_a_cut_is_told_by_its_words_however_they_come(warnings):
    with pytest.raises(NotUnderstood, match="cut"):
        parse_mailboxes_page({"value": [ROW], "@adminapi.warnings": warnings}, BASE)


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        None,
        {"value": None},
        {"value": {}},
        {"value": ""},
        {"value": [None]},
        {"value": [{}]},
        {"value": [{**ROW, "ExchangeGuid": None}]},
        {"value": [{**ROW, "ExchangeGuid": "no GUID"}]},
        {"value": [{**ROW, "PersistedCapabilities": "BPOS_S_BookingsAddOn"}]},
        {"value": [], "@odata.nextLink": "https://elsewhere.example/x"},
    ],
)
def test_a_page_that_lacks_what_was_asked_for_is_not_understood(document):
    with pytest.raises(NotUnderstood):
        parse_mailboxes_page(document, BASE)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, Mailbox(UUID(GUID), "AdeleV@contoso.com", "UserMailbox", has_capability=True)),
        ({"PersistedCapabilities": []}, Mailbox(UUID(GUID), "AdeleV@contoso.com", "UserMailbox", has_capability=False)),
        (
            {"PersistedCapabilities": None},
            Mailbox(UUID(GUID), "AdeleV@contoso.com", "UserMailbox", has_capability=False),
        ),
        (
            {"PrimarySmtpAddress": "Adele\ud83d@contoso.com"},
            Mailbox(UUID(GUID), "Adele?@contoso.com", "UserMailbox", True),
        ),
        ({"ExchangeGuid": str(UUID(int=0)), "RecipientTypeDetails": "MailUser"}, NoMailbox("MailUser")),
        ({"PrimarySmtpAddress": None}, Mailbox(UUID(GUID), None, "UserMailbox", has_capability=True)),
        (
            {"ExchangeGuid@odata.type": "#Guid", "Odd": 1},
            Mailbox(UUID(GUID), "AdeleV@contoso.com", "UserMailbox", has_capability=True),
        ),
    ],
)
def test_a_mailbox_is_read_as_exchange_writes_it(changed, expected):
    page = parse_mailboxes_page({"value": [{**ROW, **changed}]}, BASE)

    assert page.mailboxes == {"6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0": expected}


@pytest.mark.parametrize("untold", [{"PersistedCapabilities": None}, {}])
def test_a_page_of_which_no_mailbox_tells_capabilities_leaves_them_unknown(untold):
    row = {name: value for name, value in ROW.items() if name != "PersistedCapabilities"} | untold
    rows = [
        {**row, "ExternalDirectoryObjectId": str(UUID(int=n)), "ExchangeGuid": str(UUID(int=n))} for n in range(1, 20)
    ]

    silent = parse_mailboxes_page({"value": rows}, BASE).mailboxes
    telling = parse_mailboxes_page({"value": [*rows, {**ROW, "PersistedCapabilities": []}]}, BASE).mailboxes

    few = parse_mailboxes_page({"value": rows[: FEW - 1]}, BASE).mailboxes

    assert {mailbox.has_capability for mailbox in silent.values()} == {None}
    assert {mailbox.has_capability for mailbox in few.values()} == {False}
    assert {mailbox.has_capability for mailbox in telling.values()} == {False}


def test_half_a_character_in_a_warning_does_not_keep_the_scan_from_being_written():
    page = parse_mailboxes_page({"value": [], "@adminapi.warnings": ["The object Ad\ud83d is corrupted."]}, BASE)

    assert page.warnings == ("The object Ad? is corrupted.",)


def test_a_mailbox_of_nobody_in_the_directory_is_left_out():
    assert parse_mailboxes_page({"value": [{**ROW, "ExternalDirectoryObjectId": ""}]}, BASE).mailboxes == {}


@pytest.mark.parametrize("role", [None, "Security Reader"])
async def test_a_403_of_nul_bytes_is_a_refusal_that_names_the_grant(start, role):
    clients = await start({"exchange": {"role": role}}, users=2)

    for request in (clients.exchange.get_mailboxes_page(None), clients.exchange.get_organization()):
        with pytest.raises(Refused, match=r"Exchange\.ManageAsApp.*Global Reader"):
            await request


async def test_a_token_without_the_app_role_is_a_refusal_that_names_the_grant(start):
    clients = await start({"sign_in": {"exchange_roles": ()}}, users=2)

    with pytest.raises(Refused, match=r"Exchange\.ManageAsApp"):
        await clients.exchange.get_organization()


@pytest.mark.parametrize("error", ["ServerBusyException", "CmdletProxyNotAvailableFailure", "TransientException"])
async def test_a_400_that_passes_is_asked_again(start, error):
    clients = await start(users=2)
    clients.tenant.add_fault(Fault("exchange.Get-Mailbox", status=400, error=error, times=2))

    page = await clients.exchange.get_mailboxes_page(None)

    assert page.mailboxes
    assert clients.asked("exchange", "Get-Mailbox") == 3


async def test_a_400_that_passes_but_does_not_is_unreachable(start):
    clients = await start(users=2)
    clients.tenant.add_fault(Fault("exchange.Get-Mailbox", status=400, error="ServerBusyException", times=None))

    with pytest.raises(Unreachable):
        await clients.exchange.get_mailboxes_page(None)


async def test_another_400_is_not_asked_again(start):
    clients = await start(users=2)
    clients.tenant.add_fault(
        Fault("exchange.Get-Mailbox", status=400, error="ParameterTransformationException", times=None)
    )

    with pytest.raises(NotUnderstood):
        await clients.exchange.get_mailboxes_page(None)

    assert clients.asked("exchange", "Get-Mailbox") == 1


async def test_a_page_that_is_too_old_says_that_the_listing_has_to_begin_again(start):
    clients = await start({"exchange": {"max_page_size": 3}}, users=9)
    page = await clients.exchange.get_mailboxes_page(None)
    clients.tenant.add_fault(Fault("exchange.Get-Mailbox.next", status=400, error="expiredPage"))

    with pytest.raises(ListingExpired):
        await clients.exchange.get_mailboxes_page(page.next_link)


@pytest.mark.parametrize(("retry_after", "asked"), [("0", 3), ("120", 1)])
async def test_throttling_is_waited_for_in_place_only_if_it_is_short(start, retry_after, asked):
    clients = await start(users=2)
    clients.tenant.add_fault(Fault("exchange.Get-Mailbox", status=429, retry_after=retry_after, times=None))

    with pytest.raises(Throttled):
        await clients.exchange.get_mailboxes_page(None)

    assert clients.asked("exchange", "Get-Mailbox") == asked


async def test_one_mailbox_is_told_whole_and_a_missing_one_is_known_to_be_missing(start):
    clients = await start(users=60, mix=EVERY)
    users = clients.licensed()

    found = await asyncio.gather(*(clients.exchange.get_mailbox(user["id"]) for user in users))

    for user, mailbox in zip(users, found, strict=True):
        person = clients.tenant.user(user["id"])
        assert isinstance(mailbox, Mailbox) == person.has_mailbox
        assert not isinstance(mailbox, Mailbox) or mailbox.guid == UUID(person.mailbox_guid)


@pytest.mark.parametrize("forced", [True, False])
async def test_the_organisation_says_whether_it_forces_sign_in(start, forced):
    clients = await start({"organization": {"bookings_auth_enabled": forced}}, users=1)

    assert (await clients.exchange.get_organization()).bookings_auth_enabled is forced


@pytest.mark.parametrize("row", [{}, {"BookingsAuthEnabled": None}])
def test_a_setting_that_is_not_told_is_not_known(row):
    assert parse_organization({"value": [{**NO_POLICY, **row}]}).bookings_auth_enabled is None


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"value": []},
        {"value": [{}]},
        {"value": [NO_POLICY, NO_POLICY]},
        {"value": [{**NO_POLICY, "BookingsAuthEnabled": "perhaps"}]},
        {"value": [7]},
    ],
)
def test_an_organisation_that_is_not_one_is_not_understood(document):
    with pytest.raises(NotUnderstood):
        parse_organization(document)


async def test_each_page_is_the_same_post_with_the_same_anchor():
    def answer(request):
        is_first = "skiptoken" not in request.raw_path
        more = {"@odata.nextLink": f"{base[0]}/adminapi/beta/{TENANT}/InvokeCommand?$skiptoken=x"} if is_first else {}
        return web.json_response({"value": [ROW], **more})

    base = []
    async with serving(answer) as served, open_http(trusted_authorities(None)) as http:
        base.append(served.url)
        exchange = Exchange(SignedApiClient(ApiClient(http), TokenSource(), "s"), served.url, TENANT)
        page = await exchange.get_mailboxes_page(None)
        await exchange.get_mailboxes_page(page.next_link)

    (first, second) = served.asked
    assert (first[0], first[3]) == (second[0], second[3])
    assert json.loads(first[3])["CmdletInput"]["Parameters"] == {"ResultSize": "Unlimited"}
    for name in ("x-anchormailbox", "prefer", "content-type", "authorization"):
        assert first[2][name] == second[2][name]
    assert first[2]["x-anchormailbox"].endswith(f"@{TENANT}")
