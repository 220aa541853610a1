"""The index leads to the right row: lost entries are restored, and late removals delete no other user's entry."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.domain.statuses import Status
from atlas.domain.user_rows import UserRow
from atlas.domain.users import LicensedUser
from atlas.tables.user_index import BOOKINGS_USER_INDEX, UserIndex
from atlas.tables.user_positions import MAX_KEY_LENGTH, upn_key

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ADELE = LicensedUser("6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0", "shared@contoso.com")
BOB = LicensedUser("7ea91a8d-e32e-41a1-b7bd-d2d185eed0e0", "shared@contoso.com")


def row(user, **more):
    return UserRow(user, Status.PUBLISHED, NOW, **more)


class Interrupted:
    """A store in which another user gets a UPN between the read and the delete of a removal."""

    def __init__(self, store, interrupt):
        self.store = store
        self.interrupt = interrupt

    def __getattr__(self, name):
        return getattr(self.store, name)

    async def delete(self, *args):
        await self.interrupt()
        await self.store.delete(*args)


async def test_a_removal_never_deletes_the_entry_of_a_new_owner(store, tenant_id):
    index = UserIndex(store, tenant_id)
    await index.add(row(ADELE), None)

    async def bob_gets_the_upn():
        await index.add(row(BOB), None)

    renamed = row(replace(ADELE, upn="new@contoso.com"))
    await UserIndex(Interrupted(store, bob_gets_the_upn), tenant_id).remove(row(ADELE), renamed)

    assert await index.get_by_upn("shared@contoso.com") == BOB.user_id


async def test_lost_entries_are_restored(store, tenant_id):
    index = UserIndex(store, tenant_id)
    known = row(ADELE, mailbox_guid="2be92a50-0c6b-4d1e-8a61-3f1f5a0c7e11")
    await index.add(known, None)
    await index.remove(known, None)

    await index.add(known, known)
    lost = await index.get_by_upn(ADELE.upn)
    await index.restore(known)

    assert lost is None
    assert await index.get_by_upn(ADELE.upn) == ADELE.user_id
    assert await index.get_by_mailbox(known.mailbox_guid) == ADELE.user_id


@pytest.mark.parametrize("upn", ["a" * 5_000 + "@contoso.com", "ä" * 300 + "@contoso.com", "/\\#?%\t@contoso.com"])
async def test_any_upn_fits_a_key(store, tenant_id, upn):
    index = UserIndex(store, tenant_id)

    await index.add(row(replace(ADELE, upn=upn)), None)

    assert await index.get_by_upn(upn.upper()) == ADELE.user_id
    entries = [one async for one in store.iterate(BOOKINGS_USER_INDEX, tenant_id)]
    assert {one["UserId"] for one in entries} == {ADELE.user_id}
    assert max(len(one["RowKey"]) for one in entries) <= MAX_KEY_LENGTH


@given(st.text(max_size=1500))
def test_keys_stay_below_the_limit_of_table_storage(upn):
    """1 KiB of UTF-16; the characters of a key are ASCII."""
    assert len(upn_key(upn).encode("utf-16-le")) <= 2 * MAX_KEY_LENGTH <= 1024
