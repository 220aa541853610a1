"""Who holds access to a shared page: permissions without the system's entries, and groups with their members."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from atlas.domain.shared_pages.access import AccessGrant, AccessRight
from atlas.domain.shared_pages.directory import Group, Person
from atlas.domain.unknown import Reason, Unknown

SYSTEM_TRUSTEE = re.compile(
    r"(nt (authority|service)\\|s-1-5-|builtin\\|[^\\]+\\(exchange|organization|discovery) )", re.I
)
"""``NT AUTHORITY\\SELF``, deleted accounts of which only a SID is left, and Exchange's own groups."""


class HolderKind(StrEnum):
    """The values are a contract, listed in docs/api.md."""

    USER = "user"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Holder:
    """A user or group with access to the mailbox of a shared page."""

    kind: HolderKind
    access: tuple[AccessRight, ...]
    object_id: str | None = None
    upn: str | None = None
    """The UPN of a user, or the address of a group."""
    display_name: str | None = None
    via_group: str | None = None
    """The name of the group that gives a user access; ``None``: the user has access directly."""
    enabled: bool | None = None
    licensed: bool | None = None
    member_count: int | None = None
    """How many users are members, if this is a group."""
    lists_members: bool = False
    """Whether the members of this group are listed as holders, too."""
    trustees: tuple[str, ...] = ()
    """The names in the mailbox's permissions; none for the member of a group."""

    @property
    def can_open(self) -> bool:
        """Whether the holder can open the page's calendar and settings."""
        return AccessRight.FULL_ACCESS in self.access


type Trustee = Person | Group
type Directory = Mapping[str, Trustee | Unknown | None]
"""The account behind a name in the permissions. ``None``: there is none; ``Unknown``: that could not be determined."""


def effective_grants(grants: Iterable[AccessGrant]) -> tuple[AccessGrant, ...]:
    """The grants that administrators made: without inherited ones, denials and the system's entries."""
    return tuple(
        grant
        for grant in grants
        if not grant.inherited and not grant.denied and grant.trustee and not SYSTEM_TRUSTEE.match(grant.trustee)
    )


def holders_of(
    grants: Iterable[AccessGrant], directory: Directory, previous: Sequence[Holder] = ()
) -> tuple[Holder, ...]:
    """The holders behind effective grants; groups are followed by their members.

    A name that could not be looked up this time keeps the identity that a previous holder had under it.
    """
    direct: dict[str, Holder] = {}
    members: dict[tuple[str, str], Holder] = {}
    for grant in effective_grants(grants):
        trustee = directory.get(grant.trustee)
        holder = _previous_holder(grant, previous) if isinstance(trustee, Unknown) else None
        holder = holder or _direct_holder(grant, None if isinstance(trustee, Unknown) else trustee)
        if grant.trustee in directory and trustee is None and holder.upn:
            holder = replace(holder, enabled=False, licensed=False)  # an address that no account has any more
        known = direct.get(key := _identity(holder))
        direct[key] = _merge_holders(known, holder) if known else holder
        for member in _members(holder, grant, trustee, previous):
            member_key = (key, _identity(member))
            known = members.get(member_key)
            members[member_key] = _merge_holders(known, member) if known else member
    followed = {key for key, _ in members}
    direct_holders = (
        replace(holder, lists_members=True) if key in followed else holder for key, holder in direct.items()
    )
    return (*direct_holders, *members.values())


@dataclass(frozen=True, slots=True)
class GroupAccess:
    """How many people can open a page through one group."""

    name: str
    people: int


def largest_group(holders: Sequence[Holder]) -> GroupAccess | None:
    """The group through which the most people can open a page."""
    groups = [
        GroupAccess(
            _group_name(group),
            sum(1 for holder in holders if holder.can_open and holder.via_group == _group_name(group))
            if group.lists_members
            else group.member_count or 0,
        )
        for group in holders
        if group.can_open and group.kind is HolderKind.GROUP
    ]
    return max((group for group in groups if group.people), key=lambda group: group.people, default=None)


def people_with_full_access(holders: Iterable[Holder]) -> int:
    """How many people can open a page; a group without listed members counts as many as it has, or as one."""
    people = {_identity(holder) for holder in holders if holder.can_open and holder.kind is HolderKind.USER}
    groups = [holder for holder in holders if holder.can_open and holder.kind is HolderKind.GROUP]
    return len(people) + sum(
        1 if group.member_count is None else group.member_count for group in groups if not group.lists_members
    )


def is_same(one: Holder, other: Holder) -> bool:
    """Whether two holders are one user or group, by ID where both have one, or else by a name in the permissions."""
    if one.object_id and other.object_id:
        return one.object_id == other.object_id
    names = {name.casefold() for name in one.trustees}
    return any(name.casefold() in names for name in other.trustees)


def fit_holders(holders: Sequence[Holder], limit: int) -> tuple[Holder, ...]:
    """At most ``limit`` holders: while there are more, the group with the most listed members is listed alone."""
    listed = tuple(holders)
    while len(listed) > limit:
        sizes: dict[str, int] = {}
        for holder in listed:
            if holder.via_group:
                sizes[holder.via_group] = sizes.get(holder.via_group, 0) + 1
        if not sizes:
            return listed[:limit]
        largest = max(sizes, key=lambda name: sizes[name])
        listed = tuple(_listed_alone(holder, largest) for holder in listed if holder.via_group != largest)
    return listed


def _listed_alone(holder: Holder, group_name: str) -> Holder:
    is_meant = holder.kind is HolderKind.GROUP and _group_name(holder) == group_name
    return replace(holder, lists_members=False) if is_meant else holder


def _direct_holder(grant: AccessGrant, trustee: Trustee | None) -> Holder:
    access, trustees = (grant.right,), (grant.trustee,)
    match trustee:
        case Person():
            return _person_holder(trustee, access, trustees=trustees)
        case Group():
            return Holder(
                kind=HolderKind.GROUP,
                access=access,
                object_id=trustee.group_id,
                upn=trustee.address,
                display_name=trustee.display_name,
                member_count=trustee.member_count,
                lists_members=isinstance(trustee.members, tuple),
                trustees=trustees,
            )
        case _:
            is_address = "@" in grant.trustee
            return Holder(
                kind=HolderKind.USER,
                access=access,
                upn=grant.trustee if is_address else None,
                display_name=None if is_address else grant.trustee,
                trustees=trustees,
            )


def _person_holder(
    person: Person, access: tuple[AccessRight, ...], *, via_group: str | None = None, trustees: tuple[str, ...] = ()
) -> Holder:
    return Holder(
        kind=HolderKind.USER,
        access=access,
        object_id=person.user_id,
        upn=person.upn,
        display_name=person.display_name,
        via_group=via_group,
        enabled=person.enabled,
        licensed=person.licensed,
        trustees=trustees,
    )


def _members(
    holder: Holder, grant: AccessGrant, trustee: Trustee | Unknown | None, previous: Sequence[Holder]
) -> Iterable[Holder]:
    if holder.kind is not HolderKind.GROUP:
        return ()
    name = _group_name(holder)
    if isinstance(trustee, Group) and isinstance(trustee.members, tuple):
        return (_person_holder(member, (grant.right,), via_group=name) for member in trustee.members)
    if _failed_for_now(trustee.members if isinstance(trustee, Group) else trustee):
        return (replace(member, access=(grant.right,)) for member in previous if member.via_group == name)
    return ()


def _failed_for_now(outcome: object) -> bool:
    """Whether a request failed that may succeed later; without the permission, known members are dropped."""
    return isinstance(outcome, Unknown) and outcome.reason is not Reason.REFUSED


def _group_name(group: Holder) -> str:
    return group.display_name or group.upn or next(iter(group.trustees), "")


def _previous_holder(grant: AccessGrant, previous: Iterable[Holder]) -> Holder | None:
    name = grant.trustee.casefold()
    for holder in previous:
        if any(trustee.casefold() == name for trustee in holder.trustees):
            return replace(holder, access=(grant.right,), trustees=(grant.trustee,))
    return None


def _merge_holders(known: Holder, more: Holder) -> Holder:
    access = tuple(right for right in AccessRight if right in (*known.access, *more.access))
    return replace(known, access=access, trustees=tuple(dict.fromkeys((*known.trustees, *more.trustees))))


def _identity(holder: Holder) -> str:
    return (holder.object_id or holder.upn or holder.display_name or "").casefold()
