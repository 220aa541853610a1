"""Takes the census of a scan: the organisation once, mailboxes page by page, then licensed users page by page."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from atlas.domain.mailboxes import Mailbox, MailboxEvidence
from atlas.domain.payloads import Ews, MailboxesAnswer, MailboxesOrder, OrganizationAnswer, UsersAnswer, UsersOrder
from atlas.domain.scans import ScanState
from atlas.domain.users import LicensedUser
from atlas.domain.walk import few_of
from atlas.microsoft365.exchange import MailboxesPage, PoliciesPage
from atlas.microsoft365.failures import ListingExpired, TenantFailure, Throttled, Unreachable
from atlas.scan.ports import Mailboxes, Tools
from atlas.tables.store import StorageFailure, StorageUnavailable

READS_AT_ONCE = 16
DEFAULT_WAIT_SECONDS = 10.0


async def read_organization(tools: Tools, scan_id: str, *, is_last_attempt: bool) -> OrganizationAnswer:
    """Note that the scan runs, and ask for the organisation's settings. A failure is a problem to tell, not the end."""
    try:
        is_let_in = await _note_running(tools, scan_id)
    except StorageUnavailable as failure:
        if is_last_attempt:  # a scan that cannot note anything does not go on without Exchange, but ends
            raise
        return OrganizationAnswer(wait_seconds=_wait_seconds(failure, is_last_attempt=False))
    if not is_let_in:
        return OrganizationAnswer(is_let_in=False)
    if tools.mailboxes is None:
        return OrganizationAnswer(asks_exchange=False)
    try:
        organization = await tools.mailboxes.get_organization()
    except TenantFailure as failure:
        wait_seconds = _wait_seconds(failure, is_last_attempt=is_last_attempt)
        return OrganizationAnswer(problem=str(failure), wait_seconds=wait_seconds)
    return OrganizationAnswer(sign_in_forced=organization.bookings_auth_enabled, ews=Ews.of(organization.ews).to_dict())


async def list_mailboxes(tools: Tools, order: MailboxesOrder) -> MailboxesAnswer:
    """Put one page of all mailboxes into the census. A failure makes the whole listing of no use, and says why."""

    async def put(mailboxes: Mailboxes) -> MailboxesPage:
        page = await mailboxes.get_mailboxes_page(order.link)
        await tools.census.add_mailboxes(order.scan_id, page.mailboxes)
        return page

    return await _listed(tools, order, put)


async def list_mailbox_policies(tools: Tools, order: MailboxesOrder) -> MailboxesAnswer:
    """As ``list_mailboxes``, for the EWS settings of the mailboxes."""

    async def put(mailboxes: Mailboxes) -> PoliciesPage:
        page = await mailboxes.get_policies_page(order.link)
        await tools.census.add_policies(order.scan_id, page.scopes)
        return page

    return await _listed(tools, order, put)


async def _listed(
    tools: Tools, order: MailboxesOrder, put: Callable[[Mailboxes], Awaitable[MailboxesPage | PoliciesPage]]
) -> MailboxesAnswer:
    if tools.mailboxes is None:
        return MailboxesAnswer(problem="Exchange is not asked, by EXCHANGE_EVIDENCE")
    try:
        page = await put(tools.mailboxes)
        await _note_warnings(tools, order.scan_id, page.warnings)
    except ListingExpired as failure:
        return MailboxesAnswer(problem=str(failure), is_expired=True)
    except (TenantFailure, StorageFailure) as failure:
        wait_seconds = _wait_seconds(failure, is_last_attempt=order.is_last_attempt)
        return MailboxesAnswer(problem=str(failure), wait_seconds=wait_seconds)
    return MailboxesAnswer(link=page.next_link)


async def list_users(tools: Tools, order: UsersOrder) -> UsersAnswer:
    """Put one page of licensed users, each with the mailbox found for it, into the census."""
    try:
        page = await tools.directory.get_licensed_page(order.link)
        mailboxes = await _mailboxes_of(tools, order, page.users)
        users = [(user, mailboxes[user.user_id]) for user in page.users]
        await tools.census.add_users(order.scan_id, order.page, users)
    except ListingExpired as failure:
        return UsersAnswer(order.page, problem=str(failure), is_expired=True)
    except (TenantFailure, StorageFailure) as failure:
        wait_seconds = _wait_seconds(failure, is_last_attempt=order.is_last_attempt)
        return UsersAnswer(order.page, problem=str(failure), wait_seconds=wait_seconds)
    return UsersAnswer(order.page, len(page.users), page.next_link, page.total)


async def _note_running(tools: Tools, scan_id: str) -> bool:
    """Whether the lock is this scan's: one that was started late finds it another's by then, or nobody's."""
    lock = await tools.scans.get_lock()
    if lock is None or lock.scan_id != scan_id:
        return False
    scan = await tools.scans.get(scan_id)
    if scan and scan.state is ScanState.PENDING:
        await tools.scans.save(replace(scan, state=ScanState.RUNNING))
    return True


async def _note_warnings(tools: Tools, scan_id: str, warnings: Sequence[str]) -> None:
    """Put Exchange's own warnings into the scan's row; they may name a person, so they go no other way."""
    scan = await tools.scans.get(scan_id) if warnings else None
    if scan:
        told = few_of([*scan.warnings, *(f"Exchange: {warning[:300]}" for warning in warnings)])
        await tools.scans.save(replace(scan, warnings=tuple(told)))


async def _mailboxes_of(
    tools: Tools, order: UsersOrder, users: Sequence[LicensedUser]
) -> Mapping[str, MailboxEvidence]:
    user_ids = [user.user_id for user in users]
    if not order.has_mailboxes:
        return await tools.directory.get_mailboxes(user_ids)
    gate = asyncio.Semaphore(READS_AT_ONCE)

    async def read(user_id: str) -> MailboxEvidence:
        async with gate:
            mailbox = await tools.census.get_mailbox(order.scan_id, user_id)
        if isinstance(mailbox, Mailbox) and not order.has_policies:  # a part of their listing may stand there
            return replace(mailbox, ews=None)
        return mailbox

    return dict(zip(user_ids, await asyncio.gather(*map(read, user_ids)), strict=True))


def _wait_seconds(failure: Exception, *, is_last_attempt: bool) -> float | None:
    """How long the flow waits before it asks again; ``None`` where asking again is of no use."""
    if is_last_attempt or not isinstance(failure, Throttled | Unreachable | StorageUnavailable):
        return None
    told = failure.wait_seconds if isinstance(failure, Throttled) else None
    return DEFAULT_WAIT_SECONDS if told is None else told
