"""Records what was found out about a user: the row, and the change of the page if there is one."""

from dataclasses import replace
from datetime import datetime

from atlas.domain import user_rows
from atlas.domain.changes import Change, change_between
from atlas.domain.user_rows import Observation, UserRow, gone_row
from atlas.domain.users import DELETED, LicensedUser, why_not_licensed
from atlas.microsoft365.graph import Account
from atlas.resources import Resources
from atlas.tables.outbox import DetectChange
from atlas.tables.personal_bookings import StoredRow


async def record_observation(
    resources: Resources,
    stored: StoredRow | None,
    observation: Observation,
    scan_id: str | None,
    *,
    scanned_before: bool,
) -> UserRow:
    """Write an observation over the row as it was read; used by scans and lookups alike. Raises ``StorageFailure``."""
    return await resources.outbox.record(
        observation.user.user_id,
        stored,
        lambda previous: user_rows.next_row(previous, observation, scan_id),
        detect_change(scanned_before=scanned_before),
    )


async def record_kept(resources: Resources, stored: StoredRow, user: LicensedUser, scan_id: str) -> UserRow:
    """Write that a scan kept what is known about a user. If a lookup was faster, its row stays."""
    return await resources.outbox.record(
        user.user_id,
        stored,
        lambda previous: user_rows.kept_row(previous or stored.row, user, scan_id),
        detect_change(scanned_before=True),
    )


async def record_gone(
    resources: Resources, stored: StoredRow, account: Account | None, scan_id: str | None, at: datetime
) -> UserRow:
    """Write that a user with a row is no longer licensed. Raises ``StorageFailure``.

    ``account`` is the user as the directory returned it to a request sent after ``at``; ``None``: it no longer exists.
    """
    reason = why_not_licensed(account.plan_state) if account else DELETED
    return await resources.outbox.record(
        stored.row.user.user_id,
        stored,
        lambda previous: gone_row(previous or stored.row, reason, at, scan_id),
        detect_change(scanned_before=True),
    )


def detect_change(*, scanned_before: bool) -> DetectChange[UserRow, Change]:
    """How the outbox detects a change; ``scanned_before``: a scan had already finished."""

    def detect(previous: UserRow | None, row: UserRow, at: datetime) -> tuple[UserRow, Change | None]:
        change = change_between(previous, row, at, scanned_before=scanned_before)
        return (replace(row, changed_at=at) if change else row), change

    return detect
