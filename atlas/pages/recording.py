"""Writes what was learned about a user, and tells a change once, whatever breaks between two steps.

The order is: the row with the change inside it, the change's own row, the row without it. A change that is found still
inside a row was perhaps not told; whoever reads the row next tells it first.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from atlas.domain import user_rows
from atlas.domain.changes import Change, change_between
from atlas.domain.user_rows import Observation, UserRow, gone_row
from atlas.domain.users import DELETED, why_not_licensed
from atlas.microsoft365.graph import Account
from atlas.resources import Resources
from atlas.tables.status_rows import StoredRow
from atlas.tables.store import RowChanged, StorageUnavailable

PUBLISH_WITHIN = timedelta(seconds=5)
"""Changes are served 10 s after their time; one told later than this gets a later time, so that no reader passes it."""
ATTEMPTS = 5

type NextRow = Callable[[UserRow | None], UserRow]


async def record(
    resources: Resources, user_id: str, stored: StoredRow | None, next_row: NextRow, *, scanned_before: bool
) -> UserRow:
    """Write the row that ``next_row`` makes of ``kept``, the row as it was read, and tell the change between them.

    When another writer came between, the row is read again and ``next_row`` asked again. Raises ``StorageFailure``.
    """
    for _ in range(ATTEMPTS):
        try:
            stored = await publish_pending_change(resources, stored) if stored else None
            if stored and stored.pending_change:  # writing over it would lose it
                raise StorageUnavailable("the change before this one could not be told in time")
            return await _write(
                resources, stored, next_row(stored.row if stored else None), scanned_before=scanned_before
            )
        except RowChanged:
            stored = await resources.rows.get(user_id)
    raise StorageUnavailable(f"a row was changed by others {ATTEMPTS} times in a row while it was being written")


async def record_observation(
    resources: Resources,
    stored: StoredRow | None,
    observation: Observation,
    scan_id: str | None,
    *,
    scanned_before: bool,
) -> UserRow:
    """Write what was learned about a user, over the row as it was read: the one path of scans and look-ups."""
    return await record(
        resources,
        observation.user.user_id,
        stored,
        lambda previous: user_rows.next_row(previous, observation, scan_id),
        scanned_before=scanned_before,
    )


async def record_gone(resources: Resources, stored: StoredRow, account: Account | None, scan_id: str | None) -> UserRow:
    """Write that a user who has a row is not licensed any more, and tell it. Raises ``StorageFailure``.

    ``account`` is the user as the directory has it now; ``None``: not any more.
    """
    now = resources.clock()
    reason = why_not_licensed(account.plan_state) if account else DELETED

    def next_row(previous: UserRow | None) -> UserRow:
        return gone_row(previous or stored.row, reason, now, scan_id)

    return await record(resources, stored.row.user.user_id, stored, next_row, scanned_before=True)


async def publish_pending_change(resources: Resources, stored: StoredRow) -> StoredRow:
    """Tell the change that is still inside a row, if there is one.

    A write that takes longer than ``PUBLISH_WITHIN`` is given up: the row still holds its change, for whoever reads it
    next. Raises ``RowChanged``.
    """
    change = stored.pending_change
    if change is None:
        return stored
    exists = False
    if _is_late(resources, change) and not (exists := await resources.changes.exists(change)):
        change = replace(change, at=resources.clock())
        stored = StoredRow(stored.row, await resources.rows.mark_pending(change.user_id, change, stored.etag), change)
    if not exists and not await _told_in_time(resources, change):
        return stored
    return StoredRow(stored.row, await resources.rows.mark_pending(change.user_id, None, stored.etag))


def _is_late(resources: Resources, change: Change) -> bool:
    return resources.clock() - change.at > PUBLISH_WITHIN


async def _told_in_time(resources: Resources, change: Change) -> bool:
    """Whether the change was told under its own time, before anybody can be served changes of that time."""
    if _is_late(resources, change):
        return False
    try:
        async with asyncio.timeout(PUBLISH_WITHIN.total_seconds()):
            await resources.changes.insert(change)
    except TimeoutError:
        return False
    return True


async def _write(resources: Resources, stored: StoredRow | None, row: UserRow, *, scanned_before: bool) -> UserRow:
    before = stored.row if stored else None
    change = change_between(before, row, resources.clock(), scanned_before=scanned_before)
    if change:
        row = replace(row, changed_at=change.at)
    await resources.index.add(row, before)
    etag = await resources.rows.save(row, change, stored.etag if stored else None)
    if before:
        await resources.index.remove(before, row)
    if change:
        try:
            await publish_pending_change(resources, StoredRow(row, etag, change))
        except RowChanged:  # another writer has read the row meanwhile, and tells the change it found
            return row
    return row
