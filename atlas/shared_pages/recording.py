"""Records the observation of a shared page: writes the row, and publishes its changes one by one."""

from collections.abc import Callable
from datetime import datetime

from atlas.domain.shared_pages.changes import SharedPageChange, next_change
from atlas.domain.shared_pages.join import ListedPage, new_key
from atlas.domain.shared_pages.rows import SharedPageRow, gone_row
from atlas.resources import Resources
from atlas.tables.rows import Stored
from atlas.tables.shared_bookings import StoredPage

MAX_CHANGES = 5_000
"""More changes than any row can have. The limit only prevents an endless loop."""


async def find_page(resources: Resources, page: ListedPage) -> tuple[str, StoredPage | None]:
    """Find the key and the row of a page by its account, or else by any of its addresses."""
    key = new_key(page)
    if stored := await resources.shared.rows.get(key):
        return key, stored
    for address in page.addresses:
        other = await resources.shared.index.get_by_address(address)
        stored = await resources.shared.rows.get(other) if other and other != key else None
        if stored and is_same_page(stored.row, page):
            return stored.row.key, stored
    return key, None


def is_same_page(row: SharedPageRow, page: ListedPage) -> bool:
    """Whether a row that was found by an address belongs to this page. Addresses can be reused by other accounts."""
    account_id = page.mailbox.account_id if page.mailbox else None
    if account_id and row.account_id:
        return account_id == row.account_id
    return bool({*row.addresses, row.address.lower()} & set(page.addresses))


async def record_page(
    resources: Resources,
    key: str,
    stored: StoredPage | None,
    next_row: Callable[[SharedPageRow | None], SharedPageRow],
    *,
    inventoried_before: bool,
) -> SharedPageRow:
    """Write the row that ``next_row`` makes of the previous one, one change at a time. Raises ``StorageFailure``."""
    changed = False

    def detect(
        previous: SharedPageRow | None, row: SharedPageRow, at: datetime
    ) -> tuple[SharedPageRow, SharedPageChange | None]:
        nonlocal changed
        row, change = next_change(previous, row, at, inventoried_before=inventoried_before)
        changed = change is not None
        return row, change

    for _ in range(MAX_CHANGES):
        row = await resources.shared.outbox.record(key, stored, next_row, detect)
        if not changed:
            return row
        stored = await resources.shared.rows.get(key)
    raise AssertionError("a page cannot have more than MAX_CHANGES changes")


async def rewrite_page(resources: Resources, stored: StoredPage, row: SharedPageRow) -> StoredPage:
    """Write a row from which people were removed, without a change. Raises ``RowChanged``."""
    etag = await resources.shared.rows.save(row, stored.pending_change, stored.etag)
    await resources.shared.index.remove(stored.row, row)
    return Stored(row, etag, stored.pending_change)


async def record_gone(resources: Resources, stored: StoredPage, scan_id: str, at: datetime) -> None:
    """Record that a page was deleted. Raises ``StorageFailure``."""
    await record_page(
        resources,
        stored.row.key,
        stored,
        lambda previous: gone_row(previous or stored.row, at, scan_id),
        inventoried_before=True,
    )
