"""Exchange Online as the product calls it: all mailboxes over anchored pages; no failure looks like a result."""

import asyncio
import json
from uuid import UUID

import pytest
from aiohttp import web

from atlas.domain.mailboxes import Mailbox, NoMailbox
from atlas.microsoft365.calls import ApiClient
from atlas.microsoft365.connections import open_http, trusted_authorities
from atlas.microsoft365.exchange import MIN_RECORDS_TO_JUDGE, Exchange, parse_mailboxes, parse_organization
from atlas.microsoft365.exchange_listing import MAX_PAGE_SIZE, Cursor
from atlas.microsoft365.failures import NotUnderstood, Refused, Throttled, Unreachable
from atlas.microsoft365.signed_calls import SignedApiClient
from local.simulator import Fault
from local.simulator.user_mixes import EVERY
from tests.clients.graph_users import TokenSource
from tests.clients.serving import serving

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


def exchange_of(http, url):
    return Exchange(SignedApiClient(ApiClient(http), TokenSource(), "scope", url), TENANT)


async def list_mailboxes(clients):
    mailboxes, link, pages = {}, None, 0
    while True:
        page = await clients.exchange.get_mailboxes_page(link)
        mailboxes |= page.mailboxes
        pages += 1
        link = page.next_link
        if link is None:
            return mailboxes, pages


async def test_every_mailbox_is_listed_over_anchored_pages(start):
    clients = await start({"exchange": {"max_page_size": 20}}, users=70, mix=EVERY, exchange_only=6)

    mailboxes, pages = await list_mailboxes(clients)

    assert pages >= 4
    for user in clients.licensed_users():
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


async def test_a_truncated_listing_is_a_failure(start):
    clients = await start(
        {"exchange": {"warnings": ("There are more results available than are displayed.",)}}, users=3
    )

    with pytest.raises(NotUnderstood, match="truncated"):
        await clients.exchange.get_mailboxes_page(None)


async def test_other_warnings_are_counted_and_not_quoted(start):
    """Exchange's own texts name people."""
    warning = "The object Adele has been corrupted, and it's in an inconsistent state."
    clients = await start({"exchange": {"warnings": (warning,)}}, users=3)

    page = await clients.exchange.get_mailboxes_page(None)

    (reported,) = page.warnings
    assert "mailboxes: 1." in reported
    assert "Adele" not in reported
    assert len(page.mailboxes) >= 1


@pytest.mark.parametrize(
    "warnings",
    [
        ["By default, only the first 1000 items are returned. Use the ResultSize parameter to specify the number."],
        "There are more results available than are currently displayed.",
        ["a corrupted object", "MORE RESULTS are available"],
    ],
)
def test_truncation_is_recognised_by_its_words(warnings):
    with pytest.raises(NotUnderstood, match="truncated"):
        parse_mailboxes({"value": [ROW], "@adminapi.warnings": warnings})


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        None,
        {"value": None},
        {"value": {}},
        {"value": ""},
        {"value": [{**ROW, "ExchangeGuid": None}] * MIN_RECORDS_TO_JUDGE},
    ],
)
def test_a_malformed_page_is_not_understood(document):
    with pytest.raises(NotUnderstood):
        parse_mailboxes(document)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (None, "the record is malformed"),
        ({}, "ExchangeGuid is missing"),
        ({**ROW, "ExchangeGuid": None}, "ExchangeGuid is malformed"),
        ({**ROW, "ExchangeGuid": "no GUID"}, "ExchangeGuid is malformed"),
        ({**ROW, "PersistedCapabilities": "BPOS_S_BookingsAddOn"}, "PersistedCapabilities is malformed"),
    ],
)
def test_a_malformed_record_affects_only_itself(row, problem):
    other = {**ROW, "ExternalDirectoryObjectId": str(UUID(int=7))}

    listed = parse_mailboxes({"value": [row, other]})

    assert set(listed.records) == {str(UUID(int=7))}
    assert listed.problems() == problem
    assert set(listed.malformed) == ({ROW["ExternalDirectoryObjectId"].lower()} if row else set())


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
def test_mailboxes_are_parsed(changed, expected):
    listed = parse_mailboxes({"value": [{**ROW, **changed}]})

    assert listed.records == {"6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0": expected}


@pytest.mark.parametrize("missing", [{"PersistedCapabilities": None}, {}])
def test_capabilities_missing_everywhere_are_unknown(missing):
    row = {name: value for name, value in ROW.items() if name != "PersistedCapabilities"} | missing
    rows = [
        {**row, "ExternalDirectoryObjectId": str(UUID(int=n)), "ExchangeGuid": str(UUID(int=n))} for n in range(1, 20)
    ]

    silent = parse_mailboxes({"value": rows}).records
    telling = parse_mailboxes({"value": [*rows, {**ROW, "PersistedCapabilities": []}]}).records

    few = parse_mailboxes({"value": rows[: MIN_RECORDS_TO_JUDGE - 1]}).records

    assert {mailbox.has_capability for mailbox in silent.values()} == {None}
    assert {mailbox.has_capability for mailbox in few.values()} == {False}
    assert {mailbox.has_capability for mailbox in telling.values()} == {False}


def test_a_mailbox_without_a_user_is_left_out():
    assert parse_mailboxes({"value": [{**ROW, "ExternalDirectoryObjectId": ""}]}).records == {}


@pytest.mark.parametrize("role", [None, "Security Reader"])
async def test_a_403_of_nul_bytes_names_the_permission(start, role):
    clients = await start({"exchange": {"role": role}}, users=2)

    for request in (clients.exchange.get_mailboxes_page(None), clients.exchange.get_organization()):
        with pytest.raises(Refused, match=r"Exchange\.ManageAsApp.*Global Reader"):
            await request


async def test_a_401_names_the_permission(start):
    clients = await start({"sign_in": {"exchange_roles": ()}}, users=2)

    with pytest.raises(Refused, match=r"Exchange\.ManageAsApp"):
        await clients.exchange.get_organization()


@pytest.mark.parametrize("error", ["ServerBusyException", "CmdletProxyNotAvailableFailure", "TransientException"])
async def test_a_transient_400_is_retried(start, error):
    clients = await start(users=2)
    clients.tenant.add_fault(Fault("exchange.Get-Mailbox", status=400, error=error, times=2))

    page = await clients.exchange.get_mailboxes_page(None)

    assert page.mailboxes
    assert clients.request_count("exchange", "Get-Mailbox") == 3


async def test_a_persistent_transient_400_is_unreachable(start):
    clients = await start(users=2)
    clients.tenant.add_fault(Fault("exchange.Get-Mailbox", status=400, error="ServerBusyException", times=None))

    with pytest.raises(Unreachable):
        await clients.exchange.get_mailboxes_page(None)


async def test_another_400_is_not_retried(start):
    clients = await start(users=2)
    clients.tenant.add_fault(
        Fault("exchange.Get-Mailbox", status=400, error="ParameterTransformationException", times=None)
    )

    with pytest.raises(NotUnderstood):
        await clients.exchange.get_mailboxes_page(None)

    assert clients.request_count("exchange", "Get-Mailbox") == 1


@pytest.mark.parametrize("times", [1, None])
async def test_an_expired_listing_starts_again_and_then_in_parts(start, times):
    clients = await start({"exchange": {"max_page_size": 7}}, users=60)
    clients.tenant.add_fault(Fault("exchange.Get-Mailbox.next", status=400, error="expiredPage", times=times))

    mailboxes, _ = await list_mailboxes(clients)

    expected = {user["id"] for user in clients.licensed_users() if clients.tenant.user(user["id"]).in_exchange}
    assert expected <= set(mailboxes)


async def test_a_timeout_makes_pages_smaller(start, monkeypatch):
    clients = await start(users=5)
    clients.tenant.add_fault(Fault("exchange.Get-Mailbox", status=200, delay_seconds=5))
    monkeypatch.setattr("atlas.microsoft365.exchange_commands.PAGE_TIMEOUT_SECONDS", 0.2)

    first = await clients.exchange.get_mailboxes_page(None)
    second = await clients.exchange.get_mailboxes_page(first.next_link)

    assert first.mailboxes == {}
    assert Cursor.parse(first.next_link).page_size == MAX_PAGE_SIZE // 2
    assert second.mailboxes
    assert second.next_link is None


@pytest.mark.parametrize(("retry_after", "attempts"), [("0", 3), ("120", 1)])
async def test_only_short_waits_are_waited_inline(start, retry_after, attempts):
    clients = await start(users=2)
    clients.tenant.add_fault(Fault("exchange.Get-Mailbox", status=429, retry_after=retry_after, times=None))

    with pytest.raises(Throttled):
        await clients.exchange.get_mailboxes_page(None)

    assert clients.request_count("exchange", "Get-Mailbox") == attempts


async def test_single_mailboxes_are_read(start):
    clients = await start(users=60, mix=EVERY)
    users = clients.licensed_users()

    found = await asyncio.gather(*(clients.exchange.get_mailbox(user["id"]) for user in users))

    for user, mailbox in zip(users, found, strict=True):
        person = clients.tenant.user(user["id"])
        assert isinstance(mailbox, Mailbox) == person.has_mailbox
        assert not isinstance(mailbox, Mailbox) or mailbox.guid == UUID(person.mailbox_guid)


@pytest.mark.parametrize("forced", [True, False])
async def test_the_organisation_reports_forced_sign_in(start, forced):
    clients = await start({"organization": {"bookings_auth_enabled": forced}}, users=1)

    assert (await clients.exchange.get_organization()).bookings_auth_enabled is forced


@pytest.mark.parametrize("row", [{}, {"BookingsAuthEnabled": None}])
def test_an_absent_setting_is_unknown(row):
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
def test_a_malformed_organisation_is_not_understood(document):
    with pytest.raises(NotUnderstood):
        parse_organization(document)


async def test_each_page_is_the_same_post_with_the_same_anchor():
    def respond(request):
        is_first = "skiptoken" not in request.raw_path
        more = {"@odata.nextLink": f"{base[0]}/adminapi/beta/{TENANT}/InvokeCommand?$skiptoken=x"} if is_first else {}
        return web.json_response({"value": [ROW], **more})

    base = []
    async with serving(respond) as served, open_http(trusted_authorities(None)) as http:
        base.append(served.url)
        exchange = exchange_of(http, served.url)
        page = await exchange.get_mailboxes_page(None)
        await exchange.get_mailboxes_page(page.next_link)

    (first, second) = served.requests
    assert (first[0], first[3]) == (second[0], second[3])
    assert json.loads(first[3])["CmdletInput"]["Parameters"] == {"ResultSize": "Unlimited"}
    for name in ("x-anchormailbox", "prefer", "content-type", "authorization"):
        assert first[2][name] == second[2][name]
    assert first[2]["x-anchormailbox"].endswith(f"@{TENANT}")
