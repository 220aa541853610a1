"""Marks as gone the shared pages that no source lists any longer."""

from collections.abc import Mapping
from dataclasses import dataclass

from atlas.domain.shared_pages.businesses import ListedBusiness
from atlas.domain.shared_pages.join import ListedPage
from atlas.domain.shared_pages.rows import PageState, SharedPageRow, Source
from atlas.domain.unknown import Unknown
from atlas.resources import Resources
from atlas.shared_pages.exclusions import NameCheck, remove_excluded
from atlas.shared_pages.inspection import Sources, inspect_pages
from atlas.shared_pages.recording import record_gone
from atlas.tables.ranges import first_key_after
from atlas.tables.shared_bookings import StoredPage
from atlas.tables.shared_census import CensusPage

ROWS_PER_PART = 500


@dataclass(frozen=True, slots=True)
class Departures:
    """The result of checking one part of the rows."""

    last_key: str | None
    """The key of the last row of the part; ``None`` after the last part."""
    unconfirmed: int = 0
    """Pages that were not listed, and for which it could not be confirmed whether they still exist."""
    found: int = 0
    """Pages that Graph did not list, but still has."""


async def mark_gone(resources: Resources, sources: Sources, scan_id: str, after: str | None) -> Departures:
    """Check one part of the rows for pages that are gone, and remove excluded people from the rows.

    A page is gone if this scan has completely listed every source that knew the page, and no source contains it. Graph
    cuts off long lists, so if Graph was listed, it is also queried for each address of the page.

    Raises ``StorageFailure``, and ``TenantFailure`` if the members of an excluded group cannot be read.
    """
    at = resources.clock()
    page = await resources.shared.rows.get_page(first_key_after(after), size=ROWS_PER_PART)
    check = NameCheck(await resources.exclusions.snapshot())
    rows = [await remove_excluded(resources, stored, check) for stored in page.rows]
    missing = [stored for stored in rows if is_missing(stored.row, scan_id)]
    readable = [stored for stored in missing if sources.complete >= sources_of(stored.row)]
    unconfirmed = len(missing) - len(readable)
    found = 0
    outcomes = await _confirm(resources, readable, sources)
    for stored in readable:
        match outcomes[stored.row.key]:
            case Unknown():
                unconfirmed += 1
            case None:
                await record_gone(resources, stored, scan_id, at)
            case business_id:
                listed = ListedPage(None, ListedBusiness(business_id, stored.row.display_name))
                await inspect_pages(resources, [CensusPage(stored.row.key, listed)], sources, scan_id)
                found += 1
    last = page.rows[-1].row.key if page.rows and page.next_key else None
    return Departures(last, unconfirmed, found)


def is_missing(row: SharedPageRow, scan_id: str) -> bool:
    """Whether a row of a present page was not written by this scan."""
    return row.state is PageState.PRESENT and row.scan_id != scan_id


def sources_of(row: SharedPageRow) -> set[Source]:
    """The sources that knew a page; if none, Graph had listed it, but deleted it before its details were read."""
    return set(row.known_to) or {Source.GRAPH}


async def _confirm(
    resources: Resources, missing: list[StoredPage], sources: Sources
) -> Mapping[str, str | Unknown | None]:
    """The ID under which Graph still has each page, by its key.

    ``None``: Graph does not have it, or this scan did not read Graph's list completely.
    """
    outcomes: dict[str, str | Unknown | None] = {stored.row.key: None for stored in missing}
    if Source.GRAPH not in sources.complete or not missing:
        return outcomes
    addresses = {
        stored.row.key: (*dict.fromkeys((stored.row.address.lower(), *stored.row.addresses)),) for stored in missing
    }
    details = await resources.directory.get_businesses(
        list(dict.fromkeys(address for candidates in addresses.values() for address in candidates))
    )
    for key, candidates in addresses.items():
        results = [details[address] for address in candidates]
        existing = next((result for result in results if result and not isinstance(result, Unknown)), None)
        unknown = next((result for result in results if isinstance(result, Unknown)), None)
        outcomes[key] = existing.business.business_id if existing else unknown
    return outcomes
