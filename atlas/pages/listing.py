"""Lists the users of the tenant and the changes of their pages."""

from collections.abc import AsyncIterator
from datetime import timedelta

from atlas.domain.changes import Change
from atlas.domain.user_filters import UserFilter
from atlas.domain.user_rows import UserRow
from atlas.resources import Resources
from atlas.tables.change_feed import ChangesPage
from atlas.tables.paging import ListPage, iterate_rows, list_page
from atlas.tables.personal_bookings import rows_filter


async def get_users(
    resources: Resources, wanted: UserFilter, limit: int, continuation: str | None
) -> ListPage[UserRow]:
    """The next rows that match a filter, at most ``limit``. Raises ``InvalidCursor``."""
    return await list_page(resources.rows, rows_filter(wanted), limit, continuation)


def iterate_users(resources: Resources, wanted: UserFilter) -> AsyncIterator[UserRow]:
    """All rows that match a filter."""
    return iterate_rows(resources.rows, rows_filter(wanted))


async def get_changes(resources: Resources, since: str | None, limit: int) -> ChangesPage[Change]:
    """The changes after a cursor; without one at most the newest. Raises ``InvalidCursor``."""
    history = timedelta(days=resources.history_days)
    return await resources.changes.read(since, limit, now=resources.clock(), history=history)
