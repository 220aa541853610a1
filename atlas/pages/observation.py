"""One look at one user, by asking Microsoft 365 now; nothing is written."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from atlas.domain.mailboxes import Mailbox, MailboxEvidence
from atlas.domain.page_urls import PageAddress
from atlas.domain.policy import EwsScope, judge_policy
from atlas.domain.statuses import Evidence, Status
from atlas.domain.unknown import Reason, Unknown
from atlas.domain.user_references import InvalidUserReference, UserReference
from atlas.domain.user_rows import Observation, UserRow, next_row
from atlas.domain.users import LicensedUser, why_not_licensed
from atlas.microsoft365.deadlines import within_or_unknown
from atlas.microsoft365.exchange_settings import Organization
from atlas.microsoft365.graph import Account
from atlas.pages.evidence import capability_unknown, gather_evidence
from atlas.resources import TenantClients

ONLY_BY_EXCHANGE = (
    "name the user by UPN or Entra object id: only Exchange knows whose page an address is, and EXCHANGE_EVIDENCE says "
    "not to ask it"
)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was seen of a user; the evidence is ``None`` of one who is not licensed."""

    row: UserRow
    evidence: Evidence | None


class NoSuchUser(Exception):
    """The directory has no such user; ``str`` says how it was looked for."""


async def inspect(clients: TenantClients, subject: UserReference) -> Inspection:
    """What can be learned about this user now. Raises ``NoSuchUser``, and ``TenantFailure`` of the directory."""
    account = await find_account(clients, subject)
    if account is None:
        raise NoSuchUser("Microsoft Entra has no such user")
    if not account.is_licensed:
        return Inspection(not_licensed_row(account, clients.clock()), None)
    observation = await observe(clients, account.user, deadline=None)
    return Inspection(next_row(None, observation, None), observation.evidence)


def not_licensed_row(account: Account, at: datetime) -> UserRow:
    """What is told of a user without a plan that works; it is kept nowhere."""
    return UserRow(account.user, Status.NOT_LICENSED, at, why_not_licensed(account.plan_state))


async def find_account(clients: TenantClients, subject: UserReference) -> Account | None:
    """The user in the directory; ``None`` where there is none. Raises ``TenantFailure``.

    Whose page an address is only Exchange knows: raises ``InvalidUserReference`` where it is not asked.
    """
    match subject:
        case PageAddress():
            if clients.mailboxes is None:
                raise InvalidUserReference(ONLY_BY_EXCHANGE)
            owner = await clients.mailboxes.get_owner(subject.mailbox_guid)
            return await clients.directory.get_account(owner) if owner else None
        case UUID() | str():
            return await clients.directory.get_account(str(subject))


async def observe(clients: TenantClients, user: LicensedUser, deadline: float | None) -> Observation:
    """What can be learned about a licensed user by this time of the event loop's clock; what was not is unknown."""
    told = await _ask_exchange(clients, user, deadline)
    evidence = await gather_evidence(
        clients, user, told.mailbox, sign_in_forced=None, is_last_attempt=True, deadline=deadline
    )
    organization, mailbox = told.organization, evidence.mailbox
    now = clients.clock()
    evidence = replace(
        evidence,
        mailbox=replace(mailbox, ews=told.policy) if isinstance(mailbox, Mailbox) else mailbox,
        sign_in_forced=organization.bookings_auth_enabled if isinstance(organization, Organization) else None,
        policy=judge_policy(
            organization.ews if isinstance(organization, Organization) else None,
            told.policy if isinstance(mailbox, Mailbox) else None,
            now,
        ),
        exchange_incomplete=told.is_silent or capability_unknown(clients, evidence.mailbox),
    )
    return Observation(user, evidence, now, clients.bookings_url)


@dataclass(frozen=True, slots=True)
class _Told:
    """What Exchange told of a user; where it did not, the directory is asked for the mailbox."""

    mailbox: MailboxEvidence
    policy: EwsScope | None
    organization: Organization | Unknown
    is_silent: bool


async def _ask_exchange(clients: TenantClients, user: LicensedUser, deadline: float | None) -> _Told:
    if clients.mailboxes is None:
        not_asked = Unknown(Reason.REFUSED, "Exchange is not asked")
        return _Told(not_asked, None, not_asked, is_silent=False)
    mailbox, policy, organization = await asyncio.gather(
        within_or_unknown(deadline, clients.mailboxes.get_mailbox(user.user_id)),
        within_or_unknown(deadline, clients.mailboxes.get_policy(user.user_id)),
        within_or_unknown(deadline, clients.mailboxes.get_organization()),
    )
    is_silent = any(isinstance(answer, Unknown) for answer in (mailbox, policy, organization))
    return _Told(mailbox, None if isinstance(policy, Unknown) else policy, organization, is_silent)
