"""A malformed record affects only itself: it is requested on its own, or counted and reported as a warning."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.domain.mailboxes import Mailbox, NoMailbox
from atlas.domain.unknown import Reason, Unknown
from atlas.microsoft365 import batches, bookings_pages, exchange, exchange_settings, graph
from atlas.microsoft365.exchange_listing import Cursor
from atlas.microsoft365.failures import ListingExpired, TenantFailure
from local.simulator import Fault, Page, Record, UserKind
from local.simulator.user_kinds import UNREADABLE_MAILBOXES, UNREADABLE_USERS

BASE = "https://graph.microsoft.com"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=12,
)


async def start_with(start, record, page=Page.PUBLIC_ONE, **behaviour):
    """A tenant of 30 ordinary users and one whose record is malformed."""
    clients = await start(behaviour, users=31, mix={UserKind(page): 1.0})
    one = clients.licensed_users()[0]
    clients.tenant.change_user(one["index"], "set_record", record=record)
    return clients, one["id"]


@pytest.mark.parametrize("record", sorted(UNREADABLE_USERS))
async def test_an_unreadable_user_is_reported_and_the_others_are_listed(start, record):
    clients, user_id = await start_with(start, record)

    page = await clients.graph.get_licensed_page(None)

    assert len(page.users) == 30
    (malformed,) = page.malformed
    assert malformed.user_id == user_id
    assert malformed.problem.split(" ")[0] in {"userPrincipalName", "assignedPlans"}
    assert clients.request_count("graph", "batch") == 1


@pytest.mark.parametrize("record", [Record.NULL_UPN_IN_LISTING, Record.INVALID_BATCH_PART])
async def test_a_user_who_is_readable_alone_is_listed(start, record):
    clients, user_id = await start_with(start, record)

    page = await clients.graph.get_licensed_page(None)

    assert page.malformed == ()
    assert user_id in {user.user_id for user in page.users}
    assert len(page.users) == 31


async def test_a_malformed_batch_part_does_not_lose_the_others(start):
    clients, _ = await start_with(start, Record.INVALID_BATCH_PART)
    user_ids = [user["id"] for user in clients.licensed_users()]

    mailboxes = await clients.graph.get_mailboxes(user_ids)
    accounts = await clients.graph.get_accounts(user_ids)

    assert all(isinstance(mailbox, Mailbox) for mailbox in mailboxes.values())
    assert all(isinstance(account, graph.Account) for account in accounts.values())
    assert clients.request_count("graph", "settings") == clients.request_count("graph", "user") == 1


@pytest.mark.parametrize("record", sorted(UNREADABLE_MAILBOXES))
async def test_an_unreadable_mailbox_is_unknown_and_reported(start, record):
    clients, user_id = await start_with(start, record)

    page = await clients.exchange.get_mailboxes_page(None)

    mailbox = page.mailboxes[user_id]
    assert isinstance(mailbox, Unknown)
    assert mailbox.reason is Reason.NOT_UNDERSTOOD
    assert [user for user, found in page.mailboxes.items() if isinstance(found, Unknown)] == [user_id]
    assert page.warnings == ("Malformed records of mailboxes in Exchange: 1 (ExchangeGuid is malformed).",)


async def test_a_mailbox_that_is_readable_alone_is_listed(start):
    clients, user_id = await start_with(start, Record.NULL_GUID_IN_LISTING)

    page = await clients.exchange.get_mailboxes_page(None)

    mailbox = page.mailboxes[user_id]
    assert isinstance(mailbox, Mailbox)
    assert mailbox.guid == UUID(clients.tenant.user(user_id).mailbox_guid)
    assert page.warnings == ()


async def test_a_malformed_policy_is_left_out_and_reported(start):
    clients, user_id = await start_with(start, Record.INVALID_POLICY)

    page = await clients.exchange.get_policies_page(None)

    assert user_id not in page.scopes
    assert len(page.scopes) >= 30
    assert page.warnings == ("Malformed records of mailboxes in Exchange: 1 (EwsBlockList is malformed).",)


async def test_malformed_availability_counts_as_busy(start):
    clients = await start(users=1, mix={UserKind(Page.MALFORMED_AVAILABILITY): 1.0})
    user = clients.licensed_users()[0]
    guid = UUID(user["expected"]["mailbox_guid"])
    page = await clients.pages.get_page(guid)
    now = datetime(2026, 11, 23, tzinfo=UTC)

    items = await clients.pages.get_availability(guid, page.public_types[0].type_id, now, now + timedelta(days=3))

    assert items
    assert all(item.start < item.end for item in items)


async def test_a_page_of_users_that_is_too_large_is_requested_in_parts(start, monkeypatch):
    clients = await start(users=400, mix={UserKind(Page.PUBLIC_ONE): 1.0})
    monkeypatch.setattr(graph, "MAX_PAGE_BYTES", 150_000)
    users, link, pages = set(), None, 0

    while pages == 0 or link:
        page = await clients.graph.get_licensed_page(link)
        users |= {user.user_id for user in page.users}
        link, pages = page.next_link, pages + 1

    assert users == {user["id"] for user in clients.licensed_users()}
    assert pages > 3


async def test_a_later_page_that_is_too_large_restarts_with_smaller_pages(start, monkeypatch):
    clients = await start(users=300, mix={UserKind(Page.PUBLIC_ONE): 1.0})
    clients.tenant.behave(graph={"max_page_size": 150, "empty_page_after": None})
    first = await clients.graph.get_licensed_page(None)
    monkeypatch.setattr(graph, "MAX_PAGE_BYTES", 50_000)

    with pytest.raises(ListingExpired, match="smaller pages"):
        await clients.graph.get_licensed_page(first.next_link)

    monkeypatch.undo()
    assert len((await clients.graph.get_licensed_page(None)).users) <= 499


async def test_a_listing_in_parts_is_complete(start):
    clients = await start({"exchange": {"max_page_size": 9}}, users=120)
    clients.tenant.add_fault(Fault("exchange.Get-CASMailbox.next", status=400, error="expiredPage", times=None))
    scopes, link = {}, None

    while True:
        page = await clients.exchange.get_policies_page(link)
        scopes |= page.scopes
        link = page.next_link
        if link is None:
            break

    assert {user["id"] for user in clients.licensed_users() if clients.tenant.user(user["id"]).has_mailbox} <= set(
        scopes
    )


PARSERS = {
    "users": lambda document: graph.parse_users_page(document, BASE),
    "account": graph.parse_account,
    "mailbox": graph.parse_mailbox,
    "batch": lambda document: batches.parse_batch(document, BASE),
    "mailboxes": exchange.parse_mailboxes,
    "policies": exchange.parse_policies,
    "organisation": exchange_settings.parse_organization,
    "OWA policies": exchange_settings.parse_owa_policies,
    "app IDs": exchange_settings.parse_allowed_app_ids,
    "availability": bookings_pages.parse_availability,
}
LISTS = {"users": "value", "batch": "responses", "mailboxes": "value", "policies": "value", "OWA policies": "value"}


@pytest.mark.parametrize("name", PARSERS)
@given(document=JSON)
def test_no_document_breaks_a_parser(name, document):
    listed = {LISTS.get(name, "value"): document if isinstance(document, list) else [document]}
    for one in (document, listed, {**listed, "@adminapi.warnings": document, "@odata.nextLink": document}):
        try:
            PARSERS[name](one)
        except TenantFailure as failure:
            assert failure.reason  # noqa: PT017 - a parser may also return


PROPERTIES = {
    graph.parse_account: ("id", "userPrincipalName", "displayName", "assignedPlans", "accountEnabled", "mail"),
    exchange.parse_mailboxes: exchange.MAILBOX_FIELDS.split(","),
    exchange.parse_policies: exchange.POLICY_FIELDS.split(","),
}


@pytest.mark.parametrize("parse", PROPERTIES)
@given(data=st.data())
def test_no_property_breaks_a_parser(parse, data):
    record = {name: data.draw(JSON) for name in PROPERTIES[parse]}
    try:
        parse(record if parse is graph.parse_account else {"value": [record]})
    except TenantFailure as failure:
        assert failure.reason  # noqa: PT017 - a parser may also return


@given(st.text())
def test_no_text_breaks_a_cursor(text):
    try:
        Cursor.parse(text)
    except TenantFailure as failure:
        assert failure.reason  # noqa: PT017 - a parser may also return


async def test_a_listing_of_mailboxes_knows_who_has_none(start):
    clients, user_id = await start_with(start, Record.VALID)
    clients.tenant.change_user(user_id, "remove_mailbox")

    found = await asyncio.gather(clients.exchange.get_mailbox(user_id), clients.exchange.get_mailboxes_page(None))

    assert found[0] == NoMailbox()
    assert user_id not in found[1].mailboxes
