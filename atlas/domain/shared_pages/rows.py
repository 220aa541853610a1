"""What is stored about one shared page, and how new evidence turns the previous row into the next."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from atlas.domain.shared_pages.businesses import BookingService, BusinessDetails, StaffMember
from atlas.domain.shared_pages.holders import Holder
from atlas.domain.shared_pages.join import ListedPage
from atlas.domain.unknown import Unknown

NOT_SEARCHED = "the audit log has not been searched since the page was found"


class Source(StrEnum):
    """A service that can list a page. The values are a contract, listed in docs/api.md."""

    EXCHANGE = "exchange"
    GRAPH = "graph"


class PageState(StrEnum):
    """The values are a contract, listed in docs/api.md."""

    PRESENT = "present"
    GONE = "gone"


class SharedFinding(StrEnum):
    """What makes a page a risk or useless. The values are a contract, listed in docs/administrator.md."""

    SIGN_IN_ENABLED = "signInEnabled"
    RESERVED_ADDRESS = "reservedAddress"
    LOOK_ALIKE_ADDRESS = "lookAlikeAddress"
    DUPLICATE_NAME = "duplicateName"
    NOBODY_LEFT = "nobodyLeft"
    TOO_MANY_HOLDERS = "tooManyHolders"
    EXTERNAL_STAFF = "externalStaff"
    PUBLISHED_EMPTY = "publishedEmpty"
    NOT_IN_EXCHANGE = "notInExchange"
    HIDDEN_BUT_PUBLISHED = "hiddenButPublished"


@dataclass(frozen=True, slots=True)
class FoundRisk:
    """A finding with its evidence, as a sentence."""

    name: SharedFinding
    evidence: str


@dataclass(frozen=True, slots=True)
class SharedPageRow:
    """One row of the table ``SharedBookings`` (docs/tables.md). ``None`` means not known."""

    key: str
    """The page's account ID, or an ID made of its address (``join.new_key``); it never changes."""
    address: str
    """The primary address."""
    state: PageState
    checked_at: datetime
    addresses: tuple[str, ...] = ()
    """Every address in lower case."""
    display_name: str | None = None
    account_id: str | None = None
    account_enabled: bool | None = None
    hidden_from_address_lists: bool | None = None
    created_at: datetime | None = None
    created_by: str | None = None
    creator_problem: str | None = None
    published: bool | None = None
    public_url: str | None = None
    staff: tuple[StaffMember, ...] | None = None
    services: tuple[BookingService, ...] | None = None
    known_to: tuple[Source, ...] = ()
    holders: tuple[Holder, ...] | None = None
    findings: tuple[FoundRisk, ...] = ()
    changed_at: datetime | None = None
    scan_id: str | None = None


@dataclass(frozen=True, slots=True)
class SharedPageEvidence:
    """What was determined about one page, and when."""

    listed: ListedPage
    exchange_complete: bool
    """Exchange was listed completely, so a page without a mailbox has none."""
    business: BusinessDetails | Unknown | None
    """``None``: Graph does not know the page."""
    account_enabled: bool | None
    holders: tuple[Holder, ...] | Unknown
    at: datetime
    """Just before the first request."""


def next_row(
    previous: SharedPageRow | None, key: str, evidence: SharedPageEvidence, scan_id: str | None
) -> SharedPageRow:
    """The row after an observation, without findings. What could not be determined keeps its last known value.

    An observation older than the row changes nothing.
    """
    if previous and previous.checked_at > evidence.at:
        return previous
    row = previous or SharedPageRow(
        key, evidence.listed.address, PageState.PRESENT, evidence.at, creator_problem=NOT_SEARCHED
    )
    in_exchange = evidence.listed.mailbox is not None
    row = replace(
        row,
        address=evidence.listed.address if in_exchange else row.address,  # Graph's ID need not be the primary one
        addresses=evidence.listed.addresses if in_exchange else _merge(row.addresses, evidence.listed.addresses),
        display_name=evidence.listed.display_name or row.display_name,
        state=PageState.PRESENT,
        checked_at=evidence.at,
        known_to=_known_to(previous, evidence),
        findings=(),
        scan_id=scan_id or row.scan_id,
    )
    row = _with_mailbox(row, evidence)
    row = _with_business(row, evidence.business)
    if isinstance(evidence.holders, Unknown):
        return row
    return replace(row, holders=evidence.holders)


def gone_row(previous: SharedPageRow, at: datetime, scan_id: str | None) -> SharedPageRow:
    """The row of a page that was deleted: what is needed to recognise it, without anything about people's access."""
    return replace(
        previous,
        state=PageState.GONE,
        published=None,
        public_url=None,
        staff=None,
        services=None,
        known_to=(),
        holders=None,
        findings=(),
        checked_at=at,
        scan_id=scan_id or previous.scan_id,
    )


def _merge(known: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *more)))


def _known_to(previous: SharedPageRow | None, evidence: SharedPageEvidence) -> tuple[Source, ...]:
    before = previous.known_to if previous else ()
    in_exchange = evidence.listed.mailbox is not None or (not evidence.exchange_complete and Source.EXCHANGE in before)
    if isinstance(evidence.business, Unknown):
        in_graph = evidence.listed.business is not None or Source.GRAPH in before
    else:
        in_graph = evidence.business is not None
    sources = ((Source.EXCHANGE, in_exchange), (Source.GRAPH, in_graph))
    return tuple(source for source, knows in sources if knows)


def _with_mailbox(row: SharedPageRow, evidence: SharedPageEvidence) -> SharedPageRow:
    mailbox = evidence.listed.mailbox
    if mailbox is None:
        return row if evidence.account_enabled is None else replace(row, account_enabled=evidence.account_enabled)
    disabled = mailbox.account_disabled
    enabled = evidence.account_enabled if disabled is None or evidence.account_enabled is not None else not disabled
    hidden = mailbox.hidden_from_address_lists
    return replace(
        row,
        account_id=mailbox.account_id or row.account_id,
        account_enabled=row.account_enabled if enabled is None else enabled,
        hidden_from_address_lists=row.hidden_from_address_lists if hidden is None else hidden,
        created_at=mailbox.created_at or row.created_at,
    )


def _with_business(row: SharedPageRow, business: BusinessDetails | Unknown | None) -> SharedPageRow:
    if isinstance(business, Unknown):
        return row
    if business is None:
        return replace(row, published=None, public_url=None, staff=None, services=None)
    published = business.business.is_published
    return replace(
        row,
        published=row.published if published is None else published,
        public_url=business.business.public_url or row.public_url,
        staff=row.staff if isinstance(business.staff, Unknown) else business.staff,
        services=row.services if isinstance(business.services, Unknown) else business.services,
    )
