"""Inspects listed shared pages: reads what Graph and Exchange know of each, decides once and records once."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from atlas.concurrency import map_concurrently
from atlas.domain.shared_pages.businesses import BusinessDetails
from atlas.domain.shared_pages.findings import Surroundings, findings_of
from atlas.domain.shared_pages.holders import Holder, Trustee, fit_holders, holders_of
from atlas.domain.shared_pages.join import ListedPage
from atlas.domain.shared_pages.rows import SharedPageEvidence, SharedPageRow, Source, next_row
from atlas.domain.unknown import Reason, Unknown
from atlas.resources import Resources
from atlas.shared_pages.access import (
    NO_EXCHANGE,
    Grants,
    access_without_excluded,
    get_grants,
    resolve_trustees,
    trustees_of,
)
from atlas.shared_pages.exclusions import NameCheck, check_names, remove_excluded, staff_without_excluded
from atlas.shared_pages.recording import find_page, record_page
from atlas.tables.shared_census import CensusPage

MAX_HOLDERS = 2_000
"""Beyond this, the largest groups are listed without their members."""
ADDRESSES_TRIED = 4
"""If Graph's list does not contain a page, at most this many of its addresses are requested from Graph."""
CONCURRENT_WRITES = 16
NO_GRAPH = Unknown(Reason.REFUSED, "Microsoft Graph does not list booking businesses")


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources that this scan has listed completely, and those that an earlier scan had."""

    complete: frozenset[Source]
    before: frozenset[Source]

    def was_listed_before(self, page: ListedPage) -> bool:
        """Whether an earlier scan would have found the page, had it existed."""
        return (Source.EXCHANGE if page.mailbox else Source.GRAPH) in self.before


async def inspect_pages(resources: Resources, pages: Sequence[CensusPage], sources: Sources, scan_id: str) -> int:
    """Read and record some pages; returns how many there were. Raises ``StorageFailure``.

    Raises ``TenantFailure`` before any other request if the members of an excluded group cannot be read.
    """
    excluded = await resources.exclusions.snapshot()
    at = resources.clock()
    mailboxes = [item.page.mailbox for item in pages if item.page.mailbox]
    grants, businesses, accounts = await asyncio.gather(
        get_grants(resources, mailboxes),
        get_businesses(resources, [item.page for item in pages], sources),
        resources.directory.get_accounts([mailbox.account_id for mailbox in mailboxes if mailbox.account_id]),
    )
    trustees = trustees_of(grants.values())
    check = await check_names(resources, excluded, (*trustees, *_staff_addresses(businesses.values())))
    directory = await resolve_trustees(resources, trustees, check)

    async def record(item: CensusPage) -> None:
        account = accounts.get((item.page.mailbox and item.page.mailbox.account_id) or "")
        evidence = _Evidence(
            page=item,
            business=businesses[item.page.address],
            grants=grants.get(item.page.address, NO_EXCHANGE) if item.page.mailbox else NO_EXCHANGE,
            account_enabled=account.user.account_enabled if account and not isinstance(account, Unknown) else None,
            at=at,
        )
        await _record(resources, evidence, directory, check, sources, scan_id)

    await map_concurrently(record, pages, CONCURRENT_WRITES)
    return len(pages)


def _staff_addresses(businesses: Iterable[BusinessDetails | Unknown | None]) -> list[str]:
    found = [business.staff for business in businesses if business and not isinstance(business, Unknown)]
    staff = chain.from_iterable(members for members in found if not isinstance(members, Unknown))
    return [member.email_address for member in staff if member.email_address]


async def get_businesses(
    resources: Resources, pages: Sequence[ListedPage], sources: Sources
) -> dict[str, BusinessDetails | Unknown | None]:
    """What Graph knows of each page, by its primary address: also of the pages beyond the limit of its list."""
    found: dict[str, BusinessDetails | Unknown | None] = {page.address: None for page in pages}
    if Source.GRAPH not in sources.complete:
        return {page.address: NO_GRAPH for page in pages}
    for attempt in range(ADDRESSES_TRIED):
        tried = {
            page.address: page.addresses[attempt]
            for page in pages
            if found[page.address] is None and attempt < len(page.addresses)
        }
        if not tried:
            break
        details = await resources.directory.get_businesses(list(tried.values()))
        found |= {address: details[business_id] for address, business_id in tried.items()}
    return found


@dataclass(frozen=True, slots=True)
class _Evidence:
    page: CensusPage
    business: BusinessDetails | Unknown | None
    grants: Grants
    account_enabled: bool | None
    at: datetime


async def _record(
    resources: Resources,
    evidence: _Evidence,
    directory: Mapping[str, Trustee | Unknown | None],
    check: NameCheck,
    sources: Sources,
    scan_id: str,
) -> None:
    listed = evidence.page.page
    access = access_without_excluded(evidence.grants, directory, check)
    business = evidence.business
    if business and not isinstance(business, Unknown):
        business = staff_without_excluded(business, check)
    surroundings = Surroundings(
        max_full_access=resources.max_full_access,
        exchange_complete=Source.EXCHANGE in sources.complete,
        same_name=evidence.page.same_name,
        look_alikes=evidence.page.look_alikes,
        excluded_holders=access.has_excluded,
        excluded_staff=business != evidence.business,
    )

    def decide(previous: SharedPageRow | None) -> SharedPageRow:
        holders = _holders(access.grants, access.directory, previous)
        observation = SharedPageEvidence(
            listed=listed,
            exchange_complete=Source.EXCHANGE in sources.complete,
            business=business,
            account_enabled=evidence.account_enabled,
            holders=holders,
            at=evidence.at,
        )
        row = next_row(previous, key, observation, scan_id)
        return row if row is previous else replace(row, findings=findings_of(row, surroundings))

    key, stored = await find_page(resources, listed)
    if stored:
        stored = await remove_excluded(resources, stored, check)
    await record_page(resources, key, stored, decide, inventoried_before=sources.was_listed_before(listed))


def _holders(
    grants: Grants, directory: Mapping[str, Trustee | Unknown | None], previous: SharedPageRow | None
) -> tuple[Holder, ...] | Unknown:
    if isinstance(grants, Unknown):
        return grants
    return fit_holders(holders_of(grants, directory, (previous and previous.holders) or ()), MAX_HOLDERS)
