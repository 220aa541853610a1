"""Writes what was learned about a user, and tells a change once, whatever breaks between two steps.

The order is: the row with the change inside it, the change's own row, the row without it. A change that is found still
inside a row was perhaps not told; whoever reads the row next tells it first.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from atlas.domain.changes import Change, change_between
from atlas.domain.user_rows import UserRow, gone_row
from atlas.domain.users import DELETED, why_not_licensed
from atlas.microsoft365.graph import Account
from atlas.scan.ports import Tools
from atlas.tables.status_rows import KeptRow
from atlas.tables.store import RowChanged, StorageUnavailable

TELL_WITHIN = timedelta(seconds=5)
"""Changes are served 10 s after their time; one told later than this gets a later time, so that no reader passes it."""
ATTEMPTS = 5

type NextRow = Callable[[UserRow | None], UserRow]


async def record(
    tools: Tools, user_id: str, kept: KeptRow | None, next_row: NextRow, *, scanned_before: bool
) -> UserRow:
    """Write the row that ``next_row`` makes of ``kept``, the row as it was read, and tell the change between them.

    When another writer came between, the row is read again and ``next_row`` asked again. Raises ``StorageFailure``.
    """
    for _ in range(ATTEMPTS):
        try:
            kept = await tell_pending(tools, kept) if kept else None
            if kept and kept.pending_change:  # writing over it would lose it
                raise StorageUnavailable("the change before this one could not be told in time")
            return await _write(tools, kept, next_row(kept.row if kept else None), scanned_before=scanned_before)
        except RowChanged:
            kept = await tools.rows.get(user_id)
    raise StorageUnavailable(f"a row was changed by others {ATTEMPTS} times in a row while it was being written")


async def record_gone(tools: Tools, kept: KeptRow, account: Account | None, scan_id: str | None) -> UserRow:
    """Write that a user who has a row is not licensed any more, and tell it. Raises ``StorageFailure``.

    ``account`` is the user as the directory has it now; ``None``: not any more.
    """
    now = tools.clock()
    reason = why_not_licensed(account.plan_state) if account else DELETED

    def next_row(previous: UserRow | None) -> UserRow:
        return gone_row(previous or kept.row, reason, now, scan_id)

    return await record(tools, kept.row.user.user_id, kept, next_row, scanned_before=True)


async def tell_pending(tools: Tools, kept: KeptRow) -> KeptRow:
    """Tell the change that is still inside a row, if there is one.

    A write that takes longer than ``TELL_WITHIN`` is given up: the row still holds its change, for whoever reads it
    next. Raises ``RowChanged``.
    """
    change = kept.pending_change
    if change is None:
        return kept
    is_told = False
    if _is_late(tools, change) and not (is_told := await tools.changes.is_told(change)):
        change = replace(change, at=tools.clock())
        kept = KeptRow(kept.row, await tools.rows.mark_pending(change.user_id, change, kept.etag), change)
    if not is_told and not await _told_in_time(tools, change):
        return kept
    return KeptRow(kept.row, await tools.rows.mark_pending(change.user_id, None, kept.etag))


def _is_late(tools: Tools, change: Change) -> bool:
    return tools.clock() - change.at > TELL_WITHIN


async def _told_in_time(tools: Tools, change: Change) -> bool:
    """Whether the change was told under its own time, before anybody can be served changes of that time."""
    if _is_late(tools, change):
        return False
    try:
        async with asyncio.timeout(TELL_WITHIN.total_seconds()):
            await tools.changes.tell(change)
    except TimeoutError:
        return False
    return True


async def _write(tools: Tools, kept: KeptRow | None, row: UserRow, *, scanned_before: bool) -> UserRow:
    before = kept.row if kept else None
    change = change_between(before, row, tools.clock(), scanned_before=scanned_before)
    if change:
        row = replace(row, changed_at=change.at)
    await tools.index.add(row, before)
    etag = await tools.rows.save(row, change, kept.etag if kept else None)
    if before:
        await tools.index.remove(before, row)
    if change:
        try:
            await tell_pending(tools, KeptRow(row, etag, change))
        except RowChanged:  # another writer has read the row meanwhile, and tells the change it found
            return row
    return row
