"""One look at one user, by asking Microsoft 365 now; nothing is written."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from atlas.domain.learned import Reason, Unknown
from atlas.domain.mailboxes import Mailbox, MailboxEvidence
from atlas.domain.page_urls import PageAddress
from atlas.domain.policy import EwsScope, judge_policy
from atlas.domain.statuses import Evidence, Status
from atlas.domain.subjects import NotASubject, Subject
from atlas.domain.user_rows import Look, UserRow, next_row
from atlas.domain.users import LicensedUser, why_not_licensed
from atlas.microsoft365.exchange_settings import Organization
from atlas.microsoft365.graph import Account
from atlas.scan.patience import learned
from atlas.scan.ports import Services
from atlas.scan.probing import gather_evidence, is_partly_told

ONLY_BY_EXCHANGE = (
    "name the user by UPN or Entra object id: only Exchange knows whose page an address is, and EXCHANGE_EVIDENCE says "
    "not to ask it"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a user; the evidence is ``None`` of one who is not licensed."""

    row: UserRow
    evidence: Evidence | None


class NoSuchUser(Exception):
    """The directory has no such user; ``str`` says how it was looked for."""


async def see(services: Services, subject: Subject) -> Seen:
    """What can be learned about this user now. Raises ``NoSuchUser``, and ``TenantFailure`` of the directory."""
    account = await find_account(services, subject)
    if account is None:
        raise NoSuchUser("Microsoft Entra has no such user")
    if not account.is_licensed:
        return Seen(not_licensed_row(account, services.clock()), None)
    look = await observe(services, account.user, deadline=None)
    return Seen(next_row(None, look, None), look.evidence)


def not_licensed_row(account: Account, at: datetime) -> UserRow:
    """What is told of a user without a plan that works; it is kept nowhere."""
    return UserRow(account.user, Status.NOT_LICENSED, at, why_not_licensed(account.plan_state))


async def find_account(services: Services, subject: Subject) -> Account | None:
    """The user in the directory; ``None`` where there is none. Raises ``TenantFailure``.

    Whose page an address is only Exchange knows: raises ``NotASubject`` where it is not asked.
    """
    match subject:
        case PageAddress():
            if services.mailboxes is None:
                raise NotASubject(ONLY_BY_EXCHANGE)
            owner = await services.mailboxes.get_owner(subject.mailbox_guid)
            return await services.directory.get_account(owner) if owner else None
        case UUID() | str():
            return await services.directory.get_account(str(subject))


async def observe(services: Services, user: LicensedUser, deadline: float | None) -> Look:
    """What can be learned about a licensed user by this time of the event loop's clock; what was not is unknown."""
    told = await _ask_exchange(services, user, deadline)
    evidence = await gather_evidence(
        services, user, told.mailbox, sign_in_forced=None, is_last_attempt=True, deadline=deadline
    )
    organization, mailbox = told.organization, evidence.mailbox
    now = services.clock()
    evidence = replace(
        evidence,
        mailbox=replace(mailbox, ews=told.policy) if isinstance(mailbox, Mailbox) else mailbox,
        sign_in_forced=organization.bookings_auth_enabled if isinstance(organization, Organization) else None,
        policy=judge_policy(
            organization.ews if isinstance(organization, Organization) else None,
            told.policy if isinstance(mailbox, Mailbox) else None,
            now,
        ),
        is_exchange_silent=told.is_silent or is_partly_told(services, evidence.mailbox),
    )
    return Look(user, evidence, now, services.bookings_url)


@dataclass(frozen=True, slots=True)
class _Told:
    """What Exchange told of a user; where it did not, the directory is asked for the mailbox."""

    mailbox: MailboxEvidence
    policy: EwsScope | None
    organization: Organization | Unknown
    is_silent: bool


async def _ask_exchange(services: Services, user: LicensedUser, deadline: float | None) -> _Told:
    if services.mailboxes is None:
        not_asked = Unknown(Reason.REFUSED, "Exchange is not asked")
        return _Told(not_asked, None, not_asked, is_silent=False)
    mailbox, policy, organization = await asyncio.gather(
        learned(deadline, services.mailboxes.get_mailbox(user.user_id)),
        learned(deadline, services.mailboxes.get_policy(user.user_id)),
        learned(deadline, services.mailboxes.get_organization()),
    )
    is_silent = any(isinstance(answer, Unknown) for answer in (mailbox, policy, organization))
    return _Told(mailbox, None if isinstance(policy, Unknown) else policy, organization, is_silent)
