"""Removes people whom EXCLUDE_USERS excludes from the rows of shared pages, without any request to Graph about them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from atlas.domain.excluded_users import ExcludedUsers
from atlas.domain.shared_pages.businesses import BusinessDetails
from atlas.domain.shared_pages.directory import Recipient
from atlas.domain.shared_pages.rows import SharedPageRow
from atlas.domain.unknown import Reason, Unknown
from atlas.resources import Resources
from atlas.shared_pages.recording import rewrite_page
from atlas.tables.shared_bookings import StoredPage

EXCLUSION_UNKNOWN = Unknown(Reason.UNREACHABLE, "it could not be determined whether EXCLUDE_USERS excludes a person")


@dataclass(frozen=True, slots=True)
class NameCheck:
    """Which names in permissions and staff lists are of excluded people. All values are in lower case."""

    users: ExcludedUsers
    excluded: frozenset[str] = frozenset()
    unclear: frozenset[str] = frozenset()
    """Names of people for whom it could not be determined whether they are excluded."""

    def excludes(self, name: str | None) -> bool:
        """Whether a name is of an excluded person."""
        return bool(name) and (str(name).lower() in self.excluded or self.users.is_named(str(name)))

    def is_unclear(self, name: str | None) -> bool:
        """Whether it could not be determined if the person with this name is excluded."""
        return (name or "").lower() in self.unclear


async def check_names(resources: Resources, users: ExcludedUsers, names: Iterable[str]) -> NameCheck:
    """Find the names of excluded people. If the setting contains object IDs or groups, Exchange resolves the names."""
    wanted = {name.lower(): name for name in names}
    excluded = {key for key in wanted if users.is_named(key)}
    rest = [name for key, name in wanted.items() if key not in excluded]
    if not rest or not users.user_ids:
        return NameCheck(users, frozenset(excluded))
    if resources.mailboxes is None:
        return NameCheck(users, frozenset(excluded), frozenset(name.lower() for name in rest))
    recipients = await resources.mailboxes.get_recipients(rest)
    unclear = {name.lower() for name, found in recipients.items() if isinstance(found, Unknown)}
    for name, found in recipients.items():
        if found and not isinstance(found, Unknown) and any(map(users.is_named, filter(None, _names(found)))):
            excluded.add(name.lower())
    return NameCheck(users, frozenset(excluded), frozenset(unclear))


def _names(found: Recipient) -> tuple[str | None, str | None]:
    return found.object_id, found.address


def staff_without_excluded(details: BusinessDetails, check: NameCheck) -> BusinessDetails:
    """A business without the excluded members of its staff; the staff is ``Unknown`` if a member may be excluded."""
    if isinstance(details.staff, Unknown):
        return details
    if any(check.is_unclear(member.email_address) for member in details.staff):
        return replace(details, staff=EXCLUSION_UNKNOWN)
    return replace(details, staff=tuple(member for member in details.staff if not check.excludes(member.email_address)))


def row_without_excluded(row: SharedPageRow, check: NameCheck) -> SharedPageRow:
    """A row without the people who were not excluded when it was written."""
    holders, staff = row.holders, row.staff
    if holders:
        holders = tuple(
            holder
            for holder in holders
            if not any(map(check.excludes, (holder.object_id, holder.upn, *holder.trustees)))
        )
    if staff:
        staff = tuple(member for member in staff if not check.excludes(member.email_address))
    return row if (holders, staff) == (row.holders, row.staff) else replace(row, holders=holders, staff=staff)


async def remove_excluded(resources: Resources, stored: StoredPage, check: NameCheck) -> StoredPage:
    """Remove excluded people from a stored row. This is not a change of the page, so none is published."""
    row = row_without_excluded(stored.row, check)
    return stored if row is stored.row else await rewrite_page(resources, stored, row)
