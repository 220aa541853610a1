"""Pages through the rows and the changes of the tenant, by keys, so that a page follows whatever has changed since."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from atlas.domain.changes import Change
from atlas.domain.cursors import CHANGE_KEY, USER_KEY, from_cursor, to_cursor
from atlas.domain.user_filters import UserFilter
from atlas.domain.user_rows import UserRow
from atlas.resources import Resources
from atlas.tables.changes import change_key, time_key

SERVED_AFTER = timedelta(seconds=10)
"""A change is written within 5 s of its time, so that none appears before one that was served (recording.py)."""
STORAGE_PAGES_PER_ANSWER = 20
"""A filter that lets few rows pass gets a short page and a link to the next one, rather than a late answer."""
RECENT = (timedelta(hours=1), timedelta(days=1))


@dataclass(frozen=True, slots=True)
class UsersPage:
    """Some rows in the order of the object id, and the continuation to the next ones."""

    rows: tuple[UserRow, ...]
    continuation: str | None


@dataclass(frozen=True, slots=True)
class ServedChange:
    """A change and the cursor behind it."""

    change: Change
    cursor: str


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """Some changes, oldest first, the cursor to go on from, and whether more are waiting."""

    changes: tuple[ServedChange, ...]
    cursor: str
    has_more: bool


async def get_users(resources: Resources, wanted: UserFilter, limit: int, continuation: str | None) -> UsersPage:
    """The next rows that a filter lets pass, at most ``limit``. Raises ``InvalidCursor``."""
    first = from_cursor(continuation, USER_KEY) if continuation else ""
    rows: list[UserRow] = []
    seen, parts = None, 0
    async for part in _each_part(resources, wanted, first):
        for row in part:
            if wanted.matches(row):
                if len(rows) == limit:
                    return UsersPage(tuple(rows), to_cursor(f"{rows[-1].user.user_id}!"))
                rows.append(row)
            seen = row.user.user_id
        parts += 1
        if seen and parts >= STORAGE_PAGES_PER_ANSWER:
            return UsersPage(tuple(rows), to_cursor(f"{seen}!"))
    return UsersPage(tuple(rows), None)


async def iterate_users(resources: Resources, wanted: UserFilter) -> AsyncIterator[UserRow]:
    """All rows that a filter lets pass."""
    async for part in _each_part(resources, wanted, ""):
        for row in part:
            if wanted.matches(row):
                yield row


async def get_changes(resources: Resources, since: str | None, limit: int) -> ChangesPage:
    """The changes behind a cursor; without one at most the newest, and the cursor to go on from.

    Raises ``InvalidCursor``.
    """
    horizon = time_key(resources.clock() - SERVED_AFTER)
    if since is None:
        return await _newest(resources, horizon)
    after = from_cursor(since, CHANGE_KEY)
    found = await resources.changes.get_between(f"{after}!", horizon, limit + 1)
    told = tuple(ServedChange(change, to_cursor(change_key(change))) for change in found[:limit])
    return ChangesPage(told, told[-1].cursor if told else since, len(found) > limit)


async def _each_part(resources: Resources, wanted: UserFilter, first: str) -> AsyncIterator[tuple[UserRow, ...]]:
    next_key: Mapping[str, str] | None = None
    while True:
        page = await resources.rows.get_page(wanted, first, next_key)
        yield page.rows
        if page.next_key is None:
            return
        next_key = page.next_key


async def _newest(resources: Resources, horizon: str) -> ChangesPage:
    for span in (*RECENT, timedelta(days=resources.history_days)):
        newest = None
        async for change in resources.changes.iterate_between(time_key(resources.clock() - span), horizon):
            newest = change
        if newest:
            cursor = to_cursor(change_key(newest))
            return ChangesPage((ServedChange(newest, cursor),), cursor, has_more=False)
    return ChangesPage((), to_cursor(horizon), has_more=False)
