"""Takes the census of a scan: the organisation once, mailboxes page by page, then licensed users page by page."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from atlas.domain.mailboxes import Mailbox, MailboxEvidence, NoMailbox
from atlas.domain.organization import OrganizationSettings
from atlas.domain.scans import Scan, ScanState
from atlas.domain.unknown import Reason, Unknown
from atlas.domain.users import LicensedUser
from atlas.microsoft365.exchange import Exchange
from atlas.microsoft365.failures import ListingExpired, Refused
from atlas.microsoft365.graph import MalformedUser
from atlas.resources import Resources
from atlas.scans.messages import ListingRequest, ListingResult, OrganizationResult, StepRequest, UsersRequest
from atlas.scans.warnings import limit_warnings

MAILBOXES = "mailboxes"
POLICIES = "policies"
USERS = "users"
CONCURRENT_READS = 16
NOT_LISTED = Unknown(Reason.NOT_UNDERSTOOD, "the listing of mailboxes does not contain the user's")


async def read_organization(resources: Resources, request: StepRequest) -> OrganizationResult:
    """Mark the scan as running, and read the organisation's settings."""
    await resources.scans.update(request.scan_id, _running)
    if resources.mailboxes is None:
        return OrganizationResult(exchange_enabled=False)
    organization = await resources.mailboxes.get_organization()
    return OrganizationResult(
        settings=OrganizationSettings(organization.ews, sign_in_forced=organization.bookings_auth_enabled)
    )


async def list_mailboxes(resources: Resources, request: ListingRequest) -> ListingResult:
    """Write one page of all mailboxes to the census."""
    page = await _exchange(resources).get_mailboxes_page(await _link(resources, request, MAILBOXES))
    await resources.census.add_mailboxes(request.scan_id, page.mailboxes)
    await _add_warnings(resources, request.scan_id, page.warnings)
    return await _listed(resources, request, MAILBOXES, len(page.mailboxes), page.next_link)


async def list_mailbox_policies(resources: Resources, request: ListingRequest) -> ListingResult:
    """Write the EWS settings of one page of mailboxes to the census."""
    page = await _exchange(resources).get_policies_page(await _link(resources, request, POLICIES))
    await resources.census.add_policies(request.scan_id, page.scopes)
    await _add_warnings(resources, request.scan_id, page.warnings)
    return await _listed(resources, request, POLICIES, len(page.scopes), page.next_link)


async def list_users(resources: Resources, request: UsersRequest) -> ListingResult:
    """Write one page of licensed users, each with its mailbox, to the census."""
    page = await resources.directory.get_licensed_page(await _link(resources, request, USERS))
    wanted = [user for user in page.users if not await resources.exclusions.contains(user)]
    mailboxes = await _mailboxes_of(resources, request, wanted)
    users = [(user, mailboxes[user.user_id]) for user in wanted]
    malformed = await _malformed_users(resources, page.malformed)
    users += [(user, mailbox) for user, mailbox in malformed if not await resources.exclusions.contains(user)]
    await _add_warnings(resources, request.scan_id, _warnings_about(page.malformed))
    await resources.census.add_users(request.scan_id, request.page, users)
    result = await _listed(resources, request, USERS, len(users), page.next_link)
    return replace(result, total=page.total)


def _exchange(resources: Resources) -> Exchange:
    if resources.mailboxes is None:
        raise Refused("EXCHANGE_EVIDENCE turns Exchange off")
    return resources.mailboxes


async def _link(resources: Resources, request: ListingRequest, listing: str) -> str | None:
    """The link to the requested page; ``None`` for the first one."""
    if request.is_first:
        return None
    link = await resources.census.get_position(request.scan_id, listing, request.page)
    if link is None:
        raise ListingExpired(f"the link to page {request.page} of the {listing} is not in the census")
    return link


async def _listed(
    resources: Resources, request: ListingRequest, listing: str, count: int, next_link: str | None
) -> ListingResult:
    """Write the link to the next page beside the page itself: links name people, so they never leave the table."""
    if next_link:
        await resources.census.add_position(request.scan_id, listing, request.page + 1, next_link)
    return ListingResult(count=count, has_next=next_link is not None)


def _running(scan: Scan) -> Scan:
    return replace(scan, state=ScanState.RUNNING)


async def _add_warnings(resources: Resources, scan_id: str, warnings: Sequence[str]) -> None:
    """Add warnings to the scan's row. They do not travel through Durable: there may be many."""
    if warnings:
        await resources.scans.update(
            scan_id, lambda scan: replace(scan, warnings=tuple(limit_warnings([*scan.warnings, *warnings])))
        )


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
            users.append((user, Unknown(Reason.NOT_UNDERSTOOD, problem, is_final=True)))
    return users


def _identified(record: MalformedUser) -> LicensedUser | None:
    return LicensedUser(record.user_id, record.upn) if record.user_id and record.upn else None


def _warnings_about(malformed: Sequence[MalformedUser]) -> list[str]:
    if not malformed:
        return []
    problems = ", ".join(sorted({record.problem for record in malformed}))
    return [f"Malformed records of users in Microsoft Graph: {len(malformed)} ({problems})."]


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
