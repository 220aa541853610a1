"""Removes every trace of a person from the tables, at the person's request (``atlas forget``)."""

from dataclasses import dataclass
from uuid import UUID

from atlas.domain.page_urls import PageAddress
from atlas.domain.shared_pages.removal import NamesOfPerson, without_person
from atlas.domain.user_references import UserReference
from atlas.resources import Resources
from atlas.tables.shared_bookings import StoredPage
from atlas.tables.store import RowChanged

CENSUS_ROWS_PER_DELETION = 1000


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much was removed."""

    rows: int
    index_entries: int
    changes: int
    census_rows: int
    shared_pages: int = 0
    """From how many shared pages the person was removed."""


async def forget(resources: Resources, subject: UserReference) -> Forgotten:
    """Remove rows, index entries, changes and census rows of a user. Raises ``StorageFailure``.

    The row goes last: if the removal is interrupted, it can be repeated with the same name. It needs no request to
    Microsoft 365, so it works for users who were deleted. Run it while no scan is running, and exclude the user with
    EXCLUDE_USERS first: a scan would otherwise record a licensed user again.
    """
    user_ids = await _user_ids(resources, subject)
    shared = await _forget_on_shared_pages(resources, await _names(resources, subject, user_ids))
    index_entries, changes, census_rows, rows = shared.index_entries, shared.changes, shared.census_rows, 0
    async for scan in resources.scans.iterate():
        for user_id in sorted(user_ids):
            census_rows += await resources.census.delete_user(scan.scan_id, user_id)
        while scan.has_ended and await resources.census.delete(scan.scan_id, CENSUS_ROWS_PER_DELETION):
            continue  # positions in listings may contain the IDs of users
    for user_id in sorted(user_ids):
        changes += await resources.changes.delete_of_row(user_id)
        index_entries += await resources.index.remove_user(user_id)
        _, etag = await resources.rows.get_version(user_id)
        if etag:  # a row that cannot be read names the user too
            await resources.rows.delete(user_id)
            rows += 1
    return Forgotten(rows, index_entries, changes, census_rows, shared.shared_pages)


async def _forget_on_shared_pages(resources: Resources, person: NamesOfPerson) -> Forgotten:
    """Remove the person from shared pages. The rows go last, because the other names are found on them."""
    shared = resources.shared
    pages = [stored async for stored in shared.rows.iterate() if _is_named(stored, person)]
    changes = await shared.changes.delete_naming("Holder", person.all)
    index_entries = await shared.index.remove_names(person.user_ids | person.addresses)
    census_rows = 0
    async for scan in resources.scans.iterate():
        census_rows += await shared.census.delete_naming(scan.scan_id, person.user_ids | person.addresses)
    for stored in pages:
        await _remove_from_page(resources, stored, person)
    return Forgotten(0, index_entries, changes, census_rows, len(pages))


async def _remove_from_page(resources: Resources, stored: StoredPage | None, person: NamesOfPerson) -> None:
    rows = resources.shared.rows
    while stored:
        change = stored.pending_change
        if change and (change.holder or "").casefold() in person.all:
            change = None
        key = stored.row.key
        try:
            await rows.save(without_person(stored.row, person), change, stored.etag)
        except RowChanged:
            stored = await rows.get(key)
        else:
            return


def _is_named(stored: StoredPage, person: NamesOfPerson) -> bool:
    change = stored.pending_change
    in_change = change is not None and (change.holder or "").casefold() in person.all
    return in_change or without_person(stored.row, person) != stored.row


async def _names(resources: Resources, subject: UserReference, user_ids: set[str]) -> NamesOfPerson:
    """Every name of the person; reads all rows of shared pages, and all changes of users."""
    addresses = {subject.casefold()} if isinstance(subject, str) else set[str]()
    other = set[str]()
    for user_id in user_ids:
        if stored := await resources.rows.get(user_id):
            row = stored.row
            addresses |= {text.casefold() for text in (row.user.upn, row.user.mail, row.primary_smtp_address) if text}
            other |= {row.user.display_name.casefold()} if row.user.display_name else set()
    addresses |= {
        change.upn.casefold() async for _, change in resources.changes.iterate() if change.user_id in user_ids
    }
    person = NamesOfPerson(frozenset(user_ids), frozenset(addresses), frozenset(other))
    while True:
        rows = [stored.row async for stored in resources.shared.rows.iterate()]
        more = person.with_names_on(rows)
        if more == person:
            return person
        person = more


async def _user_ids(resources: Resources, subject: UserReference) -> set[str]:
    """The object IDs of the user in the tables; reads all rows and changes, because the index may be incomplete."""
    match subject:
        case UUID():
            return {str(subject)}
        case PageAddress():
            guid = str(subject.mailbox_guid)
            indexed = await resources.index.get_by_mailbox(guid)
            rows = {one.row.user.user_id async for one in resources.rows.iterate() if one.row.mailbox_guid == guid}
            return rows | ({indexed} if indexed else set())
        case upn:
            indexed = await resources.index.get_by_upn(upn)
            rows = {
                one.row.user.user_id
                async for one in resources.rows.iterate()
                if one.row.user.upn.lower() == upn.lower()
            }
            changes = {
                change.user_id async for _, change in resources.changes.iterate() if change.upn.lower() == upn.lower()
            }
            return rows | changes | ({indexed} if indexed else set())
