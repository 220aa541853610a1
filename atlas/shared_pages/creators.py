"""Finds out who created shared pages: searches the audit log at most once per day, and stores the results."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from atlas.concurrency import map_concurrently
from atlas.domain.shared_pages.creations import AUDIT_RETENTION, CreationRecord, Creations, QueryState
from atlas.domain.shared_pages.creators import creator_problem, record_of
from atlas.domain.shared_pages.removal import CREATOR_REMOVED
from atlas.domain.shared_pages.rows import PageState, SharedPageRow
from atlas.microsoft365.failures import Refused
from atlas.resources import Resources
from atlas.shared_pages.recording import record_page
from atlas.tables.shared_bookings import StoredPage
from atlas.tables.shared_state import CreationSearch

SEARCH_EVERY = timedelta(days=1)
OVERLAP = timedelta(days=1)
"""A record can appear in the log long after its time, so each search starts before the last one ended."""
MAX_QUERY_AGE = timedelta(days=1)
"""A query that takes longer is abandoned, and another one is started."""
FIRST_WAIT_SECONDS = 2.0
MAX_WAIT_SECONDS = 600.0
MAX_RECORD_PAGES = 200
CONCURRENT_WRITES = 16
INCOMPLETE = "The audit log has records of new shared pages that could not be read: some creators may not be known."


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The outcome of one step of the search."""

    wait_seconds: float | None = None
    """How long to wait before the next step; ``None``: there is none in this scan."""
    problem: str | None = None
    """Why the log could not be searched."""


async def begin_search(resources: Resources) -> None:
    """Start an audit query if one is due. ``find_creators`` reads it, and reports a missing permission.

    Raises ``TenantFailure`` or ``StorageFailure``; ``find_creators`` then starts the query.
    """
    now = resources.clock()
    search = await resources.shared.state.get_creation_search()
    if search is None or _is_due(search, now):
        with contextlib.suppress(Refused):
            await _start_query(resources, search or _first_search(now), now)


async def find_creators(resources: Resources, step: int) -> SearchResult:
    """Take one step of the search: start it, wait for it, or store its results.

    Raises ``TenantFailure`` or ``StorageFailure``; the search then continues where it was.
    """
    now = resources.clock()
    search = await resources.shared.state.get_creation_search()
    if search and search.query_id:
        return await _continue(resources, search, search.query_id, step, now)
    if search and not _is_due(search, now):
        return SearchResult()
    search = search or _first_search(now)
    try:
        await _start_query(resources, search, now)
    except Refused as refusal:
        return await _search_in_exchange(resources, search, now, refusal)
    return SearchResult(FIRST_WAIT_SECONDS)


def _first_search(now: datetime) -> CreationSearch:
    return CreationSearch(now - AUDIT_RETENTION)


def _is_due(search: CreationSearch, now: datetime) -> bool:
    is_recent = search.started_at is not None and now - search.started_at < SEARCH_EVERY
    return search.query_id is None and not is_recent


def _start_of(search: CreationSearch) -> datetime:
    if search.searched_until is None:
        return search.searched_from
    return max(search.searched_from, search.searched_until - OVERLAP)


async def _start_query(resources: Resources, search: CreationSearch, now: datetime) -> None:
    query_id = await resources.directory.start_creation_query(_start_of(search), now)
    await resources.shared.state.set_creation_search(
        replace(search, query_id=query_id, query_until=now, started_at=now)
    )


async def _continue(
    resources: Resources, search: CreationSearch, query_id: str, step: int, now: datetime
) -> SearchResult:
    state = await resources.directory.get_creation_query(query_id)
    is_too_old = search.started_at is None or now - search.started_at > MAX_QUERY_AGE
    if state is QueryState.RUNNING and not is_too_old:
        return SearchResult(min(FIRST_WAIT_SECONDS * 2 ** min(step, 10), MAX_WAIT_SECONDS))
    if state is not QueryState.SUCCEEDED:
        await resources.shared.state.set_creation_search(replace(search, query_id=None, query_until=None))
        return SearchResult(problem="the audit query for new shared pages did not succeed; the next one repeats it")
    return await _finish(resources, search, await _read_records(resources, query_id), search.query_until or now)


async def _search_in_exchange(
    resources: Resources, search: CreationSearch, now: datetime, refusal: Refused
) -> SearchResult:
    """Without the permission for audit queries, Exchange may search the log."""
    try:
        if resources.mailboxes is None:
            raise refusal
        creations = await resources.mailboxes.search_creations(_start_of(search), now)
    except Refused:
        problem = f"not known: {refusal}"
        await _store(resources, (), lambda row: problem)
        return SearchResult(problem=f"Who created shared pages is {problem}")
    return await _finish(resources, replace(search, started_at=now), creations, now)


async def _finish(resources: Resources, search: CreationSearch, creations: Creations, until: datetime) -> SearchResult:
    is_complete = creations.is_complete

    def problem_of(row: SharedPageRow) -> str:
        return creator_problem(row, search.searched_from, is_complete=is_complete)

    await _store(resources, creations.records, problem_of)
    done = replace(search, searched_until=until, query_id=None, query_until=None)
    await resources.shared.state.set_creation_search(done)
    return SearchResult(problem=None if is_complete else INCOMPLETE)


async def _read_records(resources: Resources, query_id: str) -> Creations:
    link: str | None = None
    found: dict[str, CreationRecord] = {}
    malformed = 0
    for _ in range(MAX_RECORD_PAGES):
        page = await resources.directory.get_creations_page(query_id, link)
        found |= {record.record_id: record for record in page.records}
        malformed += page.malformed
        link = page.next_link
        if link is None:
            break
    return Creations(tuple(found.values()), is_complete=link is None and not malformed)


async def _store(
    resources: Resources, records: Sequence[CreationRecord], problem_of: Callable[[SharedPageRow], str]
) -> None:
    """Write the creator of each page that has none yet, or why there is none."""

    async def write(stored: StoredPage) -> None:
        record = record_of(stored.row, records)
        created_by = record.created_by if record else None
        problem = None if record else problem_of(stored.row)
        if record is None and stored.row.creator_problem == problem:
            return
        await record_page(
            resources,
            stored.row.key,
            stored,
            lambda previous: replace(previous or stored.row, created_by=created_by, creator_problem=problem),
            inventoried_before=True,
        )

    batch: list[StoredPage] = []
    async for stored in resources.shared.rows.iterate():
        row = stored.row
        is_wanted = row.created_by is None and row.creator_problem != CREATOR_REMOVED
        if is_wanted and row.state is PageState.PRESENT:
            batch.append(stored)
        if len(batch) >= 500:
            await map_concurrently(write, batch, CONCURRENT_WRITES)
            batch = []
    await map_concurrently(write, batch, CONCURRENT_WRITES)
