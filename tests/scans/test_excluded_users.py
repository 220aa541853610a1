"""EXCLUDE_USERS: scans and lookups never query these users, and their rows are deleted."""

from uuid import UUID

import pytest

from atlas.domain.statuses import Status
from atlas.domain.unknown import Reason, Unknown
from atlas.live_queries import LiveQueries
from atlas.microsoft365.failures import Refused, Unreachable
from atlas.microsoft365.graph import Account, LicensedUsersPage
from atlas.pages.lookup import Source, lookup
from atlas.pages.observation import UserExcluded
from atlas.scans.census import join_mailboxes, list_users
from atlas.scans.gone import mark_gone
from atlas.scans.messages import JoinRequest, ListingRequest
from tests.scans.conftest import scan, user, user_id

SCAN = scan()
GROUP = "0b1c2d3e-0000-4000-8000-000000000001"


@pytest.fixture
def directory(tenant):
    """Five licensed users, of whom user 4 is in the group."""
    requested = []

    async def get_licensed_page(link):
        return LicensedUsersPage(tuple(map(user, range(5))), None, 5)

    async def get_mailboxes(user_ids):
        requested.extend(user_ids)
        return dict.fromkeys(user_ids, Unknown(Reason.UNREACHABLE))

    async def get_account(id_or_upn):
        requested.append(id_or_upn)
        return next(Account(user(n), True) for n in range(5) if id_or_upn in (user_id(n), user(n).upn))

    async def get_group_member_ids(group_id):
        return frozenset({user_id(4)})

    async def get_mailbox(user_id):
        raise Unreachable("503")

    tenant.directory.get_mailbox = get_mailbox
    tenant.directory.get_licensed_page = get_licensed_page
    tenant.directory.get_mailboxes = get_mailboxes
    tenant.directory.get_account = get_account
    tenant.directory.get_group_member_ids = get_group_member_ids
    tenant.excluded = (user(1).upn.upper(), user_id(2), f"group:{GROUP}")
    return requested


async def test_a_scan_lists_no_excluded_user(tenant, directory):
    await tenant.start_scan(SCAN)
    resources = tenant.resources

    result = await list_users(resources, ListingRequest(scan_id=SCAN.scan_id, page=1, is_first=True))
    await join_mailboxes(resources, JoinRequest(scan_id=SCAN.scan_id, page=1, pages=1, users_from=1))

    listed = await resources.census.get_users(SCAN.scan_id, 1, 0)
    assert result.count == 2
    assert [user.user_id for user, _ in listed] == [user_id(0), user_id(3)]
    assert directory == [user_id(0), user_id(3)]


async def test_the_end_of_a_scan_deletes_rows_of_excluded_users(tenant, directory):
    await tenant.start_scan(SCAN)
    for number in range(5):
        await tenant.add_row(number, SCAN.scan_id, Status.GONE if number == 2 else Status.PUBLISHED)
        await tenant.resources.index.restore((await tenant.resources.rows.get(user_id(number))).row)

    result = await mark_gone(tenant.resources, ListingRequest(scan_id=SCAN.scan_id, page=1, is_first=True))

    assert sorted(await tenant.statuses()) == [user_id(0), user_id(3)]
    assert result.by_status == {"published": 2}
    assert await tenant.resources.index.get_by_upn(user(1).upn) is None
    assert await tenant.resources.index.get_by_upn(user(0).upn) == user_id(0)


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("has_row", [False, True])
@pytest.mark.parametrize("number", [1, 2, 4])
async def test_a_lookup_of_an_excluded_user_is_refused(tenant, directory, fresh, has_row, number):
    """Only the directory can say whether an object ID belongs to an excluded UPN or group."""
    if has_row:
        await tenant.add_row(number, None)

    with pytest.raises(UserExcluded):
        await lookup(tenant.resources, LiveQueries(0), UUID(user_id(number)), lambda: None, fresh=fresh)

    assert tenant.pages.requested == []
    assert directory == ([user_id(number)] if number != 2 and not has_row else [])


async def test_a_group_that_cannot_be_read_stops_queries_but_not_rows(tenant, directory):
    async def refuse(group_id):
        raise Refused("403")

    tenant.directory.get_group_member_ids = refuse
    await tenant.add_row(0, None)

    found = await lookup(tenant.resources, LiveQueries(0), UUID(user_id(0)), lambda: None, fresh=True)

    assert found.source is Source.ROW
    assert tenant.pages.requested == []
    with pytest.raises(Refused):
        await lookup(tenant.resources, LiveQueries(0), UUID(user_id(3)), lambda: None, fresh=True)


async def test_a_lookup_restores_a_lost_index_entry(tenant, directory):
    await tenant.add_row(0, None)

    await lookup(tenant.resources, LiveQueries(0), user(0).upn, lambda: None, fresh=False)

    assert await tenant.resources.index.get_by_upn(user(0).upn) == user_id(0)
