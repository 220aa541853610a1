"""Repairs the entries by which users are listed and found, after a scan has written their rows."""

from collections.abc import Sequence

from atlas.domain.user_rows import UserRow
from atlas.resources import Resources


async def repair_user_lists(resources: Resources, rows: Sequence[UserRow], after: str, *, is_last: bool) -> None:
    """Compare the entries of consecutive rows to what the rows say, and write those that differ.

    The rows are all those behind the object ID ``after``; with ``is_last``, none follow. A step that was killed, or two
    writers that met, can leave entries that differ. Where they do, the row is read again: it may have changed since.
    """
    if not rows and not is_last:
        return
    first, behind = f"{after}!" if after else "", None if is_last else f"{rows[-1].user.user_id}!"
    differing = await resources.index.differing(rows, first, behind)
    for user_id, keys in differing.items():
        stored = await resources.rows.get(user_id)
        await resources.index.repair(user_id, keys, stored.row if stored else None)
