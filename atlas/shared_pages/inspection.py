"""Inspects listed shared pages: reads each from Graph and Exchange, builds its row and records it."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from atlas.concurrency import map_concurrently
from atlas.domain.shared_pages.businesses import BusinessDetails
from atlas.domain.shared_pages.findings import FindingContext, findings_of
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
MAX_ADDRESSES_TO_TRY = 4
"""Graph is queried for a page by its addresses, one after another until one is found: at most this many."""
CONCURRENT_WRITES = 16
GRAPH_NOT_LISTED = Unknown(Reason.REFUSED, "this scan has no complete list of booking businesses from Microsoft Graph")


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources that this scan has listed completely, and those that an earlier scan listed completely."""

    complete: frozenset[Source]
    complete_earlier: frozenset[Source]

    def would_have_been_listed_before(self, page: ListedPage) -> bool:
        """Whether an earlier scan would have listed the page if it had existed then."""
        return (Source.EXCHANGE if page.mailbox else Source.GRAPH) in self.complete_earlier


async def inspect_pages(resources: Resources, pages: Sequence[CensusPage], sources: Sources, scan_id: str) -> int:
    """Read and record these pages, and return their number. Raises ``StorageFailure``.

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
        inputs = _Inputs(
            census_page=item,
            business=businesses[item.page.address],
            grants=grants.get(item.page.address, NO_EXCHANGE) if item.page.mailbox else NO_EXCHANGE,
            account_enabled=account.user.account_enabled if account and not isinstance(account, Unknown) else None,
            at=at,
        )
        await _record(resources, inputs, directory, check, sources, scan_id)

    await map_concurrently(record, pages, CONCURRENT_WRITES)
    return len(pages)


def _staff_addresses(businesses: Iterable[BusinessDetails | Unknown | None]) -> list[str]:
    found = [business.staff for business in businesses if business and not isinstance(business, Unknown)]
    staff = chain.from_iterable(members for members in found if not isinstance(members, Unknown))
    return [member.email_address for member in staff if member.email_address]


async def get_businesses(
    resources: Resources, pages: Sequence[ListedPage], sources: Sources
) -> dict[str, BusinessDetails | Unknown | None]:
    """The booking business of each page by its primary address: also of pages that Graph's list cut off.

    ``None``: Graph has no such business.
    """
    found: dict[str, BusinessDetails | Unknown | None] = {page.address: None for page in pages}
    if Source.GRAPH not in sources.complete:
        return {page.address: GRAPH_NOT_LISTED for page in pages}
    for attempt in range(MAX_ADDRESSES_TO_TRY):
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
class _Inputs:
    census_page: CensusPage
    business: BusinessDetails | Unknown | None
    grants: Grants
    account_enabled: bool | None
    at: datetime


async def _record(
    resources: Resources,
    inputs: _Inputs,
    directory: Mapping[str, Trustee | Unknown | None],
    check: NameCheck,
    sources: Sources,
    scan_id: str,
) -> None:
    listed = inputs.census_page.page
    access = access_without_excluded(inputs.grants, directory, check)
    business = inputs.business
    if business and not isinstance(business, Unknown):
        business = staff_without_excluded(business, check)
    context = FindingContext(
        max_full_access=resources.max_full_access,
        exchange_complete=Source.EXCHANGE in sources.complete,
        same_name=inputs.census_page.same_name,
        look_alikes=inputs.census_page.look_alikes,
        has_excluded_holders=access.has_excluded,
        has_excluded_staff=business != inputs.business,
    )

    def build_row(previous: SharedPageRow | None) -> SharedPageRow:
        holders = _holders(access.grants, access.directory, previous)
        evidence = SharedPageEvidence(
            listed=listed,
            exchange_complete=Source.EXCHANGE in sources.complete,
            business=business,
            account_enabled=inputs.account_enabled,
            holders=holders,
            at=inputs.at,
        )
        row = next_row(previous, key, evidence, scan_id)
        return row if row is previous else replace(row, findings=findings_of(row, context))

    key, stored = await find_page(resources, listed)
    if stored:
        stored = await remove_excluded(resources, stored, check)
    await record_page(
        resources, key, stored, build_row, inventoried_before=sources.would_have_been_listed_before(listed)
    )


def _holders(
    grants: Grants, directory: Mapping[str, Trustee | Unknown | None], previous: SharedPageRow | None
) -> tuple[Holder, ...] | Unknown:
    if isinstance(grants, Unknown):
        return grants
    return fit_holders(holders_of(grants, directory, (previous and previous.holders) or ()), MAX_HOLDERS)
