"""The census on a real Azurite: listings by bucket, pages of users, and records that are too long."""

from dataclasses import replace
from uuid import UUID

from atlas.domain.buckets import BUCKETS, bucket_of
from atlas.domain.ews_settings import Access, EwsScope
from atlas.domain.mailboxes import Mailbox, NoMailbox
from atlas.domain.unknown import Reason, Unknown
from atlas.domain.users import LicensedUser
from atlas.tables.census import USERS_PER_ROW, Census
from atlas.tables.census_columns import TOO_LONG

USER_ID = "6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0"
OTHER_ID = "7ea91a8d-e32e-41a1-b7bd-d2d185eed0e0"
GUID = "2be92a50-0c6b-4d1e-8a61-3f1f5a0c7e11"
ADELE = LicensedUser(USER_ID, "AdeleV@contoso.com", "Adele Vance", "Sales", "Adele@contoso.com", True, "Member")
BOB = LicensedUser(OTHER_ID, "bob@contoso.com")


async def test_the_census_separates_scans(store, tenant_id):
    census = Census(store)
    mailbox = Mailbox(UUID(GUID), "Adele@contoso.com", "UserMailbox", has_capability=False)
    unknown = Unknown(Reason.THROTTLED, "a: b")
    await census.add_mailboxes(tenant_id, 1, {USER_ID: mailbox, OTHER_ID: NoMailbox("MailUser")})
    await census.add_listed_users(tenant_id, 1, [(ADELE, None), (BOB, unknown)])
    await census.add_users(tenant_id, 3, [(ADELE, mailbox), (BOB, unknown)])

    everyone = range(BUCKETS)
    found = await census.get_mailboxes(tenant_id, 1, everyone, {USER_ID, OTHER_ID})
    assert found == {USER_ID: mailbox, OTHER_ID: NoMailbox("MailUser")}
    assert await census.get_mailboxes("another-scan", 1, everyone, {USER_ID, OTHER_ID}) == {}
    assert await census.get_users(tenant_id, 3, 0) == [(ADELE, mailbox), (BOB, unknown)]
    assert await census.get_users(tenant_id, 3, 1) == []
    assert await census.get_users("another-scan", 3, 0) == []


async def test_a_bucket_contains_only_its_own_users(store, tenant_id):
    census = Census(store)
    await census.add_mailboxes(tenant_id, 1, {USER_ID: NoMailbox(), OTHER_ID: NoMailbox()})
    bucket = bucket_of(USER_ID)

    wanted = {USER_ID, OTHER_ID}
    assert set(await census.get_mailboxes(tenant_id, 1, range(bucket, bucket + 1), wanted)) == {USER_ID}
    assert await census.get_mailboxes(tenant_id, 1, range(bucket + 1, bucket + 2), wanted) == {}


async def test_only_the_wanted_mailboxes_are_returned(store, tenant_id):
    """A tenant may have many more mailboxes than licensed users."""
    census = Census(store)
    await census.add_mailboxes(tenant_id, 1, {USER_ID: NoMailbox(), OTHER_ID: NoMailbox()})

    assert set(await census.get_mailboxes(tenant_id, 1, range(BUCKETS), {OTHER_ID})) == {OTHER_ID}


async def test_records_of_an_abandoned_listing_are_not_returned(store, tenant_id):
    census = Census(store)
    scope = EwsScope(Access.BLOCK, "EnforceBlockList")
    for page, user_id in ((1, USER_ID), (2, OTHER_ID)):
        await census.add_mailboxes(tenant_id, page, {user_id: NoMailbox()})
        await census.add_policies(tenant_id, page, {user_id: scope})
        await census.add_listed_users(tenant_id, page, [(ADELE if page == 1 else BOB, None)])

    wanted = {USER_ID, OTHER_ID}
    assert await census.get_mailboxes(tenant_id, 2, range(BUCKETS), wanted) == {OTHER_ID: NoMailbox()}
    assert await census.get_policies(tenant_id, 2, range(BUCKETS), wanted) == {OTHER_ID: scope}
    assert await census.get_listed_users(tenant_id, 2, range(BUCKETS)) == {OTHER_ID: (BOB, None)}


async def test_of_a_user_listed_twice_the_last_record_counts(store, tenant_id):
    census = Census(store)
    renamed = replace(ADELE, upn="renamed@contoso.com")
    await census.add_listed_users(tenant_id, 1, [(BOB, None)])
    await census.add_listed_users(tenant_id, 2, [(ADELE, None)])
    await census.add_listed_users(tenant_id, 10, [(renamed, None)])

    assert await census.get_listed_users(tenant_id, 2, range(BUCKETS)) == {ADELE.user_id: (renamed, None)}


async def test_a_page_of_long_records_takes_several_rows(store, tenant_id):
    """Names as long as Entra allows, in letters that take four bytes each."""
    census = Census(store)
    users = [
        replace(ADELE, user_id=f"{number * 65:08x}"[-4:] + USER_ID[4:], display_name="\U0001f600" * 256)
        for number in range(999)
    ]
    await census.add_listed_users(tenant_id, 1, [(one, None) for one in users])

    found = await census.get_listed_users(tenant_id, 1, range(BUCKETS))
    rows = [entity async for entity in store.iterate("BookingsCensus", tenant_id)]
    assert {one.user_id: one for one in users} == {user_id: one for user_id, (one, _) in found.items()}
    assert 1 < len(rows) < 10


async def test_users_of_one_bucket_may_take_several_rows(store, tenant_id):
    census = Census(store)
    users = [replace(ADELE, user_id=f"{USER_ID[:-4]}{number:04x}", display_name="x" * 256) for number in range(300)]
    await census.add_listed_users(tenant_id, 1, [(one, None) for one in users])

    assert len(await census.get_listed_users(tenant_id, 1, range(BUCKETS))) == 300


async def test_a_record_that_is_too_long_affects_only_itself(store, tenant_id):
    """The user is identified and stays `unknown`; the mailbox is requested again; the settings are not known."""
    census = Census(store)
    huge = replace(BOB, display_name="x" * 70_000)
    await census.add_listed_users(tenant_id, 1, [(huge, None), (ADELE, None)])
    await census.add_mailboxes(tenant_id, 1, {OTHER_ID: Mailbox(UUID(GUID), "x" * 70_000), USER_ID: NoMailbox()})
    await census.add_policies(tenant_id, 1, {OTHER_ID: EwsScope(Access.BLOCK, "x" * 70_000)})

    wanted = {USER_ID, OTHER_ID}
    listed = await census.get_listed_users(tenant_id, 1, range(BUCKETS))
    mailboxes = await census.get_mailboxes(tenant_id, 1, range(BUCKETS), wanted)
    assert listed == {USER_ID: (ADELE, None), OTHER_ID: (BOB, replace(TOO_LONG, is_final=True))}
    assert mailboxes == {USER_ID: NoMailbox(), OTHER_ID: TOO_LONG}
    assert await census.get_policies(tenant_id, 1, range(BUCKETS), wanted) == {}


async def test_users_with_long_records_share_a_row(store, tenant_id):
    """One column could not hold 25 of them."""
    census = Census(store)
    users = [(replace(ADELE, display_name=f"{number:02}" + "\U0001f600" * 1200), NoMailbox()) for number in range(25)]
    await census.add_users(tenant_id, 1, users)

    assert await census.get_users(tenant_id, 1, 0) == users


async def test_a_census_is_deleted_in_parts(store, tenant_id):
    census = Census(store)
    await census.add_users(tenant_id, 1, [(ADELE, NoMailbox())] * 250 * USERS_PER_ROW)
    await census.add_users(f"{tenant_id}-next", 1, [(ADELE, NoMailbox())])

    forgotten = [await census.delete(tenant_id, 200) for _ in range(3)]

    assert forgotten == [200, 50, 0]
    assert await census.get_users(f"{tenant_id}-next", 1, 0) == [(ADELE, NoMailbox())]


async def test_a_user_who_is_removed_leaves_the_places_of_the_others(store, tenant_id):
    census = Census(store)
    await census.add_listed_users(tenant_id, 1, [(ADELE, None), (BOB, None)])
    await census.add_users(tenant_id, 1, [(ADELE, NoMailbox()), (BOB, NoMailbox())])
    await census.add_position(tenant_id, "users", 2, "a link")

    assert await census.delete_user(tenant_id, USER_ID) == 2

    assert await census.get_users(tenant_id, 1, 0) == [None, (BOB, NoMailbox())]
    assert set(await census.get_listed_users(tenant_id, 1, range(BUCKETS))) == {OTHER_ID}
    assert await census.get_position(tenant_id, "users", 2) == "a link"
    assert await census.delete_user(tenant_id, USER_ID) == 0
