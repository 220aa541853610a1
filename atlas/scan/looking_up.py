"""Answers for one user: from the row, or by asking Microsoft 365 now and writing the row as a scan would."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from atlas.domain.page_urls import PageAddress
from atlas.domain.statuses import Status
from atlas.domain.subjects import Subject
from atlas.domain.user_rows import UserRow
from atlas.domain.users import LicensedUser
from atlas.microsoft365.failures import TenantFailure
from atlas.microsoft365.graph import Account
from atlas.scan.observing import NoSuchUser, find_account, not_licensed_row, observe
from atlas.scan.patience import answered_by, deadline_in
from atlas.scan.ports import Tools
from atlas.scan.probing import record_look
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
    return Found(not_licensed_row(account, tools.clock()), Source.LIVE)


async def _without_directory(tools: Tools, kept: KeptRow, deadline: float) -> Found:
    """What the other services tell of a user who has a row; only the directory can say that somebody gone is back."""
    if kept.row.status is Status.GONE:
        return Found(kept.row, Source.ROW)
    return Found(await _ask(tools, kept.row.user, kept, deadline), Source.LIVE)


async def _account(tools: Tools, subject: Subject, kept: KeptRow | None) -> Account | None:
    """The user in the directory: by UPN, which may be another's by now, else by object id. Raises ``TenantFailure``."""
    if kept is None:
        return await find_account(tools, subject)
    by_upn = await find_account(tools, subject) if isinstance(subject, str) else None
    return by_upn or await tools.directory.get_account(kept.row.user.user_id)


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
    look = await observe(tools, user, deadline)
    scanned_before = await tools.scans.last_finished() is not None
    return await record_look(tools, kept, look, None, scanned_before=scanned_before)
