"""Repairs the entries by which users are listed and found, after a scan has written their rows."""

from collections.abc import Iterable, Sequence

from atlas.domain.user_rows import UserRow
from atlas.resources import Resources
from atlas.tables.ranges import first_key_after

ATTEMPTS = 5


async def repair_user_lists(resources: Resources, rows: Sequence[UserRow], after: str, *, is_last: bool) -> None:
    """Compare the entries of consecutive rows to what the rows say, and write those that differ.

    The rows are all those behind the object ID ``after``; with ``is_last``, none follow. A step that was killed, or two
    writers at work on one user, can leave entries that differ.
    """
    if not rows and not is_last:
        return
    behind = None if is_last else first_key_after(rows[-1].user.user_id)
    differing = await resources.index.find_differences(rows, first_key_after(after), behind)
    for user_id, keys in differing.items():
        await _repair(resources, user_id, keys)


async def _repair(resources: Resources, user_id: str, keys: Iterable[str]) -> None:
    """Write the entries of the row as it is now; again, if a lookup wrote the row in the meantime.

    If the lookup writes it only after that, the next scan finds the difference.
    """
    stored, etag = await resources.rows.get_version(user_id)
    for _ in range(ATTEMPTS):
        await resources.index.repair(user_id, keys, stored.row if stored else None)
        repaired = etag
        stored, etag = await resources.rows.get_version(user_id)
        if etag == repaired:
            return
