"""Lists the shared pages of the tenant into the census: businesses from Graph, then mailboxes from Exchange."""

from collections.abc import Mapping, Sequence

from atlas.domain.shared_pages.businesses import BusinessList
from atlas.domain.shared_pages.join import join_by_address, only_in_graph
from atlas.domain.shared_pages.mailboxes import SchedulingMailbox
from atlas.domain.shared_pages.names import KnownPerson, LookAlike, NameIndex, same_name
from atlas.domain.statuses import Status
from atlas.resources import Resources
from atlas.tables.ranges import first_key_after
from atlas.tables.shared_census import CensusPage

ONLY_IN_GRAPH = 999_999
"""The part of the listing that holds the pages that no mailbox belongs to; it comes last."""
MAX_SAME_NAME = 3
PEOPLE_PER_PART = 20_000
PEOPLE_PER_READ = 1_000
MAX_LOOK_ALIKES = 20
PEOPLES_MAILBOXES = frozenset({None, "UserMailbox"})
"""The types of mailboxes whose names are compared: pages often have the name of a room or a team."""


async def list_businesses(resources: Resources, scan_id: str) -> BusinessList:
    """Write what Graph lists to the census."""
    listed = await resources.directory.get_business_list()
    await resources.shared.census.add_businesses(scan_id, listed.businesses)
    return listed


async def add_mailboxes(
    resources: Resources, scan_id: str, listing: int, mailboxes: Sequence[SchedulingMailbox]
) -> int:
    """Write one part of Exchange's listing to the census, each mailbox with its business; returns how many."""
    businesses = await resources.shared.census.get_businesses(scan_id)
    joined = join_by_address(mailboxes, list(businesses.values()))
    await resources.shared.census.add_pages(scan_id, listing, joined.pages)
    return len(joined.pages)


async def add_businesses_without_mailbox(resources: Resources, scan_id: str, first_listing: int) -> int:
    """Write the pages that only Graph lists to the census; returns how many there are."""
    businesses = await resources.shared.census.get_businesses(scan_id)
    pages = resources.shared.census.iterate_pages(scan_id, first_listing)
    mailboxes = [item.page.mailbox async for item in pages if item.page.mailbox]
    unmatched = join_by_address(mailboxes, list(businesses.values())).unmatched
    await resources.shared.census.add_pages(scan_id, ONLY_IN_GRAPH, only_in_graph(unmatched))
    return len(unmatched)


async def compare_page_names(resources: Resources, scan_id: str, first_listing: int) -> None:
    """Write to the census which pages share a display name."""
    by_name: dict[str, list[CensusPage]] = {}
    async for item in resources.shared.census.iterate_pages(scan_id, first_listing):
        if item.page.display_name:
            by_name.setdefault(same_name(item.page.display_name), []).append(item)
    shared = {
        item.key: tuple(other.page.address for other in group if other is not item)[:MAX_SAME_NAME]
        for group in by_name.values()
        if len(group) > 1
        for item in group
    }
    await resources.shared.census.add_comparison(scan_id, shared, {})


async def compare_with_people(resources: Resources, scan_id: str, first_listing: int, after: str | None) -> str | None:
    """Write to the census which pages look like people with a row; returns the key of the last person compared.

    ``None``: everybody has been compared. People are read in their order, so that a part can be repeated.
    """
    pages = {item.key: item async for item in resources.shared.census.iterate_pages(scan_id, first_listing)}
    if not pages:
        return None
    index = NameIndex({key: _names(item) for key, item in pages.items()})
    found: dict[str, set[LookAlike]] = {}
    first, compared = first_key_after(after), 0
    next_key: Mapping[str, str] | None = None
    while True:
        part = await resources.rows.get_page(first, next_key, size=PEOPLE_PER_READ)
        for stored in part.rows:
            user = stored.row.user
            after = user.user_id
            if stored.row.recipient_type not in PEOPLES_MAILBOXES:
                continue
            person = KnownPerson(user.user_id, user.upn, user.display_name, stored.row.status is Status.GONE)
            for key in index.pages_like(person):
                found.setdefault(key, set()).add(LookAlike(person.user_id, person.upn, person.has_left))
        compared += len(part.rows)
        next_key = part.next_key
        if next_key is None or compared >= PEOPLE_PER_PART:
            break
    await resources.shared.census.add_comparison(
        scan_id, {}, {key: _some({*people, *pages[key].look_alikes}) for key, people in found.items()}
    )
    return after if next_key else None


def _names(item: CensusPage) -> tuple[str, ...]:
    return (*item.page.addresses, *filter(None, (item.page.display_name,)))


def _some(people: set[LookAlike]) -> tuple[LookAlike, ...]:
    """As many people as a column holds. Leavers come first: a page with the name of a leaver is the greater risk."""
    ordered = sorted(people, key=lambda person: (not person.has_left, person.user_id))
    return tuple(ordered[:MAX_LOOK_ALIKES])
