"""Takes the census of a scan: the organisation, all mailboxes, all licensed users, and then who has which mailbox."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import batched

from atlas.domain.buckets import buckets_of_page
from atlas.domain.ews_settings import EwsScope
from atlas.domain.mailboxes import Mailbox, MailboxEvidence, NoMailbox
from atlas.domain.organization import OrganizationSettings
from atlas.domain.scans import Scan, ScanState
from atlas.domain.unknown import Reason, Unknown
from atlas.domain.users import LicensedUser
from atlas.microsoft365.deadlines import deadline_after, within
from atlas.microsoft365.exchange import Exchange
from atlas.microsoft365.failures import ListingExpired, Refused, TimedOut
from atlas.microsoft365.graph import MalformedUser
from atlas.resources import Resources
from atlas.scans.messages import (
    JoinRequest,
    JoinResult,
    ListingRequest,
    ListingResult,
    OrganizationResult,
    StepRequest,
)
from atlas.scans.warnings import limit_warnings
from atlas.tables.census_columns import ListedUser

MAILBOXES = "mailboxes"
POLICIES = "policies"
USERS = "users"
JOINED = "joined"
"""The position of a page of joined users is how many there are."""
JOIN_SECONDS = 60.0
"""For all requests of one join: no activity takes longer than two minutes."""
MAILBOXES_PER_REQUEST = 200
NOT_LISTED = Unknown(Reason.NOT_UNDERSTOOD, "the listing of mailboxes does not contain the user's")
NO_TIME = Unknown(Reason.UNREACHABLE, "Microsoft Graph did not return the mailboxes of all users in time")


async def read_organization(resources: Resources, request: StepRequest) -> OrganizationResult:
    """Mark the scan as running, and read the organisation's settings."""
    await resources.scans.update(request.scan_id, _as_running)
    if resources.mailboxes is None:
        return OrganizationResult(exchange_enabled=False)
    organization = await resources.mailboxes.get_organization()
    return OrganizationResult(
        settings=OrganizationSettings(organization.ews, sign_in_forced=organization.bookings_auth_enabled)
    )


async def list_mailboxes(resources: Resources, request: ListingRequest) -> ListingResult:
    """Write one page of all mailboxes to the census."""
    page = await _exchange(resources).get_mailboxes_page(await _link(resources, request, MAILBOXES))
    await resources.census.add_mailboxes(request.scan_id, request.page, page.mailboxes)
    await _add_warnings(resources, request.scan_id, page.warnings)
    return await _save_link(resources, request, MAILBOXES, len(page.mailboxes), page.next_link)


async def list_mailbox_policies(resources: Resources, request: ListingRequest) -> ListingResult:
    """Write the EWS settings of one page of mailboxes to the census."""
    page = await _exchange(resources).get_policies_page(await _link(resources, request, POLICIES))
    await resources.census.add_policies(request.scan_id, request.page, page.scopes)
    await _add_warnings(resources, request.scan_id, page.warnings)
    return await _save_link(resources, request, POLICIES, len(page.scopes), page.next_link)


async def list_users(resources: Resources, request: ListingRequest) -> ListingResult:
    """Write one page of licensed users to the census."""
    page = await resources.directory.get_licensed_page(await _link(resources, request, USERS))
    users: list[ListedUser] = [(user, None) for user in page.users]
    users += await _malformed_users(resources, page.malformed)
    wanted = [listed for listed in users if not await resources.exclusions.contains(listed[0])]
    await _add_warnings(resources, request.scan_id, _warnings_about(page.malformed))
    await resources.census.add_listed_users(request.scan_id, request.page, wanted)
    result = await _save_link(resources, request, USERS, len(wanted), page.next_link)
    return replace(result, total=page.total)


async def join_mailboxes(resources: Resources, request: JoinRequest) -> JoinResult:
    """Write one page of licensed users to the census, each with its mailbox, in the order of their rows.

    A page is written once: its lanes refer to places on it, so a late repetition must not move anybody.
    """
    census = resources.census
    if count := await census.get_position(request.scan_id, JOINED, request.page):
        return JoinResult(count=int(count), ended_at=resources.clock())
    buckets = buckets_of_page(request.page, request.pages)
    listed = await census.get_listed_users(request.scan_id, request.users_from, buckets)
    unknown = [user_id for user_id, (_, mailbox) in listed.items() if mailbox is None]
    mailboxes = await _mailboxes_of(resources, request, buckets, unknown)
    users = [(user, mailbox or mailboxes[user_id]) for user_id, (user, mailbox) in sorted(listed.items())]
    await census.add_users(request.scan_id, request.page, users)
    await census.add_position(request.scan_id, JOINED, request.page, str(len(users)))
    return JoinResult(count=len(users), ended_at=resources.clock())


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


async def _save_link(
    resources: Resources, request: ListingRequest, listing: str, count: int, next_link: str | None
) -> ListingResult:
    """Write the link to the next page beside the page itself: links name people, so they never leave the table."""
    if next_link:
        await resources.census.add_position(request.scan_id, listing, request.page + 1, next_link)
    return ListingResult(count=count, has_next=next_link is not None)


def _as_running(scan: Scan) -> Scan:
    return replace(scan, state=ScanState.RUNNING)


async def _add_warnings(resources: Resources, scan_id: str, warnings: Sequence[str]) -> None:
    """Add warnings to the scan's row. They do not travel through Durable: there may be many."""
    if warnings:
        await resources.scans.update(
            scan_id, lambda scan: replace(scan, warnings=tuple(limit_warnings([*scan.warnings, *warnings])))
        )


async def _malformed_users(resources: Resources, malformed: Sequence[MalformedUser]) -> list[ListedUser]:
    """Users whose record cannot be read, as their rows know them: the rows are kept, with the status ``unknown``."""
    users: list[ListedUser] = []
    for record in malformed:
        stored = await resources.rows.get(record.user_id) if record.user_id else None
        user = stored.row.user if stored else _user_if_identified(record)
        if user:
            problem = f"Microsoft Graph sent a record of this user of which {record.problem}"
            users.append((user, Unknown(Reason.NOT_UNDERSTOOD, problem, is_final=True)))
    return users


def _user_if_identified(record: MalformedUser) -> LicensedUser | None:
    return LicensedUser(record.user_id, record.upn) if record.user_id and record.upn else None


def _warnings_about(malformed: Sequence[MalformedUser]) -> list[str]:
    if not malformed:
        return []
    problems = ", ".join(sorted({record.problem for record in malformed}))
    return [f"Malformed records of users in Microsoft Graph: {len(malformed)} ({problems})."]


async def _mailboxes_of(
    resources: Resources, request: JoinRequest, buckets: range, user_ids: Sequence[str]
) -> Mapping[str, MailboxEvidence]:
    if request.mailboxes_from is None:
        return await _get_mailboxes(resources, user_ids)
    census, wanted = resources.census, set(user_ids)
    found = await census.get_mailboxes(request.scan_id, request.mailboxes_from, buckets, wanted)
    if request.policies_from is not None:
        scopes = await census.get_policies(request.scan_id, request.policies_from, buckets, wanted)
        found = {user_id: _with_policy(mailbox, scopes.get(user_id)) for user_id, mailbox in found.items()}
    return found | await _confirm_absence(resources, [user_id for user_id in user_ids if user_id not in found])


def _with_policy(mailbox: MailboxEvidence, scope: EwsScope | None) -> MailboxEvidence:
    return replace(mailbox, ews=scope) if isinstance(mailbox, Mailbox) else mailbox


async def _confirm_absence(resources: Resources, user_ids: Sequence[str]) -> dict[str, MailboxEvidence]:
    """Whether users whom Exchange's listing does not contain have no mailbox; otherwise the probe requests it."""
    mailboxes = await _get_mailboxes(resources, user_ids)
    return {
        user_id: mailbox if isinstance(mailbox, NoMailbox) else NOT_LISTED for user_id, mailbox in mailboxes.items()
    }


async def _get_mailboxes(resources: Resources, user_ids: Sequence[str]) -> dict[str, MailboxEvidence]:
    """The mailboxes from Microsoft Graph; those for which there is no time left are requested by the probe."""
    deadline, found = deadline_after(JOIN_SECONDS), dict[str, MailboxEvidence]()
    for some in batched(user_ids, MAILBOXES_PER_REQUEST, strict=False):
        try:
            found |= await within(deadline, resources.directory.get_mailboxes(some))
        except TimedOut:
            break
    return dict.fromkeys(user_ids, NO_TIME) | found
