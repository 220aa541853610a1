"""Shared pages as the product reads them: from Exchange, from Microsoft Graph, and from the audit log."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.domain.shared_pages.access import AccessGrant, AccessRight
from atlas.domain.shared_pages.businesses import BusinessDetails
from atlas.domain.shared_pages.creations import QueryState
from atlas.domain.shared_pages.directory import MAX_MEMBERS
from atlas.domain.unknown import Reason, Unknown
from atlas.microsoft365 import exchange, exchange_shared_pages, graph_audit, graph_businesses, graph_groups
from atlas.microsoft365.failures import NotUnderstood, Refused, TenantFailure
from local.simulator import Fault, SharedPageKind
from tests.clients.test_malformed_records import JSON

ALL_ROLES = ("User.Read.All", "Bookings.Read.All", "GroupMember.Read.All", "AuditLogsQuery-Exchange.Read.All")
PERMITTED = {"sign_in": {"graph_roles": ALL_ROLES}}
NOW = datetime.now(UTC)  # noqa: TID251 - the simulator's audit log is as old as today
KINDS = len(SharedPageKind)


@pytest.fixture(autouse=True)
def batches_without_waiting(monkeypatch):
    monkeypatch.setattr("atlas.microsoft365.batches.DEFAULT_WAIT_SECONDS", 0)


async def scheduling_mailboxes(clients):
    mailboxes, warnings, link = [], [], None
    while True:
        page = await clients.exchange.get_scheduling_mailboxes_page(link)
        mailboxes += page.mailboxes
        warnings += page.warnings
        link = page.next_link
        if link is None:
            return mailboxes, warnings


def page_of(clients, kind):
    return next(page for page in clients.tenant.shared_pages() if page.kind is kind)


async def test_all_scheduling_mailboxes_are_listed(start):
    clients = await start({"exchange": {"max_page_size": 7}}, users=8, shared_pages=60)

    mailboxes, warnings = await scheduling_mailboxes(clients)

    pages = {
        page.account_id: page
        for page in clients.tenant.shared_pages()
        if page.in_exchange and page.kind is not SharedPageKind.MALFORMED
    }
    assert {mailbox.account_id for mailbox in mailboxes} == set(pages)
    for mailbox in mailboxes:
        page = pages[mailbox.account_id]
        assert mailbox.primary_address == page.address
        assert mailbox.addresses == tuple(dict.fromkeys(one.lower() for one in (page.address, *page.other_addresses)))
        assert mailbox.display_name == page.display_name
        assert mailbox.hidden_from_address_lists is page.hidden
        assert mailbox.account_disabled is page.account_disabled
        assert mailbox.created_at == page.created_at
        assert mailbox.send_on_behalf == page.send_on_behalf
    assert len(warnings) == 2
    assert all("Malformed records of mailboxes in Exchange: 1 (PrimarySmtpAddress is" in text for text in warnings)


async def test_access_is_read_in_batches_of_ten(start):
    clients = await start(users=12, shared_pages=KINDS)
    pages = [page for page in clients.tenant.shared_pages() if page.in_exchange]

    grants = await clients.exchange.get_access_grants([page.address for page in pages])

    for page in pages:
        ours = [grant for grant in grants[page.address] if "@" in grant.trustee]
        assert [grant.trustee for grant in ours if grant.right is AccessRight.FULL_ACCESS] == list(page.full_access)
        assert [grant.trustee for grant in ours if grant.right is AccessRight.SEND_AS] == list(page.send_as)
    assert clients.request_count("exchange", "batch") == -(-2 * len(pages) // 10)
    assert clients.tenant.metrics()["writes"] == []


async def test_system_and_inherited_entries_are_marked(start):
    clients = await start(users=12, shared_pages=KINDS)
    page = page_of(clients, SharedPageKind.NOISY_PERMISSIONS)

    grants = (await clients.exchange.get_access_grants([page.address]))[page.address]

    noise = [grant for grant in grants if "@" not in grant.trustee and grant.right is AccessRight.FULL_ACCESS]
    assert AccessGrant("NT AUTHORITY\\SELF", AccessRight.FULL_ACCESS) in noise
    assert [(grant.inherited, grant.denied) for grant in noise] == [
        (False, False),
        (True, False),
        (True, True),
        (False, False),
    ]


async def test_a_mailbox_that_fails_is_unknown_and_the_others_are_not(start):
    clients = await start(users=12, shared_pages=KINDS)
    clients.tenant.add_fault(Fault("exchange.part.Get-MailboxPermission", status=403))
    addresses = [page.address for page in clients.tenant.shared_pages() if page.in_exchange][:5]

    grants = await clients.exchange.get_access_grants([*addresses, "nobody@contoso.com"])

    unknown = {address: found.reason for address, found in grants.items() if isinstance(found, Unknown)}
    assert unknown.pop("nobody@contoso.com") is Reason.NOT_UNDERSTOOD
    assert list(unknown.values()) == [Reason.REFUSED]
    assert len(grants) == 6


@pytest.mark.parametrize("identities", [[""], [" "], ["a@contoso.com", ""]])
async def test_an_empty_identity_is_never_sent(start, identities):
    """Exchange would return the permissions of every mailbox."""
    clients = await start(users=1)

    for request in (clients.exchange.get_access_grants(identities), clients.exchange.get_recipients(identities)):
        with pytest.raises(ValueError, match="without a name"):
            await request

    assert clients.tenant.metrics()["services"].get("exchange", {}).get("requests", 0) == 0


async def test_recipients_are_users_and_groups(start):
    clients = await start(users=12, shared_pages=KINDS)
    small, large = clients.tenant.state.shared_pages.groups()
    user = clients.tenant.user(0)

    found = await clients.exchange.get_recipients([small.address, large.address, user.upn, "nobody@contoso.com"])

    assert (found[small.address].object_id, found[small.address].is_group) == (small.group_id, True)
    assert found[large.address].is_group
    assert (found[user.upn].object_id, found[user.upn].is_group) == (user.object_id, False)
    assert found["nobody@contoso.com"] is None


async def test_graph_lists_only_so_many_businesses(start):
    clients = await start({**PERMITTED, "graph": {"businesses_limit": 500}}, users=4, shared_pages=600)

    listed = await clients.graph.get_business_list()

    assert len(listed.businesses) == 500
    assert listed.truncated


async def test_1200_shared_pages_are_read_completely(start):
    clients = await start({**PERMITTED, "exchange": {"max_page_size": 1000}}, users=12, shared_pages=1_200)
    in_graph = [page.address for page in clients.tenant.shared_pages() if page.in_graph]
    clients.tenant.reset_metrics()

    mailboxes, _ = await scheduling_mailboxes(clients)
    details = await clients.graph.get_businesses(in_graph)
    grants = await clients.exchange.get_access_grants([mailbox.primary_address for mailbox in mailboxes])

    assert len(mailboxes) == sum(page.in_exchange for page in clients.tenant.shared_pages()) - 2
    assert all(isinstance(found, BusinessDetails) for found in details.values())
    assert not any(isinstance(found, Unknown) for found in grants.values())
    services = clients.tenant.metrics()["services"]
    assert services["graph"]["requests"] == -(-3 * len(in_graph) // 20)
    assert services["exchange"]["requests"] == 2 + -(-2 * len(mailboxes) // 10)


async def test_a_list_below_the_limit_is_complete(start):
    clients = await start(PERMITTED, users=4, shared_pages=KINDS)

    listed = await clients.graph.get_business_list()

    expected = {page.address for page in clients.tenant.shared_pages() if page.in_graph}
    assert {business.business_id for business in listed.businesses} == expected
    assert not listed.truncated


async def test_businesses_have_staff_and_services(start):
    clients = await start(PERMITTED, users=12, shared_pages=KINDS)
    pages = {page.address: page for page in clients.tenant.shared_pages()}

    found = await clients.graph.get_businesses([*pages, "nobody@contoso.com"])

    assert found.pop("nobody@contoso.com") is None
    for address, details in found.items():
        page = pages[address]
        if not page.in_graph:
            assert details is None
            continue
        assert isinstance(details, BusinessDetails)
        assert details.business.is_published is page.published
        assert address in details.business.public_url
        if page.kind is SharedPageKind.MALFORMED:
            assert isinstance(details.staff, Unknown)
        else:
            assert tuple((one.display_name, one.email_address, one.role) for one in details.staff) == page.staff
        assert tuple((one.title, one.duration_minutes, one.hidden) for one in details.services) == page.services


async def test_without_permission_the_refusal_names_it(start):
    clients = await start({"sign_in": {"graph_roles": ("User.Read.All",)}}, users=2, shared_pages=KINDS)
    group = clients.tenant.state.shared_pages.groups()[0]

    with pytest.raises(Refused, match=r"Bookings\.Read\.All"):
        await clients.graph.get_business_list()
    with pytest.raises(Refused, match=r"AuditLogsQuery-Exchange\.Read\.All"):
        await clients.graph.start_creation_query(NOW - timedelta(days=30), NOW)
    with pytest.raises(Refused, match="View-Only Audit Logs"):
        await clients.exchange.search_creations(NOW - timedelta(days=30), NOW)
    assert "GroupMember.Read.All" in (await clients.graph.get_groups([group.group_id]))[group.group_id].detail
    assert "Bookings.Read.All" in (await clients.graph.get_businesses(["a@b.c"]))["a@b.c"].detail


async def test_groups_have_their_members(start):
    clients = await start(PERMITTED, users=12, shared_pages=KINDS)
    small, large = clients.tenant.state.shared_pages.groups()
    nobody = "00000000-1111-4222-8333-444444444444"

    found = await clients.graph.get_groups([small.group_id, large.group_id, nobody])

    group = found[small.group_id]
    assert (group.display_name, group.address, group.member_count) == ("Front desk", small.address, 4)
    assert {member.user_id for member in group.members} == {clients.tenant.user(n).object_id for n in small.members}
    assert all(member.licensed for member in group.members)
    assert (found[large.group_id].member_count, found[large.group_id].members) == (MAX_MEMBERS + 1, None)
    assert found[nobody] is None


async def test_members_that_fail_leave_the_group_known(start):
    clients = await start(PERMITTED, users=12, shared_pages=KINDS)
    small, _ = clients.tenant.state.shared_pages.groups()
    clients.tenant.add_fault(Fault("graph.part.members", status=403))

    group = (await clients.graph.get_groups([small.group_id]))[small.group_id]

    assert group.display_name == "Front desk"
    assert isinstance(group.members, Unknown)
    assert group.member_count is None


@pytest.mark.parametrize("versions", [("beta",), ("v1.0",), ("v1.0", "beta")])
async def test_creators_come_from_an_audit_query(start, versions):
    graph = {"audit_versions": versions, "audit_polls": 2}
    clients = await start({**PERMITTED, "graph": graph}, users=12, shared_pages=1000)
    begin = NOW - timedelta(days=180)

    query_id = await clients.graph.start_creation_query(begin, NOW)
    states = [await clients.graph.get_creation_query(query_id) for _ in range(3)]
    records, link = [], None
    while True:
        page = await clients.graph.get_creations_page(query_id, link)
        records += page.records
        link = page.next_link
        if link is None:
            break

    assert query_id.startswith(f"{versions[0]}/")
    assert states == [QueryState.RUNNING, QueryState.RUNNING, QueryState.SUCCEEDED]
    expected = {
        (page.display_name, page.created_by, page.created_at)
        for page in clients.tenant.shared_pages()
        if page.in_exchange and begin <= page.created_at <= NOW
    }
    assert expected
    assert {(record.page_name, record.created_by, record.at) for record in records} == expected
    assert clients.tenant.metrics()["writes"] == []


async def test_an_audit_query_that_no_version_knows_is_not_understood(start):
    clients = await start({**PERMITTED, "graph": {"audit_versions": ()}}, users=1)

    with pytest.raises(NotUnderstood, match="404 UnknownError"):
        await clients.graph.start_creation_query(NOW - timedelta(days=1), NOW)


@pytest.mark.parametrize("query_id", ["", "beta", "beta/", "v2/abc", "../users/x", "http://elsewhere.example/x"])
async def test_only_our_own_query_ids_are_requested(start, query_id):
    clients = await start(PERMITTED, users=1)

    with pytest.raises(NotUnderstood, match="cannot be read"):
        await clients.graph.get_creation_query(query_id)


async def test_exchange_finds_the_same_creators(start):
    clients = await start({**PERMITTED, "exchange": {"audit_search": True}}, users=12, shared_pages=1000)
    begin = NOW - timedelta(days=180)

    found = (await clients.exchange.search_creations(begin, NOW)).records

    query_id = await clients.graph.start_creation_query(begin, NOW)
    listed = (await clients.graph.get_creations_page(query_id, None)).records
    assert found
    assert {(record.page_name, record.created_by) for record in listed} <= {
        (record.page_name, record.created_by) for record in found
    }


async def test_a_page_has_an_account_in_the_directory(start):
    clients = await start(PERMITTED, users=2, shared_pages=KINDS)
    page = page_of(clients, SharedPageKind.SIGN_IN_ENABLED)

    account = await clients.graph.get_account(page.account_id)

    assert account is not None
    assert (account.user.upn, account.user.account_enabled, account.is_licensed) == (page.address, True, False)


def without_failure(parse, document):
    try:
        parse(document)
    except TenantFailure as failure:
        assert failure.reason  # noqa: PT017 - a parser may also return


PARSERS = {
    "scheduling mailboxes": exchange.parse_scheduling_mailboxes,
    "businesses": graph_businesses.parse_business_list,
    "business": graph_businesses.parse_business,
    "staff": graph_businesses.parse_staff,
    "services": graph_businesses.parse_services,
    "query": graph_audit.parse_query_id,
    "state": graph_audit.parse_query_state,
    "creations": lambda document: graph_audit.parse_creations_page(document, "https://graph.microsoft.com"),
    "group": lambda document: graph_groups.parse_group(document, document),
}
FIELDS = (
    *exchange_shared_pages.MAILBOX_FIELDS.split(","),
    *("id", "displayName", "isPublished", "publicUrl", "role", "defaultDuration", "status", "createdDateTime"),
    *("operation", "objectId", "userId", "auditData", "assignedPlans", "accountEnabled"),
)


@pytest.mark.parametrize("name", PARSERS)
@given(document=JSON)
def test_no_document_breaks_a_parser(name, document):
    for one in (document, {"value": document}, {"value": [document], "@odata.nextLink": document}):
        without_failure(PARSERS[name], one)


@pytest.mark.parametrize("name", PARSERS)
@given(record=st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_no_property_breaks_a_parser(name, record):
    without_failure(PARSERS[name], record)
    without_failure(PARSERS[name], {"value": [record]})
