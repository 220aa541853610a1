"""Removes every trace of a person from the tables, at the person's request (``atlas forget``)."""

from dataclasses import dataclass
from uuid import UUID

from atlas.domain.page_urls import PageAddress
from atlas.domain.user_references import UserReference
from atlas.resources import Resources

CENSUS_ROWS_PER_DELETION = 1000


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much was removed."""

    rows: int
    index_entries: int
    changes: int
    census_rows: int


async def forget(resources: Resources, subject: UserReference) -> Forgotten:
    """Remove rows, index entries, changes and census rows of a user. Raises ``StorageFailure``.

    The row goes last: if the removal is interrupted, it can be repeated with the same name. It needs no request to
    Microsoft 365, so it works for users who were deleted. Run it while no scan is running, and exclude the user with
    EXCLUDE_USERS first: a scan would otherwise record a licensed user again.
    """
    user_ids = await _user_ids(resources, subject)
    index_entries = changes = census_rows = rows = 0
    for user_id in sorted(user_ids):
        changes += await resources.changes.delete_of_row(user_id)
        async for scan in resources.scans.iterate():
            census_rows += await resources.census.delete_user(scan.scan_id, user_id)
            while scan.has_ended and await resources.census.delete(scan.scan_id, CENSUS_ROWS_PER_DELETION):
                continue  # positions in listings may contain the IDs of users
        index_entries += await resources.index.remove_user(user_id)
        _, etag = await resources.rows.get_version(user_id)
        if etag:  # a row that cannot be read names the user too
            await resources.rows.delete(user_id)
            rows += 1
    return Forgotten(rows, index_entries, changes, census_rows)


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
