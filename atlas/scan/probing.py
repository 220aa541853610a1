"""Asks all there is to ask about one licensed user: the straight line from evidence to a row."""

from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime, timedelta

from atlas.domain.availability import free_slots
from atlas.domain.events import Effort, probe_finished
from atlas.domain.learned import Unknown
from atlas.domain.mailboxes import Mailbox, MailboxEvidence
from atlas.domain.pages import PageAnswers, PageEvidence, PublicType
from atlas.domain.payloads import Ews, ProbeAnswer, ProbeOrder
from atlas.domain.policy import EwsScope, judge_policy
from atlas.domain.statuses import Evidence
from atlas.domain.user_rows import Look, UserRow, next_row
from atlas.domain.users import LicensedUser
from atlas.microsoft365.calls import counted_requests
from atlas.microsoft365.failures import TenantFailure, Throttled
from atlas.scan.patience import answered_by
from atlas.scan.ports import Services, Tools
from atlas.scan.recording import record
from atlas.tables.status_rows import KeptRow

BOOKABLE_WITHIN = timedelta(days=7)
DEFAULT_DURATION = timedelta(minutes=30)
DEFAULT_WAIT_SECONDS = 10.0
"""Where a throttling service does not say how long to wait."""


class CensusIncomplete(Exception):
    """The census holds no user at this place: it was removed, or never written."""


async def probe_one(tools: Tools, order: ProbeOrder) -> ProbeAnswer:
    """Ask about the user at one place of the census, and record the row and what changed.

    Answers the status; or how long to wait where a service throttles and this is not the last attempt. A probe that is
    repeated after its row was written finds it written and asks nobody again. Raises ``StorageFailure``.
    """
    found = await tools.census.get_user(order.scan_id, order.page, order.index)
    if found is None:
        raise CensusIncomplete(f"no user {order.index} on page {order.page} of {order.scan_id}")
    user, mailbox = found
    kept = await tools.rows.get(user.user_id)
    if kept and kept.row.scan_id == order.scan_id and kept.pending_change is None:
        return ProbeAnswer(status=str(kept.row.status))
    began = tools.clock()
    answer, row = ProbeAnswer(), None
    with counted_requests() as requests:
        try:
            answer, row = await _probe(tools, order, user, mailbox, kept)
        finally:  # a probe that could not be recorded is told as well
            effort = Effort(tools.clock() - began, requests.made, answer.wait_seconds)
            tools.tell(probe_finished(order.scan_id, tools.tenant_id, user.user_id, row, effort))
    return answer


async def _probe(
    tools: Tools, order: ProbeOrder, user: LicensedUser, mailbox: MailboxEvidence, kept: KeptRow | None
) -> tuple[ProbeAnswer, UserRow | None]:
    try:
        evidence = await gather_evidence(
            tools, user, mailbox, sign_in_forced=order.sign_in_forced, is_last_attempt=order.is_last_attempt
        )
        evidence = replace(
            evidence,
            policy=judge_policy(_organization_scope(order), _mailbox_scope(evidence.mailbox), tools.clock()),
            is_exchange_silent=order.is_exchange_silent or is_partly_told(tools, evidence.mailbox),
        )
    except Throttled as throttled:
        return ProbeAnswer(wait_seconds=throttled.wait_seconds or DEFAULT_WAIT_SECONDS), None
    look = Look(user, evidence, tools.clock(), tools.bookings_url)
    row = await record_look(tools, kept, look, order.scan_id, scanned_before=order.scanned_before)
    return ProbeAnswer(status=str(row.status)), row


def _organization_scope(order: ProbeOrder) -> EwsScope | None:
    return Ews.from_dict(order.organization_ews).scope() if order.organization_ews else None


def _mailbox_scope(mailbox: MailboxEvidence) -> EwsScope | None:
    return mailbox.ews if isinstance(mailbox, Mailbox) else None


def is_partly_told(services: Services, mailbox: MailboxEvidence) -> bool:
    """Whether Exchange, where it is asked at all, left out what the mailbox is able to."""
    return services.mailboxes is not None and isinstance(mailbox, Mailbox) and mailbox.has_capability is None


async def record_look(
    tools: Tools, kept: KeptRow | None, look: Look, scan_id: str | None, *, scanned_before: bool
) -> UserRow:
    """Write what was learned about a user, over the row as it was read: the one path of scans and look-ups."""
    return await record(
        tools,
        look.user.user_id,
        kept,
        lambda previous: next_row(previous, look, scan_id),
        scanned_before=scanned_before,
    )


async def gather_evidence(
    services: Services,
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
            return await answered_by(deadline, question)
        except TenantFailure as failure:
            if isinstance(failure, Throttled) and not is_last_attempt:
                raise
            return failure.unknown()

    if isinstance(mailbox, Unknown):
        mailbox = await learn(services.directory.get_mailbox(user.user_id))
    if not isinstance(mailbox, Mailbox):
        return Evidence(mailbox)
    page = await learn(services.pages.get_page(mailbox.guid))
    bookable = await learn(is_bookable(services, mailbox, page))
    return Evidence(mailbox, page, sign_in_forced, None if isinstance(bookable, Unknown) else bookable)


async def is_bookable(services: Services, mailbox: Mailbox, page: PageEvidence) -> bool | None:
    """Whether anything on the page can be booked soon; ``None`` where that is not asked. Raises ``TenantFailure``."""
    if not services.probe_availability or not isinstance(page, PageAnswers) or not page.public_types:
        return None
    now = services.clock()
    for meeting_type in page.public_types:
        if await _has_free_slot(services, mailbox, meeting_type, now):
            return True
    return False


async def _has_free_slot(services: Services, mailbox: Mailbox, meeting_type: PublicType, now: datetime) -> bool:
    items = await services.pages.get_availability(mailbox.guid, meeting_type.type_id, now, now + BOOKABLE_WITHIN)
    return bool(free_slots(items, duration_of(meeting_type.duration_minutes), now))


def duration_of(minutes: int | None) -> timedelta:
    """How long a meeting takes; where the page does not say, the usual half hour."""
    return DEFAULT_DURATION if minutes is None else timedelta(minutes=minutes)
