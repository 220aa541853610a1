"""Removes a person from what is stored about shared pages."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from atlas.domain.shared_pages.businesses import StaffMember
from atlas.domain.shared_pages.holders import Holder, HolderKind
from atlas.domain.shared_pages.rows import FoundRisk, SharedFinding, SharedPageRow

CREATOR_REMOVED = "removed at the person's request"
"""Why the creator of a page is not known; the audit log is not searched for it again."""
REMOVED_PERSON = "(removed)"
NAMING_PEOPLE = frozenset({SharedFinding.LOOK_ALIKE_ADDRESS, SharedFinding.EXTERNAL_STAFF})
"""The findings whose evidence names people."""


@dataclass(frozen=True, slots=True)
class NamesOfPerson:
    """Every name by which the tables know one person, in lower case."""

    user_ids: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    """UPNs and mail addresses."""
    other: frozenset[str] = frozenset()
    """Display names, and other names in permissions: these identify a person only if nothing better does."""

    @property
    def all(self) -> frozenset[str]:
        """Every name."""
        return self.user_ids | self.addresses | self.other

    def with_names_on(self, rows: Iterable[SharedPageRow]) -> "NamesOfPerson":
        """Also the names under which the person holds access to these pages."""
        names = self
        for holder in (holder for row in rows for holder in row.holders or () if self.is_holder(holder)):
            texts = {text.casefold() for text in (holder.upn, holder.display_name, *holder.trustees) if text}
            names = NamesOfPerson(
                names.user_ids | ({holder.object_id} if holder.object_id else set()),
                names.addresses | {text for text in texts if "@" in text},
                names.other | {text for text in texts if "@" not in text},
            )
        return names

    def is_holder(self, holder: Holder) -> bool:
        """Whether a holder is this person; the ID decides if both have one."""
        if holder.kind is not HolderKind.USER:
            return False
        if holder.object_id and self.user_ids:
            return holder.object_id in self.user_ids
        addresses = {text.casefold() for text in (holder.upn, *holder.trustees) if text and "@" in text}
        if addresses or holder.object_id:
            return bool(addresses & self.addresses)
        return any(text.casefold() in self.all for text in (holder.display_name, *holder.trustees) if text)

    def is_staff(self, member: StaffMember) -> bool:
        """Whether a member of the staff is this person."""
        if member.email_address:
            return member.email_address.casefold() in self.addresses
        return (member.display_name or "").casefold() in self.other


def without_person(row: SharedPageRow, person: NamesOfPerson) -> SharedPageRow:
    """The row without the person as holder, member of the staff and creator, and in the evidence of findings."""
    created_by_person = (row.created_by or "").casefold() in person.all
    return replace(
        row,
        holders=row.holders and tuple(holder for holder in row.holders if not person.is_holder(holder)),
        staff=row.staff and tuple(member for member in row.staff if not person.is_staff(member)),
        created_by=None if created_by_person else row.created_by,
        creator_problem=CREATOR_REMOVED if created_by_person else row.creator_problem,
        findings=tuple(_without_names(found, person) for found in row.findings),
    )


def _without_names(found: FoundRisk, person: NamesOfPerson) -> FoundRisk:
    names = sorted(person.all, key=len, reverse=True)
    if found.name not in NAMING_PEOPLE or not names:
        return found
    pattern = rf"(?<![\w.+-])(?:{'|'.join(map(re.escape, names))})(?![\w-])"
    return replace(found, evidence=re.sub(pattern, REMOVED_PERSON, found.evidence, flags=re.IGNORECASE))
