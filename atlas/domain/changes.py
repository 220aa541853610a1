"""What counts as a change of a user's page, and what kind of change it is."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from atlas.domain.statuses import Status
from atlas.domain.user_rows import UserRow


class ChangeKind(StrEnum):
    """The values are a contract, listed in docs/api.md."""

    SET_UP = "setUp"
    WITHDRAWN = "withdrawn"
    URL_CHANGED = "urlChanged"
    SWITCHED_OFF = "switchedOff"
    GONE = "gone"
    STATUS_CHANGED = "statusChanged"


@dataclass(frozen=True, slots=True)
class DatedChange:
    """A change of a row of any kind, and when it was detected."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Change(DatedChange):
    """One change of one user's page."""

    kind: ChangeKind
    user_id: str
    upn: str
    display_name: str | None
    department: str | None
    primary_smtp_address: str | None
    from_status: Status | None
    to_status: Status
    url: str | None
    previous_url: str | None
    scan_id: str | None


def change_between(previous: UserRow | None, row: UserRow, at: datetime, *, scanned_before: bool) -> Change | None:
    """The change from what was last known to what is known now; ``None`` if nothing changed.

    A transition to ``unknown``, and back from it to the same status and URL, is not a change. The first known status of
    a user is a change only if there is a page and ``scanned_before``, i.e. a scan had already finished.
    """
    if row.status is Status.UNKNOWN:
        return None
    before = previous.last_known_status if previous else None
    previous_url = previous.url if previous else None
    kind = _first_kind(row, scanned_before=scanned_before) if before is None else _kind(before, previous_url, row)
    if kind is None:
        return None
    return Change(
        at=at,
        kind=kind,
        user_id=row.user.user_id,
        upn=row.user.upn,
        display_name=row.user.display_name,
        department=row.user.department or (previous.user.department if previous else None),
        primary_smtp_address=row.primary_smtp_address or (previous.primary_smtp_address if previous else None),
        from_status=before,
        to_status=row.status,
        url=row.url,
        previous_url=previous_url,
        scan_id=row.scan_id,
    )


def _first_kind(row: UserRow, *, scanned_before: bool) -> ChangeKind | None:
    return ChangeKind.SET_UP if row.url and scanned_before else None


def _kind(before: Status, previous_url: str | None, row: UserRow) -> ChangeKind | None:
    if row.status is before and row.url == previous_url:
        return None
    match row.status, previous_url, row.url:
        case Status.GONE, _, _:
            return ChangeKind.GONE
        case Status.SWITCHED_OFF, _, _:
            return ChangeKind.SWITCHED_OFF
        case _, None, str():
            return ChangeKind.SET_UP
        case status, str(), None if status is not Status.SIGN_IN_REQUIRED:
            return ChangeKind.WITHDRAWN
        case _, str() as old, str() as new if old != new:
            return ChangeKind.URL_CHANGED
        case _:
            return ChangeKind.STATUS_CHANGED
