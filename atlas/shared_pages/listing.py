"""What callers read of shared pages: the list, one page, a user's pages, and the changes."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

from atlas.domain.shared_pages.access_of_users import UserIdentity, UserSharedPage, shared_pages_of
from atlas.domain.shared_pages.changes import SharedPageChange
from atlas.domain.shared_pages.filters import SharedPageFilter
from atlas.domain.shared_pages.rows import SharedPageRow
from atlas.resources import Resources
from atlas.tables.change_feed import ChangesPage
from atlas.tables.paging import ListPage, iterate_rows, list_page
from atlas.tables.shared_bookings import rows_filter


async def get_shared_pages(
    resources: Resources, wanted: SharedPageFilter, limit: int, continuation: str | None
) -> ListPage[SharedPageRow]:
    """The next pages that match a filter, at most ``limit``. Raises ``InvalidCursor``."""
    return await list_page(resources.shared.rows, rows_filter(wanted), limit, continuation)


def iterate_shared_pages(resources: Resources, wanted: SharedPageFilter) -> AsyncIterator[SharedPageRow]:
    """All pages that match a filter."""
    return iterate_rows(resources.shared.rows, rows_filter(wanted))


async def get_shared_page(resources: Resources, address_or_account: str) -> SharedPageRow | None:
    """One page, by any of its addresses or the ID of its account; ``None``: there is no row of it."""
    text = address_or_account.strip()
    try:
        key: str | None = str(UUID(text))
    except ValueError:
        key = await resources.shared.index.get_by_address(text)
    stored = await resources.shared.rows.get(key) if key else None
    if stored is None or (key != text.lower() and text.lower() not in _names(stored.row)):
        return None
    return stored.row


async def get_pages_of_user(resources: Resources, user: UserIdentity) -> tuple[UserSharedPage, ...]:
    """The pages that a user can open, in the order of their keys."""
    names = [name for name in (user.user_id, *sorted(user.addresses)) if name]
    keys = {key for name in names for key in await resources.shared.index.get_by_name(name)}
    stored = [await resources.shared.rows.get(key) for key in sorted(keys)]
    return shared_pages_of(user, (found.row for found in stored if found))


async def get_shared_page_changes(resources: Resources, since: str | None, limit: int) -> ChangesPage[SharedPageChange]:
    """The changes after a cursor; without one at most the newest. Raises ``InvalidCursor``."""
    history = timedelta(days=resources.history_days)
    return await resources.shared.changes.read(since, limit, now=resources.clock(), history=history)


def _names(row: SharedPageRow) -> set[str]:
    return {row.address.lower(), *row.addresses, row.account_id or "", row.key}
