"""The inventory of a simulated tenant, against what the tenant was made to be."""

from dataclasses import replace

import pytest

from atlas.domain.shared_pages.access import AccessRight
from atlas.domain.shared_pages.access_of_users import UserIdentity
from atlas.domain.shared_pages.changes import SharedChangeKind
from atlas.domain.shared_pages.findings import RULES
from atlas.domain.shared_pages.holders import HolderKind
from atlas.domain.shared_pages.rows import PageState, SharedFinding, Source
from atlas.shared_pages.listing import get_pages_of_user, get_shared_page
from local.simulator import Fault, SharedPageKind
from tests.shared_pages.conftest import Inventory, Start

K = SharedChangeKind
Kind = SharedPageKind
FULL, SEND_AS, ON_BEHALF = AccessRight
NO_BOOKINGS = {"sign_in": {"graph_roles": ["User.Read.All", "GroupMember.Read.All"]}}


def is_usable(atlas: Inventory, upn: str) -> bool:
    user = atlas.tenant.state.tenant.by_upn(upn)
    return bool(user and user.is_licensed and user.account_enabled)


def expected_findings(atlas: Inventory, page) -> set[str]:
    """What the page's kind and the people who hold access to it lead to."""
    found = {page.finding} - {None}
    if page.kind is Kind.LARGE_GROUP_ACCESS:
        found.add(SharedFinding.TOO_MANY_HOLDERS)
    direct = [upn for upn in page.full_access if "front" not in upn and "everyone" not in upn]
    if page.in_exchange and len(direct) == len(page.full_access) and not any(is_usable(atlas, upn) for upn in direct):
        found.add(SharedFinding.NOBODY_LEFT)
    return found


async def test_every_finding_and_near_miss_is_found_as_it_was_made(inventory: Start):
    atlas = await inventory()
    await atlas.know_people()

    state = await atlas.run()

    rows = await atlas.rows()
    found = {row.account_id or row.key: {risk.name for risk in row.findings} for row in rows.values()}
    expected = {page.account_id: expected_findings(atlas, page) for page in atlas.pages() if page.in_exchange}
    assert {key: names for key, names in found.items() if key in expected} == expected
    (only_in_graph,) = (row for row in rows.values() if row.known_to == (Source.GRAPH,))
    assert {risk.name for risk in only_in_graph.findings} == {SharedFinding.NOT_IN_EXCHANGE}
    assert {name for names in found.values() for name in names} == {rule.name for rule in RULES}
    assert state.warnings() == []


async def test_a_page_has_everything_that_both_sides_know(inventory: Start):
    atlas = await inventory()

    await atlas.run()

    page = atlas.page(Kind.ORDINARY)
    row = (await atlas.rows())[page.address]
    assert (row.key, row.account_id, row.account_enabled) == (page.account_id, page.account_id, False)
    assert (row.display_name, row.published, row.known_to) == (page.display_name, True, tuple(Source))
    assert row.created_at == page.created_at
    assert row.public_url
    assert [(member.email_address, member.role) for member in row.staff] == [row[1:] for row in page.staff]
    assert [(one.title, one.duration_minutes, one.hidden) for one in row.services] == list(page.services)


async def test_holders_are_people_without_the_entries_of_the_system(inventory: Start):
    atlas = await inventory()

    await atlas.run()

    rows = await atlas.rows()
    for page in atlas.pages():
        if page.in_exchange and page.kind not in {Kind.GROUP_ACCESS, Kind.LARGE_GROUP_ACCESS}:
            rights = ((FULL, page.full_access), (SEND_AS, page.send_as), (ON_BEHALF, page.send_on_behalf))
            expected = {(upn.lower(), right) for right, upns in rights for upn in upns}
            holders = rows[page.address].holders
            assert {(holder.upn.lower(), right) for holder in holders for right in holder.access} == expected
            assert all(holder.licensed is not None and holder.enabled is not None for holder in holders)


async def test_groups_are_resolved_up_to_a_limit(inventory: Start):
    atlas = await inventory()

    await atlas.run()

    rows = await atlas.rows()
    small = rows[atlas.page(Kind.GROUP_ACCESS).address].holders
    large = rows[atlas.page(Kind.LARGE_GROUP_ACCESS).address].holders
    (group,) = (holder for holder in small if holder.kind is HolderKind.GROUP)
    members = [holder for holder in small if holder.via_group]
    assert (group.display_name, group.access, group.member_count) == ("Front desk", (FULL, SEND_AS), len(members))
    assert {holder.via_group for holder in members} == {"Front desk"}
    assert {holder.licensed for holder in members} == {True}
    assert [holder.member_count for holder in large if holder.kind is HolderKind.GROUP] == [501]
    assert not any(holder.via_group for holder in large)


async def test_groups_are_listed_alone_without_permission(inventory: Start):
    atlas = await inventory()
    await atlas.later(sign_in={"graph_roles": ["User.Read.All", "Bookings.Read.All"]})

    await atlas.run()

    row = (await atlas.rows())[atlas.page(Kind.GROUP_ACCESS).address]
    holders = [
        (holder.kind, holder.display_name, holder.member_count) for holder in row.holders if FULL in holder.access
    ]
    assert holders == [(HolderKind.GROUP, "Front desk", None)]


@pytest.mark.parametrize("limit", [500, 1000])
async def test_pages_beyond_the_limit_of_graph_are_inventoried(inventory: Start, limit: int):
    """Both limits have been reported. Requests per page stay within the arithmetic of batches."""
    atlas = await inventory(shared_pages=1200)
    await atlas.later(graph={"businesses_limit": limit})

    state = await atlas.run()

    rows = await atlas.rows()
    pages = [page for page in atlas.pages() if page.in_exchange]
    assert {row.account_id for row in rows.values() if row.account_id} >= {page.account_id for page in pages}
    by_account = {row.account_id: row for row in rows.values()}
    assert all((by_account[page.account_id].published is not None) is page.in_graph for page in pages)
    assert state.truncated
    assert any(f"Microsoft Graph listed {limit:,} shared pages, its limit" in warning for warning in state.warnings())
    services = atlas.tenant.state.metrics.to_dict()["services"]
    requests = sum(services[service]["requests"] for service in ("graph", "exchange"))
    # Three parts of a batch of 20 for the page, its staff and its services, and two of a batch of 10 for permissions;
    # beyond that, the listings, the audit query, and everyone who holds access, once for each 100 pages.
    assert requests / len(rows) < 3 / 20 + 2 / 10 + 0.1, requests


async def test_without_the_bookings_permission_only_that_is_lost(inventory: Start):
    atlas = await inventory()
    await atlas.later(**NO_BOOKINGS)

    state = await atlas.run()

    rows = await atlas.rows()
    assert rows.keys() == {page.address for page in atlas.pages() if page.in_exchange}
    row = rows[atlas.page(Kind.ORDINARY).address]
    assert (row.published, row.staff, row.services, row.known_to) == (None, None, None, (Source.EXCHANGE,))
    assert row.holders
    assert "grant the application permission Bookings.Read.All" in state.warnings()[0]
    assert not state.failed


@pytest.mark.parametrize("lost", ["setting", "role"])
async def test_without_exchange_only_that_is_lost(inventory: Start, lost: str):
    atlas = await inventory(**({"EXCHANGE_EVIDENCE": "false"} if lost == "setting" else {}))
    if lost == "role":
        await atlas.later(exchange={"role": None})

    state = await atlas.run()

    rows = (await atlas.rows()).values()
    assert len(rows) == len([page for page in atlas.pages() if page.in_graph])
    assert {(row.published is None, row.holders, row.known_to) for row in rows} == {(False, None, (Source.GRAPH,))}
    assert not any(risk.name is SharedFinding.NOT_IN_EXCHANGE for row in rows for risk in row.findings)
    assert any("Not known of shared pages: who has access" in text for text in state.warnings()) is (lost == "role")


async def test_without_any_source_nothing_is_lost(inventory: Start):
    atlas = await inventory()
    await atlas.run()
    before = await atlas.rows()
    await atlas.later(exchange={"role": None}, **NO_BOOKINGS)

    state = await atlas.run()

    assert await atlas.rows() == before
    assert len(state.warnings()) == 2


async def test_a_lost_permission_keeps_what_was_known(inventory: Start):
    atlas = await inventory()
    await atlas.run()
    before = await atlas.rows()
    await atlas.later(**NO_BOOKINGS)

    state = await atlas.run()

    after = await atlas.rows()
    page = atlas.page(Kind.ORDINARY).address
    assert replace(after[page], checked_at=before[page].checked_at, scan_id=before[page].scan_id) == before[page]
    assert after.keys() == before.keys()
    assert await atlas.changes() == []
    assert "Shared pages that were not listed, and may not be gone: 1. Their rows are unchanged." in state.warnings()


async def test_the_setting_turns_the_inventory_off(inventory: Start):
    atlas = await inventory(SHARED_PAGES="false")

    state = await atlas.run()

    assert not state.enabled
    assert await atlas.rows() == {}
    assert "graph" not in atlas.tenant.state.metrics.to_dict()["services"]


async def test_each_change_is_reported_once(inventory: Start):
    atlas = await inventory()
    page, draft, gone = (atlas.page(kind) for kind in (Kind.ORDINARY, Kind.UNPUBLISHED_EMPTY, Kind.SOMEBODY_LEFT))
    new = atlas.page(Kind.ENOUGH_HOLDERS)
    atlas.act(new, "delete")
    await atlas.run()
    owner, newcomer = page.full_access[0], atlas.tenant.state.tenant.user(20).upn
    atlas.act(page, "unpublish")
    atlas.act(page, "grant", trustee=newcomer)
    atlas.act(page, "revoke", trustee=owner)
    atlas.act(draft, "publish")
    atlas.act(gone, "delete")
    atlas.act(new, "restore")
    await atlas.later()

    await atlas.run()
    changes = await atlas.changes()
    await atlas.later()
    await atlas.run()

    assert sorted((change.kind, change.page_id, change.holder, change.access) for change in changes) == [
        (K.ACCESS_GRANTED, page.address, newcomer, (FULL,)),
        (K.ACCESS_REVOKED, page.address, owner, (FULL,)),
        (K.CREATED, new.address, None, ()),
        (K.DELETED, gone.address, None, ()),
        (K.PUBLISHED, draft.address, None, ()),
        (K.UNPUBLISHED, page.address, None, ()),
    ]
    assert await atlas.changes() == changes
    assert (await atlas.rows())[gone.address].state is PageState.GONE


async def test_a_page_is_found_by_every_address_and_its_account(inventory: Start):
    atlas = await inventory()
    await atlas.run()
    page = atlas.page(Kind.ORDINARY)

    for name in (page.address.upper(), *page.other_addresses, page.account_id):
        found = await get_shared_page(atlas.resources, name)
        assert found is not None
        assert found.key == page.account_id
    assert await get_shared_page(atlas.resources, "nobody@contoso.com") is None


@pytest.mark.parametrize(
    "fault",
    [Fault("graph.businesses", 400, times=1000), Fault("exchange.Get-Mailbox", 404, times=1000)],
    ids=["graph", "exchange"],
)
async def test_a_source_that_fails_makes_nothing_gone(inventory: Start, fault: Fault):
    atlas = await inventory()
    await atlas.run()
    gone = atlas.page(Kind.SOMEBODY_LEFT)
    atlas.act(gone, "delete")
    atlas.tenant.state.faults.add(fault)
    await atlas.later()

    state = await atlas.run()

    assert (await atlas.rows())[gone.address].state is PageState.PRESENT
    assert state.failed
    assert state.warnings()


async def test_a_page_that_no_source_knew_is_not_gone_without_graph(inventory: Start):
    """Graph listed such a page, but did not have it when its details were requested."""
    atlas = await inventory()
    await atlas.run()
    page = atlas.page(Kind.SOMEBODY_LEFT)
    stored = await atlas.resources.shared.rows.get((await atlas.rows())[page.address].key)
    assert stored is not None
    await atlas.resources.shared.rows.save(replace(stored.row, known_to=()), None, stored.etag)
    atlas.act(page, "delete")
    atlas.tenant.state.faults.add(Fault("graph.businesses", 400, times=1000))
    await atlas.later()

    await atlas.run()
    unconfirmed = (await atlas.rows())[page.address]
    atlas.tenant.state.faults.clear()
    await atlas.later()
    await atlas.run()

    assert unconfirmed.state is PageState.PRESENT
    assert (await atlas.rows())[page.address].state is PageState.GONE


async def test_a_page_that_graph_did_not_list_is_confirmed_before_it_is_gone(inventory: Start):
    """The page that only Graph knows falls behind the limit of its list."""
    atlas = await inventory()
    await atlas.run()
    before = {row.key for row in (await atlas.rows()).values()}
    await atlas.later(graph={"businesses_limit": 3})

    await atlas.run()

    assert {row.key for row in (await atlas.rows()).values() if row.state is PageState.PRESENT} == before
    assert await atlas.changes() == []


async def test_one_failing_request_affects_nothing_that_was_known(inventory: Start):
    atlas = await inventory()
    await atlas.run()
    before = await atlas.rows()
    atlas.tenant.state.faults.add(Fault("graph.part.business", 400, times=1))
    atlas.tenant.state.faults.add(Fault("exchange.part.Get-MailboxPermission", 403, times=1))
    await atlas.later()

    await atlas.run()

    after = await atlas.rows()
    known = {key: (row.published, row.staff, row.services, row.holders) for key, row in before.items()}
    assert {key: (row.published, row.staff, row.services, row.holders) for key, row in after.items()} == known
    assert await atlas.changes() == []


async def test_a_malformed_record_makes_no_page_look_missing(inventory: Start):
    atlas = await inventory(shared_pages=len(SharedPageKind))

    state = await atlas.run()

    assert any("Malformed mailboxes" in warning for warning in state.warnings())
    rows = (await atlas.rows()).values()
    assert not any(risk.name is SharedFinding.NOT_IN_EXCHANGE for row in rows for risk in row.findings)


async def test_a_users_pages_are_found_by_right_group_and_role(inventory: Start):
    atlas = await inventory()
    await atlas.run()
    user = atlas.tenant.state.tenant.user(0)
    upn = user.upn
    identity = UserIdentity(user.object_id, frozenset({upn.lower()}))

    pages = await get_pages_of_user(atlas.resources, identity)

    group = atlas.page(Kind.GROUP_ACCESS)
    expected = {
        page.address
        for page in atlas.pages()
        if (page.in_exchange and upn in (*page.full_access, *page.send_as, *page.send_on_behalf))
        or (page.in_graph and page.in_exchange and any(row[1] == upn for row in page.staff))
    } | {group.address}
    assert {page.address for page in pages} == expected
    assert [page.via_group for page in pages if page.address == group.address] == ["Front desk"]
