"""EXCLUDE_USERS: excluded people never appear on shared pages, and Graph gets no request about one of them."""

from dataclasses import replace

import pytest

from atlas.domain.shared_pages.access import AccessRight
from atlas.domain.shared_pages.rows import SharedFinding
from atlas.domain.user_references import parse_user_reference
from atlas.microsoft365.graph import Graph
from atlas.pages.observation import UserExcluded
from atlas.shared_pages.people import identify
from local.simulator import Fault, SharedPageKind
from tests.shared_pages.conftest import Inventory, Start

FULL = AccessRight.FULL_ACCESS


@pytest.fixture
def requested(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names and IDs of users about whom Graph was sent a request."""
    names: set[str] = set()
    get_accounts, get_account = Graph.get_accounts, Graph.get_account

    async def many(self: Graph, ids_or_upns):
        names.update(name.lower() for name in ids_or_upns)
        return await get_accounts(self, ids_or_upns)

    async def one(self: Graph, id_or_upn: str):
        names.add(id_or_upn.lower())
        return await get_account(self, id_or_upn)

    monkeypatch.setattr(Graph, "get_accounts", many)
    monkeypatch.setattr(Graph, "get_account", one)
    return names


async def excluding(inventory: Start, how: str, **options: str) -> tuple[Inventory, set[str]]:
    """A tenant that excludes the members of a group, or one of them who is on a page's staff; and their names."""
    example = await inventory()
    group, _ = example.tenant.state.shared_pages.groups()
    people = [example.tenant.state.tenant.user(index) for index in group.members]
    if how != "group":
        staff = {address for page in example.pages() for _, address, _ in page.staff}
        people = [person for person in people if person.upn in staff][:1]
    entry = {"UPN": people[0].upn, "object ID": people[0].object_id, "group": f"group:{group.group_id}"}[how]
    atlas = await inventory(EXCLUDE_USERS=entry, **options)
    return atlas, {name.lower() for person in people for name in (person.upn, person.object_id)}


def named_on(row) -> set[str]:
    holders = [name for holder in row.holders or () for name in (holder.object_id, holder.upn, *holder.trustees)]
    return {name.lower() for name in (*holders, *(member.email_address for member in row.staff or ())) if name}


@pytest.mark.parametrize("how", ["UPN", "object ID", "group"])
async def test_excluded_people_are_neither_shown_nor_requested(inventory: Start, requested: set[str], how: str):
    atlas, excluded = await excluding(inventory, how)
    pages = atlas.pages()
    assert any(upn.lower() in excluded for page in pages for upn in page.full_access)
    assert any(address.lower() in excluded for page in pages for _, address, _ in page.staff if address)

    state = await atlas.run()

    rows = (await atlas.rows()).values()
    assert not state.failed
    assert not [row.address for row in rows if named_on(row) & excluded]
    assert any(row.holders for row in rows)
    assert any(row.staff for row in rows)
    assert requested
    assert not requested & excluded


async def test_other_holders_stay_when_people_are_excluded(inventory: Start):
    example = await inventory()
    await example.run()
    atlas, excluded = await excluding(inventory, "object ID")
    await atlas.run()

    everyone, others = await example.rows(), await atlas.rows()

    for address, row in everyone.items():
        assert named_on(others[address]) == named_on(row) - excluded


async def test_no_user_is_requested_if_a_group_cannot_be_read(inventory: Start, requested: set[str]):
    atlas, _ = await excluding(inventory, "group")
    await atlas.later(sign_in={"graph_roles": ["User.Read.All", "Bookings.Read.All"]})

    state = await atlas.run()

    assert state.failed
    assert "GroupMember.Read.All" in " ".join(state.warnings())
    assert requested == set()
    assert await atlas.rows() == {}


async def test_a_person_excluded_later_is_removed_without_a_change(inventory: Start):
    """Also from a page whose holders and staff cannot be read this time."""
    atlas = await inventory()
    await atlas.run()
    later, excluded = await excluding(inventory, "UPN")
    later.resources = replace(atlas.resources, exclusions=later.resources.exclusions)
    before = [row for row in (await atlas.rows()).values() if named_on(row) & excluded]
    atlas.resources = later.resources
    atlas.tenant.state.faults.add(Fault("exchange.part.Get-MailboxPermission", 403, times=1000))
    atlas.tenant.state.faults.add(Fault("graph.part.business", 400, times=1000))

    await atlas.run()

    assert before
    assert not [row.address for row in (await atlas.rows()).values() if named_on(row) & excluded]
    for name in excluded:
        assert await atlas.resources.shared.index.get_by_name(name) == ()
    assert await atlas.changes() == []


async def test_an_excluded_holder_does_not_mean_that_nobody_is_left(inventory: Start):
    example = await inventory()
    page = example.page(SharedPageKind.ORDINARY)
    atlas = await inventory(EXCLUDE_USERS=",".join(page.full_access))

    await atlas.run()

    row = (await atlas.rows())[page.address]
    assert not [holder for holder in row.holders if FULL in holder.access]
    assert SharedFinding.NOBODY_LEFT not in {found.name for found in row.findings}


async def test_names_that_exchange_cannot_resolve_are_not_stored(inventory: Start, requested: set[str]):
    atlas, excluded = await excluding(inventory, "object ID")
    atlas.tenant.state.faults.add(Fault("exchange.part.Get-Recipient", 403, times=1000))

    await atlas.run()

    rows = (await atlas.rows()).values()
    assert rows
    assert not [row.address for row in rows if named_on(row) & excluded]
    assert not requested & excluded


async def test_without_exchange_staff_is_not_stored_by_address(inventory: Start):
    """Only Exchange knows whether an address is that of an excluded object ID without a request to Graph."""
    atlas, _ = await excluding(inventory, "object ID", EXCHANGE_EVIDENCE="false")

    await atlas.run()

    rows = (await atlas.rows()).values()
    assert any(row.published for row in rows)
    assert not [member for row in rows for member in row.staff or () if member.email_address]


@pytest.mark.parametrize("known", [True, False], ids=["with a row", "without a row"])
async def test_a_lookup_of_an_excluded_persons_pages_is_refused(inventory: Start, requested: set[str], known: bool):
    atlas, excluded = await excluding(inventory, "UPN")
    if known:
        await atlas.know_people()
    (upn,) = (name for name in excluded if "@" in name)

    with pytest.raises(UserExcluded):
        await identify(atlas.resources, parse_user_reference(upn))

    assert requested == set()
