"""A page of users is joined with the mailboxes of Exchange; a mailbox that is not listed may exist all the same."""

from uuid import UUID

import pytest
from pydantic import ValidationError

from atlas.domain.mailboxes import Mailbox, NoMailbox
from atlas.domain.unknown import Reason, Unknown
from atlas.microsoft365.failures import Unreachable
from atlas.microsoft365.graph import LicensedUsersPage
from atlas.scans.census import NOT_LISTED, list_users
from atlas.scans.messages import UsersRequest
from atlas.tables.census import BOOKINGS_CENSUS, user_key
from tests.scans.conftest import FakeDirectory, scan, user, user_id

SCAN = scan()


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
async def listing(tenant):
    """Four users, of whom Exchange has listed the first."""
    tenant.directory = ListingDirectory(1, 2, 3, 4)
    await tenant.running(SCAN)
    await tenant.resources.census.add_mailboxes(SCAN.scan_id, {user_id(1): mailbox(1)})
    return tenant


def request(**more):
    return UsersRequest(scan_id=SCAN.scan_id, page=1, is_first=True, has_policies=True, **more)


async def census(tenant):
    found = [await tenant.resources.census.get_user(SCAN.scan_id, 1, index) for index in range(4)]
    return {one.user_id: evidence for one, evidence in found}


async def test_only_a_confirmed_absence_counts_as_no_mailbox(listing):
    listing.directory.mailboxes = {
        user_id(3): mailbox(3),
        user_id(4): Unknown(Reason.REFUSED, "grant MailboxSettings.Read"),
    }

    await list_users(listing.resources, request(has_mailboxes=True))

    assert await census(listing) == {
        user_id(1): mailbox(1),
        user_id(2): NoMailbox(),
        user_id(3): NOT_LISTED,
        user_id(4): NOT_LISTED,
    }


async def test_a_malformed_row_affects_only_its_user(listing):
    await list_users(listing.resources, request())
    listing.store.spoil(BOOKINGS_CENSUS, SCAN.scan_id, user_key(1, 2), User="{}")

    found = [await listing.resources.census.get_user(SCAN.scan_id, 1, index) for index in (0, 1, 3)]

    assert [one[0].user_id for one in found] == [user_id(1), user_id(2), user_id(4)]
    with pytest.raises(ValidationError):
        await listing.resources.census.get_user(SCAN.scan_id, 1, 2)


async def test_absences_of_a_page_are_confirmed_in_one_request(listing):
    await list_users(listing.resources, request(has_mailboxes=True))

    assert listing.directory.batches == [[user_id(2), user_id(3), user_id(4)]]


async def test_nothing_is_confirmed_if_exchange_lists_every_mailbox(listing):
    await listing.resources.census.add_mailboxes(SCAN.scan_id, {user_id(n): mailbox(n) for n in (2, 3, 4)})

    await list_users(listing.resources, request(has_mailboxes=True))

    assert listing.directory.batches == []


async def test_a_confirmation_that_fails_writes_nothing(listing):
    """The step is repeated: an absence that was not confirmed must not reach a row."""
    listing.directory.failure = Unreachable("503")

    with pytest.raises(Unreachable):
        await list_users(listing.resources, request(has_mailboxes=True))

    assert await listing.resources.census.get_user(SCAN.scan_id, 1, 0) is None


async def test_without_exchange_graph_decides_about_every_mailbox(listing):
    listing.directory.mailboxes = {user_id(2): mailbox(2)}

    await list_users(listing.resources, request())

    assert await census(listing) == {
        user_id(1): NoMailbox(),
        user_id(2): mailbox(2),
        user_id(3): NoMailbox(),
        user_id(4): NoMailbox(),
    }
