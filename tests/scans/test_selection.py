"""Which users a file names, and how they become a page of the census."""

from dataclasses import replace

import pytest

from atlas.domain.buckets import BUCKETS
from atlas.domain.excluded_users import ExcludedUsers
from atlas.domain.scans import USERS_ON_REQUEST, ScanState
from atlas.domain.unknown import Reason, Unknown
from atlas.domain.users import LicensedUser
from atlas.microsoft365.exclusions import Exclusions
from atlas.microsoft365.failures import Refused, Unreachable
from atlas.microsoft365.graph import Account
from atlas.scans.gone import mark_gone
from atlas.scans.messages import ListingRequest
from atlas.scans.selection import MAX_UNLISTED, PAGE_SIZE, InvalidSelection, Selection, list_selected_users
from tests.scans.conftest import START, MemoryTenant, scan, user_id

ID = "11111111-2222-4333-8444-555555555555"


@pytest.mark.parametrize(
    ("text", "users"),
    [
        ("Adele@contoso.com\nalex@contoso.com\n", ["adele@contoso.com", "alex@contoso.com"]),
        ("\ufeff  adele@contoso.com \r\n\r\n# the pilot group\r\n", ["adele@contoso.com"]),
        (f"{ID}\n{ID.upper()}", [ID]),
        ('DisplayName,UserPrincipalName\n"Vance, Adele",adele@contoso.com\n', ["adele@contoso.com"]),
        ("TenantId;UserId;UserPrincipalName\nt;x;adele@contoso.com\n", ["adele@contoso.com"]),
        (f"UserId,Name\n{ID},Adele\n", [ID]),
    ],
    ids=["lines", "comments and blanks", "object IDs once", "a quoted cell", "semicolons", "a column of IDs"],
)
def test_a_file_names_users(text, users):
    assert list(Selection.parse(text).users) == users


@pytest.mark.parametrize("text", ["", "\n# nobody\n", "UserPrincipalName\n", "Adele Vance\n", "adele\n"])
def test_a_file_without_users_is_rejected(text):
    with pytest.raises(InvalidSelection):
        Selection.parse(text)


def test_the_order_of_users_does_not_matter():
    one, two, three = (Selection.parse(text) for text in ("a@x.y\nb@x.y", "B@x.y\nA@x.y", "a@x.y"))

    assert one.digest == two.digest != three.digest


@pytest.mark.parametrize(("count", "lists"), [(1, False), (MAX_UNLISTED, False), (MAX_UNLISTED + 1, True)])
def test_many_users_have_their_mailboxes_listed(count, lists):
    assert Selection(tuple(f"u{number}@contoso.com" for number in range(count))).needs_listed_mailboxes is lists


class Directory:
    def __init__(self, accounts):
        self.accounts = accounts
        self.requested = []

    async def get_accounts(self, names):
        self.requested += names
        return {name: self.accounts.get(name) for name in names}


@pytest.fixture
async def list_selected(tenant: MemoryTenant):
    """Lists the users of a file; returns the result, the census and the warnings."""
    running = replace(scan(), trigger=USERS_ON_REQUEST)
    await tenant.resources.scans.insert(running)

    async def list_users(accounts, users, page=1, first=True):
        resources = replace(tenant.resources, directory=Directory(accounts))
        request = ListingRequest(scan_id=running.scan_id, page=page, is_first=first)
        result = await list_selected_users(resources, request, Selection(tuple(users)))
        found = await resources.census.get_listed_users(running.scan_id, page, range(BUCKETS))
        assert len(found) == result.count
        stored = await resources.scans.get(running.scan_id)
        return result, [user.upn for user, _ in found.values()], stored.warnings

    return list_users


def account(number, licensed=True):
    return Account(LicensedUser(user_id(number), f"user{number}@contoso.com"), licensed)


async def test_users_who_cannot_be_scanned_are_reported(list_selected):
    accounts = {
        "user1@contoso.com": account(1),
        "user2@contoso.com": account(2, licensed=False),
        "user4@contoso.com": Unknown(Reason.NOT_UNDERSTOOD, "malformed"),
    }
    result, users, warnings = await list_selected(accounts, [f"user{number}@contoso.com" for number in (1, 2, 3, 4)])

    assert (result.count, result.has_next, result.total) == (1, False, 4)
    assert users == ["user1@contoso.com"]
    assert list(warnings) == [
        "Microsoft Entra has no such user: user3@contoso.com.",
        "Not licensed for Bookings: user2@contoso.com.",
        "Microsoft Graph sent a record that cannot be read: user4@contoso.com.",
    ]


async def test_an_excluded_user_is_reported_and_not_requested(tenant: MemoryTenant):
    excluded = ExcludedUsers.parse(["user1@contoso.com", user_id(2)])
    directory = Directory({f"user{number}@contoso.com": account(number) for number in (1, 2, 3)})
    resources = replace(tenant.resources, directory=directory, exclusions=Exclusions(excluded, directory))
    await resources.scans.insert(scan())
    names = ("user1@contoso.com", user_id(2), "user2@contoso.com", "user3@contoso.com")

    request = ListingRequest(scan_id=scan().scan_id, page=1, is_first=True)
    result = await list_selected_users(resources, request, Selection(names))

    assert directory.requested == ["user2@contoso.com", "user3@contoso.com"]
    assert result.count == 1
    warnings = (await resources.scans.get(scan().scan_id)).warnings
    assert warnings == (f"Excluded by EXCLUDE_USERS: user1@contoso.com, {user_id(2)}, user2@contoso.com.",)


async def test_a_user_named_twice_is_listed_once(list_selected):
    _, users, _ = await list_selected(
        {"user1@contoso.com": account(1), user_id(1): account(1)}, ["user1@contoso.com", user_id(1)]
    )

    assert users == ["user1@contoso.com"]


async def test_a_long_file_has_several_pages(list_selected):
    accounts = {f"user{number}@contoso.com": account(number) for number in range(PAGE_SIZE + 5)}

    first, _, _ = await list_selected(accounts, accounts)
    second, users, _ = await list_selected(accounts, accounts, page=2, first=False)

    assert (first.count, first.has_next) == (PAGE_SIZE, True)
    assert (second.count, second.has_next) == (5, False)
    assert users[0] == f"user{PAGE_SIZE}@contoso.com"


@pytest.mark.parametrize(
    ("reason", "failure"),
    [(Reason.THROTTLED, Unreachable), (Reason.UNREACHABLE, Unreachable), (Reason.REFUSED, Refused)],
)
async def test_a_directory_that_fails_fails_the_step(list_selected, reason, failure):
    with pytest.raises(failure):
        await list_selected({"a@b.c": Unknown(reason, "why")}, ["a@b.c"])


async def test_a_scan_of_named_users_marks_no_user_gone(tenant: MemoryTenant):
    running = replace(scan(), trigger=USERS_ON_REQUEST)
    await tenant.resources.scans.insert(running)
    await tenant.add_row(1, running.scan_id)
    await tenant.add_row(2, "scan-of-the-tenant")

    result = await mark_gone(tenant.resources, ListingRequest(scan_id=running.scan_id, page=1, is_first=True))

    assert result.by_status == {"published": 1}
    assert set((await tenant.statuses()).values()) == {"published"}
    assert (result.unconfirmed, result.still_licensed) == (0, 0)


async def test_a_scan_of_named_users_does_not_count_as_a_scan_of_the_tenant(tenant: MemoryTenant):
    """Otherwise the first scan of the tenant would report every page as set up."""
    part = replace(scan(), trigger=USERS_ON_REQUEST, state=ScanState.COMPLETED, finished_at=START)
    await tenant.resources.scans.insert(part)

    assert await tenant.resources.scans.last_finished() is None
