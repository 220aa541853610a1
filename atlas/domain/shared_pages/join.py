"""Joins what Exchange and Microsoft Graph list into pages: by every address of a mailbox, ignoring case."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from atlas.domain.shared_pages.businesses import ListedBusiness
from atlas.domain.shared_pages.mailboxes import SchedulingMailbox

KEYS_OF_ADDRESSES = UUID("8c0f2a41-6d1e-4b0c-9a52-1f5f3d7b6e90")
"""The namespace of the keys of pages that only Graph lists: these have no account whose ID could be the key."""


@dataclass(frozen=True, slots=True)
class ListedPage:
    """A shared page that at least one source lists."""

    mailbox: SchedulingMailbox | None
    business: ListedBusiness | None

    @property
    def address(self) -> str:
        """The primary address: Exchange's, or else the ID that Graph uses."""
        if self.mailbox:
            return self.mailbox.primary_address
        return self.business.business_id if self.business else ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every known address in lower case, starting with those by which Graph may know the page."""
        listed = (self.business.business_id,) if self.business else ()
        primary = (self.mailbox.primary_address,) if self.mailbox else ()
        proxies = self.mailbox.addresses if self.mailbox else ()
        return tuple(dict.fromkeys(address.lower() for address in (*listed, *primary, *proxies)))

    @property
    def display_name(self) -> str | None:
        """The name, as Exchange or else Graph has it."""
        exchange = self.mailbox.display_name if self.mailbox else None
        return exchange or (self.business.display_name if self.business else None)


@dataclass(frozen=True, slots=True)
class Joined:
    """The pages of some mailboxes, and the businesses that belong to none of these."""

    pages: tuple[ListedPage, ...]
    unmatched: tuple[ListedBusiness, ...]


def join_by_address(mailboxes: Iterable[SchedulingMailbox], businesses: Sequence[ListedBusiness]) -> Joined:
    """One page per mailbox, with its business if one is listed under any of its addresses."""
    by_address = {business.business_id.lower(): business for business in businesses}
    pages: list[ListedPage] = []
    for mailbox in mailboxes:
        addresses = dict.fromkeys((mailbox.primary_address.lower(), *mailbox.addresses))
        found = [by_address.pop(address) for address in addresses if address in by_address]
        pages.append(ListedPage(mailbox, found[0] if found else None))
    return Joined(tuple(pages), tuple(by_address.values()))


def only_in_graph(businesses: Iterable[ListedBusiness]) -> tuple[ListedPage, ...]:
    """The pages of businesses that no mailbox belongs to."""
    return tuple(ListedPage(None, business) for business in businesses)


def new_key(page: ListedPage) -> str:
    """The key of a page without a row yet: its account's ID, or else an ID made of its address."""
    account_id = page.mailbox.account_id if page.mailbox else None
    return account_id or str(uuid5(KEYS_OF_ADDRESSES, page.address.lower()))
