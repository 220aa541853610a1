"""The steps of the stage of shared pages, each bounded, as the orchestration calls them."""

from dataclasses import replace

from atlas.domain.shared_pages.rows import Source
from atlas.microsoft365.failures import ListingExpired
from atlas.resources import Resources
from atlas.scans.messages import SharedRequest, SharedResult
from atlas.shared_pages import creators, departures, inspection, inventory

MAILBOXES = "sharedMailboxes"
PEOPLE = "people"
PAGES = "sharedPages"
ROWS = "sharedRows"
PAGES_PER_PART = 100
MAX_SEARCH_STEPS = 16
"""Steps of the search for creators in one scan: about an hour and a half of waiting. The next scan continues it."""


async def begin_creator_search(resources: Resources, request: SharedRequest) -> SharedResult:
    """Start the audit query, which runs while the scan does everything else."""
    if resources.shared_pages:
        await creators.begin_search(resources)
    return SharedResult()


async def list_businesses(resources: Resources, request: SharedRequest) -> SharedResult:
    """List what Graph knows."""
    if not resources.shared_pages:
        return SharedResult(enabled=False)
    listed = await inventory.list_businesses(resources, request.scan_id)
    return SharedResult(count=len(listed.businesses), truncated=listed.truncated)


async def list_shared_mailboxes(resources: Resources, request: SharedRequest) -> SharedResult:
    """List one page of what Exchange knows."""
    if resources.mailboxes is None:
        return SharedResult(enabled=False)
    page = await resources.mailboxes.get_scheduling_mailboxes_page(await _position(resources, request, MAILBOXES))
    await inventory.add_mailboxes(resources, request.scan_id, request.page, page.mailboxes)
    result = SharedResult(count=len(page.mailboxes), malformed=page.malformed)
    return await _part(resources, request, MAILBOXES, result, page.next_link)


async def compare_shared_names(resources: Resources, request: SharedRequest) -> SharedResult:
    """Add the pages that only Graph lists, then compare names with each other and with one part of the people."""
    if request.is_first:
        await inventory.add_businesses_without_mailbox(resources, request.scan_id, request.first_listing)
        await inventory.compare_page_names(resources, request.scan_id, request.first_listing)
    after = await _position(resources, request, PEOPLE)
    after = await inventory.compare_with_people(resources, request.scan_id, request.first_listing, after)
    return await _part(resources, request, PEOPLE, SharedResult(), after)


async def inspect_shared_pages(resources: Resources, request: SharedRequest) -> SharedResult:
    """Inspect and record one part of the pages."""
    after = await _position(resources, request, PAGES)
    pages = await resources.shared.census.get_pages(request.scan_id, request.first_listing, after, PAGES_PER_PART)
    count = await inspection.inspect_pages(resources, pages, await _sources(resources, request), request.scan_id)
    return await _part(resources, request, PAGES, SharedResult(count=count), pages[-1].key if pages else None)


async def mark_shared_pages_gone(resources: Resources, request: SharedRequest) -> SharedResult:
    """Mark the pages of one part of the rows that are gone."""
    after = await _position(resources, request, ROWS)
    sources = await _sources(resources, request)
    departed = await departures.mark_gone(resources, sources, request.scan_id, after)
    if departed.last_key is None:
        complete = sources.complete - ({Source.GRAPH} if request.truncated else set())
        await resources.shared.state.set_listed_sources(complete, resources.clock())
    result = SharedResult(count=departed.found, unconfirmed=departed.unconfirmed)
    return await _part(resources, request, ROWS, result, departed.last_key)


async def find_creators(resources: Resources, request: SharedRequest) -> SharedResult:
    """Take one step of the search for who created pages."""
    found = await creators.find_creators(resources, request.page)
    waits = found.wait_seconds is not None and request.page <= MAX_SEARCH_STEPS
    return SharedResult(has_next=waits, wait_seconds=found.wait_seconds or 0, problem=found.problem)


async def _sources(resources: Resources, request: SharedRequest) -> inspection.Sources:
    sources = ((Source.EXCHANGE, request.has_exchange), (Source.GRAPH, request.has_graph))
    complete = frozenset(source for source, is_complete in sources if is_complete)
    return inspection.Sources(complete, await resources.shared.state.get_listed_sources())


async def _position(resources: Resources, request: SharedRequest, listing: str) -> str | None:
    """Where the requested part begins; ``None``: at the start. It may name a person, so it never leaves the table."""
    if request.is_first:
        return None
    position = await resources.census.get_position(request.scan_id, listing, request.page)
    if position is None:
        raise ListingExpired(f"the position of part {request.page} of the {listing} is not in the census")
    return position


async def _part(
    resources: Resources, request: SharedRequest, listing: str, result: SharedResult, after: str | None
) -> SharedResult:
    if after:
        await resources.census.add_position(request.scan_id, listing, request.page + 1, after)
    return replace(result, has_next=after is not None)
