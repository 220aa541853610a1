"""Answers for one user: from the row, or by asking Microsoft 365 now and writing the row as a scan would."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from atlas.domain.page_urls import PageAddress
from atlas.domain.statuses import Status
from atlas.domain.user_references import UserReference
from atlas.domain.user_rows import UserRow
from atlas.domain.users import LicensedUser
from atlas.microsoft365.deadlines import deadline_after, within
from atlas.microsoft365.failures import TenantFailure
from atlas.microsoft365.graph import Account
from atlas.pages.observation import NoSuchUser, find_account, not_licensed_row, observe
from atlas.pages.recording import record_gone, record_observation
from atlas.resources import Resources
from atlas.tables.status_rows import StoredRow

TIMEOUT_SECONDS = 18
"""Of the 30 s in which a caller is answered, so that free times can be asked for after it."""


class Source(StrEnum):
    """Where an answer comes from."""

    ROW = "row"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class LookupResult:
    """What is known about a user."""

    row: UserRow
    source: Source


async def lookup(resources: Resources, subject: UserReference, *, fresh: bool) -> LookupResult:
    """What is known about this user; ``fresh``, or a user without a row, is asked for now, and the row is written.

    Asking takes at most ``TIMEOUT_SECONDS``; what was not answered by then is not learned. Raises ``NoSuchUser``;
    ``TenantFailure`` only where the directory cannot be asked and there is no row.
    """
    stored = await _kept_row(resources, subject)
    if stored and not fresh:
        return LookupResult(stored.row, Source.ROW)
    deadline = deadline_after(TIMEOUT_SECONDS)
    try:
        account = await within(deadline, _account(resources, subject, stored))
    except TenantFailure:
        if stored is None:
            raise
        return await _without_directory(resources, stored, deadline)
    if account and (stored is None or stored.row.user.user_id != account.user.user_id):
        stored = await resources.rows.get(account.user.user_id)
    if account and account.is_licensed:
        return LookupResult(await _ask(resources, account.user, stored, deadline), Source.LIVE)
    if stored:
        exists = stored.row.status is Status.GONE
        return LookupResult(stored.row if exists else await record_gone(resources, stored, account, None), Source.LIVE)
    if account is None:
        raise NoSuchUser("Microsoft Entra has no such user")
    return LookupResult(not_licensed_row(account, resources.clock()), Source.LIVE)


async def _without_directory(resources: Resources, stored: StoredRow, deadline: float) -> LookupResult:
    """What the other services tell of a user who has a row; only the directory can say that somebody gone is back."""
    if stored.row.status is Status.GONE:
        return LookupResult(stored.row, Source.ROW)
    return LookupResult(await _ask(resources, stored.row.user, stored, deadline), Source.LIVE)


async def _account(resources: Resources, subject: UserReference, stored: StoredRow | None) -> Account | None:
    """The user in the directory: by UPN, which may be another's by now, else by object id. Raises ``TenantFailure``."""
    if stored is None:
        return await find_account(resources, subject)
    by_upn = await find_account(resources, subject) if isinstance(subject, str) else None
    return by_upn or await resources.directory.get_account(stored.row.user.user_id)


async def _kept_row(resources: Resources, subject: UserReference) -> StoredRow | None:
    match subject:
        case UUID():
            return await resources.rows.get(str(subject))
        case PageAddress():
            user_id = await resources.index.get_by_mailbox(str(subject.mailbox_guid))
            stored = await resources.rows.get(user_id) if user_id else None
            return stored if stored and stored.row.mailbox_guid == str(subject.mailbox_guid) else None
        case upn:
            user_id = await resources.index.get_by_upn(upn)
            stored = await resources.rows.get(user_id) if user_id else None
            return stored if stored and stored.row.user.upn.lower() == upn.lower() else None


async def _ask(resources: Resources, user: LicensedUser, stored: StoredRow | None, deadline: float) -> UserRow:
    observation = await observe(resources, user, deadline)
    scanned_before = await resources.scans.last_finished() is not None
    return await record_observation(resources, stored, observation, None, scanned_before=scanned_before)
