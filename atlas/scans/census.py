"""Takes the census of a scan: the organisation once, mailboxes page by page, then licensed users page by page."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from atlas.domain.mailboxes import Mailbox, MailboxEvidence, NoMailbox
from atlas.domain.scans import ScanState
from atlas.domain.unknown import Reason, Unknown
from atlas.domain.users import LicensedUser
from atlas.microsoft365.exchange import Exchange, MailboxesPage, PoliciesPage
from atlas.microsoft365.failures import ListingExpired, TenantFailure, Throttled, Unreachable
from atlas.microsoft365.graph import MalformedUser
from atlas.resources import Resources
from atlas.scans.messages import Ews, MailboxesRequest, MailboxesResult, OrganizationResult, UsersRequest, UsersResult
from atlas.scans.progress import limit_warnings
from atlas.tables.store import StorageFailure, StorageUnavailable

CONCURRENT_READS = 16
NOT_LISTED = Unknown(Reason.NOT_UNDERSTOOD, "the listing of mailboxes does not contain the user's")
DEFAULT_WAIT_SECONDS = 10.0


async def read_organization(resources: Resources, scan_id: str, *, is_last_attempt: bool) -> OrganizationResult:
    """Note that the scan runs, and ask for the organisation's settings. A failure is a problem to tell, not the end."""
    try:
        holds_lock = await _note_running(resources, scan_id)
    except StorageUnavailable as failure:
        if is_last_attempt:  # a scan that cannot note anything does not go on without Exchange, but ends
            raise
        return OrganizationResult(wait_seconds=_wait_seconds(failure, is_last_attempt=False))
    if not holds_lock:
        return OrganizationResult(holds_lock=False)
    if resources.mailboxes is None:
        return OrganizationResult(exchange_enabled=False)
    try:
        organization = await resources.mailboxes.get_organization()
    except TenantFailure as failure:
        wait_seconds = _wait_seconds(failure, is_last_attempt=is_last_attempt)
        return OrganizationResult(problem=str(failure), wait_seconds=wait_seconds)
    return OrganizationResult(sign_in_forced=organization.bookings_auth_enabled, ews=Ews.of(organization.ews).to_dict())


async def list_mailboxes(resources: Resources, request: MailboxesRequest) -> MailboxesResult:
    """Put one page of all mailboxes into the census. A failure makes the whole listing of no use, and says why."""

    async def put(mailboxes: Exchange) -> MailboxesPage:
        page = await mailboxes.get_mailboxes_page(request.link)
        await resources.census.add_mailboxes(request.scan_id, page.mailboxes)
        return page

    return await _listed(resources, request, put)


async def list_mailbox_policies(resources: Resources, request: MailboxesRequest) -> MailboxesResult:
    """As ``list_mailboxes``, for the EWS settings of the mailboxes."""

    async def put(mailboxes: Exchange) -> PoliciesPage:
        page = await mailboxes.get_policies_page(request.link)
        await resources.census.add_policies(request.scan_id, page.scopes)
        return page

    return await _listed(resources, request, put)


async def _listed(
    resources: Resources, request: MailboxesRequest, put: Callable[[Exchange], Awaitable[MailboxesPage | PoliciesPage]]
) -> MailboxesResult:
    if resources.mailboxes is None:
        return MailboxesResult(problem="Exchange is not asked, by EXCHANGE_EVIDENCE")
    try:
        page = await put(resources.mailboxes)
        await _note_warnings(resources, request.scan_id, page.warnings)
    except ListingExpired as failure:
        return MailboxesResult(problem=str(failure), is_expired=True)
    except (TenantFailure, StorageFailure) as failure:
        wait_seconds = _wait_seconds(failure, is_last_attempt=request.is_last_attempt)
        return MailboxesResult(problem=str(failure), wait_seconds=wait_seconds)
    return MailboxesResult(link=page.next_link)


async def list_users(resources: Resources, request: UsersRequest) -> UsersResult:
    """Put one page of licensed users, each with the mailbox found for it, into the census."""
    try:
        page = await resources.directory.get_licensed_page(request.link)
        mailboxes = await _mailboxes_of(resources, request, page.users)
        users = [(user, mailboxes[user.user_id]) for user in page.users]
        users += await _malformed_users(resources, page.malformed)
        await _note_warnings(resources, request.scan_id, _warnings_about(page.malformed))
        await resources.census.add_users(request.scan_id, request.page, users)
    except ListingExpired as failure:
        return UsersResult(request.page, problem=str(failure), is_expired=True)
    except (TenantFailure, StorageFailure) as failure:
        wait_seconds = _wait_seconds(failure, is_last_attempt=request.is_last_attempt)
        return UsersResult(request.page, problem=str(failure), wait_seconds=wait_seconds)
    return UsersResult(request.page, len(users), page.next_link, page.total)


async def _note_running(resources: Resources, scan_id: str) -> bool:
    """Whether the lock is this scan's: one that was started late finds it another's by then, or nobody's."""
    lock = await resources.scans.get_lock()
    if lock is None or lock.scan_id != scan_id:
        return False
    scan = await resources.scans.get(scan_id)
    if scan and scan.state is ScanState.PENDING:
        await resources.scans.save(replace(scan, state=ScanState.RUNNING))
    return True


async def _note_warnings(resources: Resources, scan_id: str, warnings: Sequence[str]) -> None:
    """Add warnings to the scan's row."""
    scan = await resources.scans.get(scan_id) if warnings else None
    if scan:
        limited = limit_warnings([*scan.warnings, *warnings])
        await resources.scans.save(replace(scan, warnings=tuple(limited)))


async def _malformed_users(
    resources: Resources, malformed: Sequence[MalformedUser]
) -> list[tuple[LicensedUser, MailboxEvidence]]:
    """Users whose record cannot be read, as their rows know them: the rows are kept, with the status ``unknown``."""
    users: list[tuple[LicensedUser, MailboxEvidence]] = []
    for record in malformed:
        stored = await resources.rows.get(record.user_id) if record.user_id else None
        user = stored.row.user if stored else _identified(record)
        if user:
            problem = f"Microsoft Graph sent a record of this user of which {record.problem}"
            users.append((user, Unknown(Reason.NOT_UNDERSTOOD, problem)))
    return users


def _identified(record: MalformedUser) -> LicensedUser | None:
    return LicensedUser(record.user_id, record.upn) if record.user_id and record.upn else None


def _warnings_about(malformed: Sequence[MalformedUser]) -> list[str]:
    if not malformed:
        return []
    problems = ", ".join(sorted({record.problem for record in malformed}))
    return [f"{len(malformed)} records of users in Microsoft Graph are malformed ({problems})."]


async def _mailboxes_of(
    resources: Resources, request: UsersRequest, users: Sequence[LicensedUser]
) -> Mapping[str, MailboxEvidence]:
    user_ids = [user.user_id for user in users]
    if not request.has_mailboxes:
        return await resources.directory.get_mailboxes(user_ids)
    gate = asyncio.Semaphore(CONCURRENT_READS)

    async def read(user_id: str) -> MailboxEvidence | None:
        async with gate:
            mailbox = await resources.census.get_mailbox(request.scan_id, user_id)
        if isinstance(mailbox, Mailbox) and not request.has_policies:  # the census may hold part of their listing
            return replace(mailbox, ews=None)
        return mailbox

    found = dict(zip(user_ids, await asyncio.gather(*map(read, user_ids)), strict=True))
    confirmed = await _confirm_absence(resources, [user_id for user_id, mailbox in found.items() if mailbox is None])
    return {user_id: mailbox or confirmed[user_id] for user_id, mailbox in found.items()}


async def _confirm_absence(resources: Resources, user_ids: Sequence[str]) -> Mapping[str, MailboxEvidence]:
    """Whether users whom Exchange's listing does not contain have no mailbox; otherwise the probe requests it."""
    if not user_ids:
        return {}
    mailboxes = await resources.directory.get_mailboxes(user_ids)
    return {
        user_id: mailbox if isinstance(mailbox, NoMailbox) else NOT_LISTED for user_id, mailbox in mailboxes.items()
    }


def _wait_seconds(failure: Exception, *, is_last_attempt: bool) -> float | None:
    """How long the flow waits before it asks again; ``None`` where asking again is of no use."""
    if is_last_attempt or not isinstance(failure, Throttled | Unreachable | StorageUnavailable):
        return None
    told = failure.wait_seconds if isinstance(failure, Throttled) else None
    return DEFAULT_WAIT_SECONDS if told is None else told
