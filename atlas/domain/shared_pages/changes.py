"""What counts as a change of a shared page: each is reported once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from atlas.domain.changes import DatedChange
from atlas.domain.shared_pages.access import AccessRight
from atlas.domain.shared_pages.holders import Holder, is_same
from atlas.domain.shared_pages.rows import PageState, SharedPageRow


class SharedChangeKind(StrEnum):
    """The values are a contract, listed in docs/api.md."""

    CREATED = "created"
    DELETED = "deleted"
    PUBLISHED = "published"
    UNPUBLISHED = "unpublished"
    ACCESS_GRANTED = "accessGranted"
    ACCESS_REVOKED = "accessRevoked"


@dataclass(frozen=True, slots=True)
class SharedPageChange(DatedChange):
    """One change of one shared page."""

    kind: SharedChangeKind
    key: str
    """The key of the page's row."""
    page_id: str
    """Its primary address."""
    display_name: str | None
    public_url: str | None
    holder: str | None = None
    """Whose access changed: a UPN, the address of a group, or else a name."""
    access: tuple[AccessRight, ...] = ()
    scan_id: str | None = None


def next_change(
    previous: SharedPageRow | None, target: SharedPageRow, at: datetime, *, inventoried_before: bool
) -> tuple[SharedPageRow, SharedPageChange | None]:
    """The first change on the way from what is stored to ``target``, and the row to store with it.

    One row can have several changes. Each is written together with its own version of the row, so that none is lost:
    call this again with the row it returned, until there is no change left. No two changes of a page have the same
    time, which is part of their key. A page that is found for the first time is a change only if an inventory had
    finished before. Between a value and one that is not known there is no change.
    """
    if previous is None:
        is_new = inventoried_before and target.state is PageState.PRESENT
        return _new_change(target, SharedChangeKind.CREATED, at) if is_new else (target, None)
    if previous.changed_at:
        at = max(at, previous.changed_at + timedelta(milliseconds=1))
    if previous.state is not target.state:
        deleted = target.state is PageState.GONE
        return _new_change(target, SharedChangeKind.DELETED if deleted else SharedChangeKind.CREATED, at)
    unchanged = replace(target, changed_at=previous.changed_at)
    if None not in (previous.published, target.published) and previous.published is not target.published:
        kind = SharedChangeKind.PUBLISHED if target.published else SharedChangeKind.UNPUBLISHED
        return _new_change(replace(unchanged, holders=_carried_over(previous, target)), kind, at)
    if previous.holders is None or target.holders is None:
        return unchanged, None
    for difference in _differences(_direct(previous.holders), _direct(target.holders)):
        row = replace(unchanged, holders=(*difference.holders, *_members(target.holders)))
        return _new_change(row, difference.kind, at, difference.holder, difference.access)
    return unchanged, None


@dataclass(frozen=True, slots=True)
class _Difference:
    kind: SharedChangeKind
    holder: Holder
    access: tuple[AccessRight, ...]
    holders: tuple[Holder, ...]
    """The direct holders once this difference is applied."""


def _differences(before: Sequence[Holder], now: Sequence[Holder]) -> Iterator[_Difference]:
    """Each difference, applied to what was before it alone; members of groups follow their group."""
    for index, holder in enumerate(before):
        rest = (*before[:index], *before[index + 1 :])
        successor = _find(holder, now)
        remaining = tuple(right for right in holder.access if successor and right in successor.access)
        if remaining != holder.access:
            revoked = tuple(right for right in holder.access if right not in remaining)
            left = (*rest, replace(holder, access=remaining)) if remaining else rest
            yield _Difference(SharedChangeKind.ACCESS_REVOKED, holder, revoked, left)
    for holder in now:
        predecessor = _find(holder, before)
        added = tuple(right for right in holder.access if not predecessor or right not in predecessor.access)
        if added:
            rest = tuple(other for other in before if other is not predecessor)
            yield _Difference(SharedChangeKind.ACCESS_GRANTED, holder, added, (*rest, holder))


def _find(holder: Holder, among: Sequence[Holder]) -> Holder | None:
    return next((other for other in among if is_same(holder, other)), None)


def _direct(holders: Sequence[Holder]) -> tuple[Holder, ...]:
    return tuple(holder for holder in holders if holder.via_group is None)


def _members(holders: Sequence[Holder]) -> tuple[Holder, ...]:
    return tuple(holder for holder in holders if holder.via_group is not None)


def _carried_over(previous: SharedPageRow, target: SharedPageRow) -> tuple[Holder, ...] | None:
    return target.holders if previous.holders is None or target.holders is None else previous.holders


def _new_change(
    row: SharedPageRow,
    kind: SharedChangeKind,
    at: datetime,
    holder: Holder | None = None,
    access: tuple[AccessRight, ...] = (),
) -> tuple[SharedPageRow, SharedPageChange]:
    name = (holder.upn or holder.display_name or next(iter(holder.trustees), None)) if holder else None
    change = SharedPageChange(
        at=at,
        kind=kind,
        key=row.key,
        page_id=row.address,
        display_name=row.display_name,
        public_url=row.public_url,
        holder=name,
        access=access,
        scan_id=row.scan_id,
    )
    return replace(row, changed_at=at), change
