"""The shared pages that one user can open, with the reason."""

from collections.abc import Iterable
from dataclasses import dataclass

from atlas.domain.shared_pages.access import AccessRight
from atlas.domain.shared_pages.holders import Holder, HolderKind
from atlas.domain.shared_pages.rows import PageState, SharedPageRow


@dataclass(frozen=True, slots=True)
class UserIdentity:
    """The user whose pages are wanted, by every name that permissions and staff lists use."""

    user_id: str | None
    addresses: frozenset[str]
    """The UPN and mail addresses, in lower case."""


@dataclass(frozen=True, slots=True)
class UserSharedPage:
    """One way in which a user can open a page."""

    address: str
    display_name: str | None
    public_url: str | None
    published: bool | None
    access: tuple[AccessRight, ...]
    via_group: str | None
    role: str | None
    """The user's role among the page's staff; ``None``: not a member of it, or not known."""


def shared_pages_of(user: UserIdentity, rows: Iterable[SharedPageRow]) -> tuple[UserSharedPage, ...]:
    """One entry per page and group through which the user can open it; a member of the staff without access has one."""
    return tuple(entry for row in rows if row.state is PageState.PRESENT for entry in _entries(user, row))


def names_on(row: SharedPageRow) -> frozenset[str]:
    """The IDs and addresses under which the page's holders and staff can be found."""
    holders = [holder for holder in row.holders or () if holder.kind is HolderKind.USER]
    ids = {holder.object_id for holder in holders if holder.object_id}
    # The ID finds the user under every name; a name is only needed where there is no ID.
    upns = {holder.upn.lower() for holder in holders if holder.upn and not holder.object_id}
    staff = {member.email_address.lower() for member in row.staff or () if member.email_address}
    return frozenset(ids | upns | staff)


def _entries(user: UserIdentity, row: SharedPageRow) -> list[UserSharedPage]:
    role = next(
        (member.role for member in row.staff or () if (member.email_address or "").lower() in user.addresses), None
    )
    ways = [(holder.access, holder.via_group) for holder in row.holders or () if _is_user(user, holder)]
    if not ways and role is None:
        return []
    return [
        UserSharedPage(row.address, row.display_name, row.public_url, row.published, access, via_group, role)
        for access, via_group in ways or [((), None)]
    ]


def _is_user(user: UserIdentity, holder: Holder) -> bool:
    if holder.kind is not HolderKind.USER:
        return False
    if holder.object_id and user.user_id:
        return holder.object_id == user.user_id
    return (holder.upn or "").lower() in user.addresses
