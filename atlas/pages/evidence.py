"""Gathers the evidence about one licensed user; scans, lookups and `atlas user` all use it. Nothing is written here."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from atlas.domain.mailboxes import Mailbox, MailboxEvidence
from atlas.domain.organization import OrganizationSettings
from atlas.domain.pages import PageEvidence, PageFound
from atlas.domain.policy import judge_policy
from atlas.domain.statuses import Evidence
from atlas.domain.unknown import Reason, Unknown
from atlas.domain.user_rows import Observation
from atlas.domain.users import LicensedUser
from atlas.microsoft365.deadlines import within_or_unknown
from atlas.microsoft365.exchange import Exchange
from atlas.microsoft365.exchange_settings import Organization
from atlas.microsoft365.failures import TenantFailure, Throttled
from atlas.pages.availability import bookable_slots, get_availability
from atlas.resources import TenantClients

BOOKABLE_WITHIN = timedelta(days=7)
MAX_MEETING_TYPES = 5
"""How many meeting types are checked for availability: anybody can create thousands, each of which costs a request."""
NOT_CONFIGURED = Unknown(Reason.REFUSED, "Exchange is not called (EXCHANGE_EVIDENCE is false)")


@dataclass(frozen=True, slots=True)
class Gathering:
    """How long evidence may take, and which failures end the attempt instead of becoming an ``Unknown``."""

    deadline: float | None = None
    """A time of the event loop's clock; ``None``: no deadline."""
    raises: tuple[type[TenantFailure], ...] = ()

    async def attempt[Value](self, request: Awaitable[Value]) -> Value | Unknown:
        """The result of a request, or an ``Unknown`` with the reason of its failure."""
        return await within_or_unknown(self.deadline, request, raises=self.raises)


async def observe(
    clients: TenantClients,
    user: LicensedUser,
    mailbox: MailboxEvidence,
    organization: OrganizationSettings,
    gathering: Gathering,
) -> Observation:
    """Observe a user whose mailbox a scan has listed, with the organisation's settings that it has read.

    A mailbox that the scan could not determine is requested individually. Raises only ``gathering.raises``.
    """
    at = clients.clock()
    if isinstance(mailbox, Unknown) and not mailbox.is_final:
        mailbox, is_incomplete = await _get_mailbox(clients, user, organization, gathering)
        organization = _with_gap(organization, is_incomplete=is_incomplete)
    evidence = _evidence_without_page(clients, mailbox, organization, at)
    if isinstance(mailbox, Mailbox):
        page = await gathering.attempt(clients.pages.get_page(mailbox.guid))
        bookable = await _is_bookable(clients, mailbox, page, gathering)
        evidence = replace(evidence, page=page, bookable=bookable)
    return Observation(user, evidence, at, clients.bookings_url)


def evidence_without_page(
    clients: TenantClients, mailbox: MailboxEvidence, organization: OrganizationSettings
) -> Evidence:
    """What a scan knows about a listed user without any request."""
    return _evidence_without_page(clients, mailbox, organization, clients.clock())


def observe_without_page(
    clients: TenantClients,
    user: LicensedUser,
    mailbox: MailboxEvidence,
    organization: OrganizationSettings,
    page: Unknown,
) -> Observation:
    """As ``observe``, without a request: ``page`` says why the page is not requested."""
    at = clients.clock()
    evidence = _evidence_without_page(clients, mailbox, organization, at)
    if isinstance(mailbox, Mailbox):
        evidence = replace(evidence, page=page)
    return Observation(user, evidence, at, clients.bookings_url)


async def observe_live(clients: TenantClients, user: LicensedUser, deadline: float | None) -> Observation:
    """Observe a user without a scan: Exchange is queried for the mailbox and the organisation's settings first."""
    at = clients.clock()
    gathering = Gathering(deadline)
    if clients.mailboxes is None:
        observation = await observe(clients, user, NOT_CONFIGURED, OrganizationSettings(), gathering)
    else:
        (mailbox, is_incomplete), organization = await asyncio.gather(
            _read_mailbox(clients.mailboxes, user, gathering), _read_organization(clients.mailboxes, gathering)
        )
        organization = _with_gap(organization, is_incomplete=is_incomplete)
        observation = await observe(clients, user, mailbox, organization, gathering)
    return replace(observation, at=at)


def _evidence_without_page(
    clients: TenantClients, mailbox: MailboxEvidence, organization: OrganizationSettings, at: datetime
) -> Evidence:
    return Evidence(
        mailbox,
        sign_in_forced=organization.sign_in_forced,
        policy=judge_policy(organization.ews, mailbox.ews if isinstance(mailbox, Mailbox) else None, at),
        exchange_incomplete=organization.exchange_incomplete or _is_capability_unknown(clients, mailbox),
    )


async def _get_mailbox(
    clients: TenantClients, user: LicensedUser, organization: OrganizationSettings, gathering: Gathering
) -> tuple[MailboxEvidence, bool]:
    """The mailbox of one user: from Exchange if it can be read, otherwise its GUID from Microsoft Graph.

    The second value says whether Exchange was called and could not be read completely.
    """
    is_incomplete = False
    if clients.mailboxes is not None and not organization.exchange_incomplete:
        mailbox, is_incomplete = await _read_mailbox(clients.mailboxes, user, gathering)
        if not isinstance(mailbox, Unknown):
            return mailbox, is_incomplete
    return await gathering.attempt(clients.directory.get_mailbox(user.user_id)), is_incomplete


async def _read_mailbox(exchange: Exchange, user: LicensedUser, gathering: Gathering) -> tuple[MailboxEvidence, bool]:
    mailbox, ews = await asyncio.gather(
        gathering.attempt(exchange.get_mailbox(user.user_id)), gathering.attempt(exchange.get_policy(user.user_id))
    )
    is_incomplete = isinstance(mailbox, Unknown) or isinstance(ews, Unknown)
    if isinstance(mailbox, Mailbox):
        mailbox = replace(mailbox, ews=None if isinstance(ews, Unknown) else ews)
    return mailbox, is_incomplete


def _with_gap(organization: OrganizationSettings, *, is_incomplete: bool) -> OrganizationSettings:
    return replace(organization, exchange_incomplete=organization.exchange_incomplete or is_incomplete)


async def _read_organization(exchange: Exchange, gathering: Gathering) -> OrganizationSettings:
    match await gathering.attempt(exchange.get_organization()):
        case Organization() as found:
            return OrganizationSettings(found.ews, found.bookings_auth_enabled)
        case _:
            return OrganizationSettings(exchange_incomplete=True)


def _is_capability_unknown(clients: TenantClients, mailbox: MailboxEvidence) -> bool:
    """Whether Exchange is called at all, and still did not report the mailbox's capabilities."""
    return clients.mailboxes is not None and isinstance(mailbox, Mailbox) and mailbox.has_capability is None


async def _is_bookable(
    clients: TenantClients, mailbox: Mailbox, page: PageEvidence, gathering: Gathering
) -> bool | None:
    """Whether anything can be booked soon; ``None``: not checked, or not every type could be checked."""
    if not clients.probe_availability or not isinstance(page, PageFound) or not page.public_types:
        return None
    # The page has responded, so a failure here is no reason to request it again; only throttling is.
    gathering = replace(gathering, raises=tuple(kind for kind in gathering.raises if kind is Throttled))
    now = clients.clock()
    checked = 0
    for meeting_type in page.public_types[:MAX_MEETING_TYPES]:
        items = await gathering.attempt(
            get_availability(clients, mailbox.guid, meeting_type.type_id, now, now + BOOKABLE_WITHIN)
        )
        if isinstance(items, Unknown):
            continue
        if bookable_slots(items, meeting_type.duration_minutes, now):
            return True
        checked += 1
    return False if checked == len(page.public_types) else None
