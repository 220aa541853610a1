"""Gathers the evidence about one licensed user: the mailbox, the page, and whether anything can be booked."""

from collections.abc import Awaitable
from datetime import datetime, timedelta

from atlas.domain.availability import free_slots
from atlas.domain.mailboxes import Mailbox, MailboxEvidence
from atlas.domain.pages import PageEvidence, PageFound, PublicType
from atlas.domain.statuses import Evidence
from atlas.domain.unknown import Unknown
from atlas.domain.users import LicensedUser
from atlas.microsoft365.deadlines import within
from atlas.microsoft365.failures import TenantFailure, Throttled
from atlas.resources import TenantClients

BOOKABLE_WITHIN = timedelta(days=7)
DEFAULT_DURATION = timedelta(minutes=30)


async def gather_evidence(
    clients: TenantClients,
    user: LicensedUser,
    mailbox: MailboxEvidence,
    *,
    sign_in_forced: bool | None,
    is_last_attempt: bool,
    deadline: float | None = None,
) -> Evidence:
    """What can be learned about this user now; a question that fails leaves an ``Unknown`` in its place.

    A mailbox that the census could not learn is asked for once more. Raises ``Throttled``, but not on the last attempt.
    """

    async def learn[Answer](question: Awaitable[Answer]) -> Answer | Unknown:
        try:
            return await within(deadline, question)
        except TenantFailure as failure:
            if isinstance(failure, Throttled) and not is_last_attempt:
                raise
            return failure.unknown()

    if isinstance(mailbox, Unknown):
        mailbox = await learn(clients.directory.get_mailbox(user.user_id))
    if not isinstance(mailbox, Mailbox):
        return Evidence(mailbox)
    page = await learn(clients.pages.get_page(mailbox.guid))
    bookable = await learn(is_bookable(clients, mailbox, page))
    return Evidence(mailbox, page, sign_in_forced, None if isinstance(bookable, Unknown) else bookable)


async def is_bookable(clients: TenantClients, mailbox: Mailbox, page: PageEvidence) -> bool | None:
    """Whether anything on the page can be booked soon; ``None`` where that is not asked. Raises ``TenantFailure``."""
    if not clients.probe_availability or not isinstance(page, PageFound) or not page.public_types:
        return None
    now = clients.clock()
    for meeting_type in page.public_types:
        if await _has_free_slot(clients, mailbox, meeting_type, now):
            return True
    return False


async def _has_free_slot(clients: TenantClients, mailbox: Mailbox, meeting_type: PublicType, now: datetime) -> bool:
    items = await clients.pages.get_availability(mailbox.guid, meeting_type.type_id, now, now + BOOKABLE_WITHIN)
    return bool(free_slots(items, duration_of(meeting_type.duration_minutes), now))


def duration_of(minutes: int | None) -> timedelta:
    """How long a meeting takes; where the page does not say, the usual half hour."""
    return DEFAULT_DURATION if minutes is None else timedelta(minutes=minutes)


def capability_unknown(clients: TenantClients, mailbox: MailboxEvidence) -> bool:
    """Whether Exchange, where it is asked at all, left out what the mailbox is able to."""
    return clients.mailboxes is not None and isinstance(mailbox, Mailbox) and mailbox.has_capability is None
