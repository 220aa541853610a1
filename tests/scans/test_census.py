"""Users are joined with the mailboxes of Exchange; a mailbox that is not listed may exist all the same."""

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest

from atlas.domain.ews_settings import Access, EwsScope
from atlas.domain.mailboxes import Mailbox, NoMailbox
from atlas.domain.unknown import Reason, Unknown
from atlas.domain.users import LicensedUser
from atlas.microsoft365.failures import Unreachable
from atlas.microsoft365.graph import LicensedUsersPage
from atlas.scans import census as scans_census
from atlas.scans.census import NO_TIME, NOT_LISTED, join_mailboxes, list_users
from atlas.scans.messages import JoinRequest, ListingRequest
from atlas.tables.census import BOOKINGS_CENSUS, users_key
from tests.scans.conftest import FakeDirectory, scan, user, user_id

SCAN = scan()
SCOPE = EwsScope(Access.BLOCK, "EnforceBlockList")


class ListingDirectory(FakeDirectory):
    """Microsoft Graph with one page of users, and what it says about their mailboxes."""

    def __init__(self, *numbers):
        super().__init__()
        self.page = LicensedUsersPage(tuple(user(number) for number in numbers), None, len(numbers))
        self.mailboxes = {}
        self.batches = []

    async def get_licensed_page(self, link):
        return self.page

    async def get_mailboxes(self, user_ids):
        self.batches.append(sorted(user_ids))
        if self.failure:
            raise self.failure
        return {one: self.mailboxes.get(one, NoMailbox()) for one in user_ids}


def mailbox(number):
    return Mailbox(UUID(int=number), f"user{number}@contoso.com", "UserMailbox", has_capability=True)


@pytest.fixture
async def tenant_with_mailbox(tenant):
    """Four users, of whom Exchange has listed the first."""
    tenant.directory = ListingDirectory(1, 2, 3, 4)
    await tenant.start_scan(SCAN)
    await tenant.resources.census.add_mailboxes(SCAN.scan_id, 1, {user_id(1): mailbox(1)})
    return tenant


async def list_and_join(tenant, **more):
    """The users of a scan that has listed users, and joined them with their mailboxes, each with the mailbox."""
    await list_users(tenant.resources, ListingRequest(scan_id=SCAN.scan_id, page=1, is_first=True))
    await join(tenant, **more)
    return await census(tenant)


async def join(tenant, **more):
    request = JoinRequest(**({"scan_id": SCAN.scan_id, "page": 1, "pages": 1, "users_from": 1} | more))
    return await join_mailboxes(tenant.resources, request)


async def census(tenant):
    users = await tenant.resources.census.get_users(SCAN.scan_id, 1, 0)
    return {user.user_id: evidence for user, evidence in filter(None, users)}


async def test_only_a_confirmed_absence_counts_as_no_mailbox(tenant_with_mailbox):
    tenant_with_mailbox.directory.mailboxes = {
        user_id(3): mailbox(3),
        user_id(4): Unknown(Reason.REFUSED, "grant MailboxSettings.Read"),
    }

    assert await list_and_join(tenant_with_mailbox, mailboxes_from=1) == {
        user_id(1): mailbox(1),
        user_id(2): NoMailbox(),
        user_id(3): NOT_LISTED,
        user_id(4): NOT_LISTED,
    }


@pytest.mark.parametrize(("policies_from", "scope"), [(None, None), (1, SCOPE), (2, None)])
async def test_settings_are_used_only_of_the_complete_listing(tenant_with_mailbox, policies_from, scope):
    await tenant_with_mailbox.resources.census.add_policies(SCAN.scan_id, 1, {user_id(1): SCOPE})

    found = await list_and_join(tenant_with_mailbox, mailboxes_from=1, policies_from=policies_from)

    assert found[user_id(1)] == replace(mailbox(1), ews=scope)


async def test_users_are_joined_in_the_order_of_their_rows(tenant_with_mailbox):
    tenant_with_mailbox.directory = ListingDirectory(3, 1, 4, 2)

    assert list(await list_and_join(tenant_with_mailbox)) == [user_id(number) for number in (1, 2, 3, 4)]


async def test_each_page_has_its_own_users(tenant_with_mailbox):
    """IDs that begin with 00000001 belong to the first bucket, and 8 to the middle."""
    far = LicensedUser("80000000-0000-4000-8000-000000000000", "far@contoso.com")
    tenant_with_mailbox.directory.page = LicensedUsersPage((user(1), far), None, 2)
    await list_and_join(tenant_with_mailbox, pages=2)

    result = await join(tenant_with_mailbox, page=2, pages=2)

    (found,) = await tenant_with_mailbox.resources.census.get_users(SCAN.scan_id, 2, 0)
    assert (result.count, found[0]) == (1, far)
    assert set(await census(tenant_with_mailbox)) == {user_id(1)}


@pytest.mark.parametrize("text", ["{", '["an ID"]', "null"])
async def test_a_malformed_record_affects_only_its_user(tenant_with_mailbox, text):
    await list_and_join(tenant_with_mailbox)
    key = users_key(1, 0)
    lines = tenant_with_mailbox.store.rows(BOOKINGS_CENSUS)[SCAN.scan_id, key]["Users00"].split("\n")
    tenant_with_mailbox.store.corrupt(
        BOOKINGS_CENSUS, SCAN.scan_id, key, Users00="\n".join([lines[0], text, *lines[2:]])
    )

    found = await tenant_with_mailbox.resources.census.get_users(SCAN.scan_id, 1, 0)

    assert [user and user[0].user_id for user in found] == [user_id(1), None, user_id(3), user_id(4)]


@pytest.mark.parametrize("key", ["listed-000001-000", "mailboxes-000001-000"])
async def test_a_malformed_record_of_a_listing_affects_only_itself(tenant_with_mailbox, key):
    await list_users(tenant_with_mailbox.resources, ListingRequest(scan_id=SCAN.scan_id, page=1, is_first=True))
    stored = tenant_with_mailbox.store.rows(BOOKINGS_CENSUS)[SCAN.scan_id, key]
    (column,) = (name for name in stored if name.startswith("Bucket"))
    tenant_with_mailbox.store.corrupt(BOOKINGS_CENSUS, SCAN.scan_id, key, **{column: f"[1]\n{stored[column]}"})

    await join(tenant_with_mailbox, mailboxes_from=1)

    assert len(await census(tenant_with_mailbox)) == 4
    assert (await census(tenant_with_mailbox))[user_id(1)] == mailbox(1)


async def test_absences_of_a_page_are_confirmed_in_one_request(tenant_with_mailbox):
    await list_and_join(tenant_with_mailbox, mailboxes_from=1)

    assert tenant_with_mailbox.directory.batches == [[user_id(2), user_id(3), user_id(4)]]


async def test_nothing_is_confirmed_if_exchange_lists_every_mailbox(tenant_with_mailbox):
    await tenant_with_mailbox.resources.census.add_mailboxes(
        SCAN.scan_id, 2, {user_id(n): mailbox(n) for n in (2, 3, 4)}
    )

    await list_and_join(tenant_with_mailbox, mailboxes_from=1)

    assert tenant_with_mailbox.directory.batches == []


async def test_a_confirmation_that_fails_writes_nothing(tenant_with_mailbox):
    """The step is repeated: an absence that was not confirmed must not reach a row."""
    tenant_with_mailbox.directory.failure = Unreachable("503")

    with pytest.raises(Unreachable):
        await list_and_join(tenant_with_mailbox, mailboxes_from=1)

    assert await census(tenant_with_mailbox) == {}


async def test_a_page_that_was_joined_is_not_joined_again(tenant_with_mailbox):
    """Its lanes refer to places on it, so a late repetition must not move anybody."""
    first = await list_and_join(tenant_with_mailbox)
    tenant_with_mailbox.directory.page = LicensedUsersPage((user(7),), None, 1)

    repeated = await list_and_join(tenant_with_mailbox)

    assert repeated == first
    assert (await join(tenant_with_mailbox)).count == 4


async def test_mailboxes_for_which_there_is_no_time_are_requested_by_the_probe(tenant_with_mailbox, monkeypatch):
    monkeypatch.setattr(scans_census, "JOIN_SECONDS", 0.0)
    tenant_with_mailbox.directory.get_mailboxes = lambda _: asyncio.sleep(3600)

    assert set((await list_and_join(tenant_with_mailbox)).values()) == {NO_TIME}
    assert not NO_TIME.is_final


async def test_without_exchange_graph_decides_about_every_mailbox(tenant_with_mailbox):
    tenant_with_mailbox.directory.mailboxes = {user_id(2): mailbox(2)}

    assert await list_and_join(tenant_with_mailbox) == {
        user_id(1): NoMailbox(),
        user_id(2): mailbox(2),
        user_id(3): NoMailbox(),
        user_id(4): NoMailbox(),
    }
