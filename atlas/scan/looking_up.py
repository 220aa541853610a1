"""Answers for one user: from the row, or by asking Microsoft 365 now and writing the row as a scan would."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import unquote
from uuid import UUID

from atlas.domain.learned import Reason, Unknown
from atlas.domain.mailboxes import MailboxEvidence
from atlas.domain.page_urls import PageAddress, parse_page_url
from atlas.domain.policy import EwsScope, judge_policy
from atlas.domain.statuses import Status
from atlas.domain.user_rows import Look, UserRow
from atlas.domain.users import LicensedUser, why_not_licensed
from atlas.microsoft365.exchange_settings import Organization
from atlas.microsoft365.failures import TenantFailure
from atlas.microsoft365.graph import Account
from atlas.scan.patience import answered_by, deadline_in
from atlas.scan.ports import Tools
from atlas.scan.probing import gather_evidence, is_partly_told, record_look
from atlas.scan.recording import record_gone
from atlas.tables.status_rows import KeptRow

LONGEST_SECONDS = 18
"""Of the 30 s in which a caller is answered, so that free times can be asked for after it."""


class Source(StrEnum):
    """Where an answer comes from."""

    ROW = "row"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Found:
    """What is known about a user."""

    row: UserRow
    source: Source


type Subject = UUID | PageAddress | str
"""An object id, the address of a page, or a UPN."""


class NoSuchUser(Exception):
    """The directory has no such user; ``str`` says how it was looked for."""


class NotASubject(ValueError):
    """The text names nobody; the message says what would."""


def parse_subject(text: str) -> Subject:
    """Who is meant by an object id, a pasted page address or a UPN.

    Raises ``NotAPageUrl`` for an address that is none of a personal page, else ``NotASubject``.
    """
    text = text.strip()
    try:
        return UUID(text)
    except ValueError:
        pass
    if "/" in unquote(unquote(text)):  # no UPN holds one
        return parse_page_url(text)
    name, _, domain = text.rpartition("@")
    if not name or "." not in domain or any(character.isspace() for character in text):
        raise NotASubject("name a user by UPN (adele@contoso.com), Entra object id, or the address of a personal page")
    return text


async def look_up(tools: Tools, subject: Subject, *, fresh: bool) -> Found:
    """What is known about this user; ``fresh``, or a user without a row, is asked for now, and the row is written.

    Asking takes at most ``LONGEST_SECONDS``; what was not answered by then is not learned. Raises ``NoSuchUser``;
    ``TenantFailure`` only where the directory cannot be asked and there is no row.
    """
    kept = await _kept_row(tools, subject)
    if kept and not fresh:
        return Found(kept.row, Source.ROW)
    deadline = deadline_in(LONGEST_SECONDS)
    try:
        account = await answered_by(deadline, _account(tools, subject, kept))
    except TenantFailure:
        if kept is None:
            raise
        return await _without_directory(tools, kept, deadline)
    if account and (kept is None or kept.row.user.user_id != account.user.user_id):
        kept = await tools.rows.get(account.user.user_id)
    if account and account.is_licensed:
        return Found(await _ask(tools, account.user, kept, deadline), Source.LIVE)
    if kept:
        is_told = kept.row.status is Status.GONE
        return Found(kept.row if is_told else await record_gone(tools, kept, account, None), Source.LIVE)
    if account is None:
        raise NoSuchUser("Microsoft Entra has no such user")
    reason = why_not_licensed(account.plan_state)
    return Found(UserRow(account.user, Status.NOT_LICENSED, tools.clock(), reason), Source.LIVE)


async def _without_directory(tools: Tools, kept: KeptRow, deadline: float) -> Found:
    """What the other services tell of a user who has a row; only the directory can say that somebody gone is back."""
    if kept.row.status is Status.GONE:
        return Found(kept.row, Source.ROW)
    return Found(await _ask(tools, kept.row.user, kept, deadline), Source.LIVE)


async def _account(tools: Tools, subject: Subject, kept: KeptRow | None) -> Account | None:
    """The user in the directory: by UPN, which may be another's by now, else by object id. Raises ``TenantFailure``."""
    if isinstance(subject, str):
        account = await tools.directory.get_account(subject)
        if account:
            return account
    if kept:
        return await tools.directory.get_account(kept.row.user.user_id)
    match subject:
        case UUID():
            return await tools.directory.get_account(str(subject))
        case PageAddress() if tools.mailboxes:
            owner = await tools.mailboxes.get_owner(subject.mailbox_guid)
            return await tools.directory.get_account(owner) if owner else None
        case _:
            return None


async def _kept_row(tools: Tools, subject: Subject) -> KeptRow | None:
    match subject:
        case UUID():
            return await tools.rows.get(str(subject))
        case PageAddress():
            user_id = await tools.index.get_by_mailbox(str(subject.mailbox_guid))
            kept = await tools.rows.get(user_id) if user_id else None
            return kept if kept and kept.row.mailbox_guid == str(subject.mailbox_guid) else None
        case upn:
            user_id = await tools.index.get_by_upn(upn)
            kept = await tools.rows.get(user_id) if user_id else None
            return kept if kept and kept.row.user.upn.lower() == upn.lower() else None


async def _ask(tools: Tools, user: LicensedUser, kept: KeptRow | None, deadline: float) -> UserRow:
    told = await _ask_exchange(tools, user, deadline)
    evidence = await gather_evidence(
        tools, user, told.mailbox, sign_in_forced=None, is_last_attempt=True, deadline=deadline
    )
    organization = told.organization
    evidence = replace(
        evidence,
        sign_in_forced=organization.bookings_auth_enabled if isinstance(organization, Organization) else None,
        policy=judge_policy(
            organization.ews if isinstance(organization, Organization) else None, told.policy, tools.clock()
        ),
        is_exchange_silent=told.is_silent or is_partly_told(tools, evidence.mailbox),
    )
    scanned_before = await tools.scans.last_finished() is not None
    look = Look(user, evidence, tools.clock(), tools.bookings_url)
    return await record_look(tools, kept, look, None, scanned_before=scanned_before)


@dataclass(frozen=True, slots=True)
class _Told:
    """What Exchange told of a user; where it did not, the directory is asked for the mailbox."""

    mailbox: MailboxEvidence
    policy: EwsScope | None
    organization: Organization | Unknown
    is_silent: bool


async def _ask_exchange(tools: Tools, user: LicensedUser, deadline: float) -> _Told:
    if tools.mailboxes is None:
        not_asked = Unknown(Reason.REFUSED, "Exchange is not asked")
        return _Told(not_asked, None, not_asked, is_silent=False)
    mailbox, policy, organization = await asyncio.gather(
        _learned(deadline, tools.mailboxes.get_mailbox(user.user_id)),
        _learned(deadline, tools.mailboxes.get_policy(user.user_id)),
        _learned(deadline, tools.mailboxes.get_organization()),
    )
    is_silent = any(isinstance(answer, Unknown) for answer in (mailbox, policy, organization))
    return _Told(mailbox, None if isinstance(policy, Unknown) else policy, organization, is_silent)


async def _learned[Answer](deadline: float, question: Awaitable[Answer]) -> Answer | Unknown:
    try:
        return await answered_by(deadline, question)
    except TenantFailure as failure:
        return failure.unknown()
