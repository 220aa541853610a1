"""Looks up one user: in the row, or live in Microsoft 365, recording the result as a scan would."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from atlas.domain.page_urls import PageAddress
from atlas.domain.statuses import Status
from atlas.domain.user_references import UserReference
from atlas.domain.user_rows import UserRow
from atlas.domain.users import LicensedUser
from atlas.live_queries import LiveQueries
from atlas.microsoft365.deadlines import deadline_after, within
from atlas.microsoft365.failures import TenantFailure
from atlas.microsoft365.graph import Account
from atlas.pages.evidence import observe_live
from atlas.pages.observation import NoSuchUser, UserExcluded, find_account, not_licensed_row
from atlas.pages.recording import record_gone, record_observation
from atlas.resources import Resources
from atlas.tables.personal_bookings import StoredRow
from atlas.tables.rows import Stored

TIMEOUT_SECONDS = 18
"""Callers get a response within 30 s; the rest is for the availability."""


class Source(StrEnum):
    """Where a result comes from."""

    ROW = "row"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class LookupResult:
    """What is known about a user."""

    row: UserRow
    source: Source


async def lookup(
    resources: Resources, live: LiveQueries, subject: UserReference, admit: Callable[[], None], *, fresh: bool
) -> LookupResult:
    """What is known about this user. With ``fresh``, or without a row, the user is observed live and recorded.

    Callers who look up the same user live share one query, and ``admit`` is called before it. A query takes at most
    ``TIMEOUT_SECONDS``; what is not known after that is unknown. Raises ``NoSuchUser``, ``UserExcluded``,
    ``TooManyQueries``, and ``TenantFailure`` only if the directory cannot be queried and there is no row.
    """
    stored = await find_row(resources, subject)
    if stored and (await _must_not_query(resources, stored) or not fresh):
        return LookupResult(stored.row, Source.ROW)
    admit()
    return await live.share(
        _key(subject, stored),
        lambda: _lookup_live(resources, subject, stored),
        lambda result: stored is None or result.row.checked_at >= stored.row.checked_at,
    )


def _key(subject: UserReference, stored: StoredRow | None) -> Hashable:
    """The same for every way to name a user who has a row."""
    match subject:
        case _ if stored:
            return "lookup", stored.row.user.user_id
        case PageAddress():
            return "lookup", str(subject.mailbox_guid)
        case _:
            return "lookup", str(subject).lower()


async def _lookup_live(resources: Resources, subject: UserReference, stored: StoredRow | None) -> LookupResult:
    deadline, started_at = deadline_after(TIMEOUT_SECONDS), resources.clock()
    try:
        account = await within(deadline, _account(resources, subject, stored))
    except TenantFailure:
        if stored is None:
            raise
        return await _without_directory(resources, stored, deadline)
    if account and (stored is None or stored.row.user.user_id != account.user.user_id):
        stored = await _row_without_index(resources, account.user.user_id)
    match account, stored:
        case Account(is_licensed=True), _:
            row = await _observe(resources, account.user, stored, deadline)
        case _, Stored(row=UserRow(status=Status.GONE) as row):
            pass
        case _, Stored():
            row = await record_gone(resources, stored, account, None, started_at)
        case Account(), None:
            row = await _not_licensed(resources, account, started_at)
        case _:
            raise NoSuchUser("Microsoft Entra has no such user")
    return LookupResult(row, Source.LIVE)


async def _row_without_index(resources: Resources, user_id: str) -> StoredRow | None:
    """The row of a user to which the index did not lead; its entries are restored."""
    stored = await resources.rows.get(user_id)
    if stored:
        await resources.index.restore(stored.row)
    return stored


async def _must_not_query(resources: Resources, stored: StoredRow) -> bool:
    """Whether it could not be determined if the user is excluded. Raises ``UserExcluded`` if the user is excluded."""
    try:
        if await resources.exclusions.contains(stored.row.user):
            raise UserExcluded
    except TenantFailure:
        return True
    return False


async def _not_licensed(resources: Resources, account: Account, at: datetime) -> UserRow:
    """A user without a usable plan; the account of a shared page says which one it belongs to."""
    row = not_licensed_row(account, at)
    key = await resources.shared.index.get_by_address(account.user.upn)
    shared = await resources.shared.rows.get(key) if key else None
    if shared is None or shared.row.account_id != account.user.user_id:
        return row
    return replace(
        row, reason=f"this is the account of the shared page {shared.row.address}: GET /api/shared-pages/{{id}}"
    )


async def _without_directory(resources: Resources, stored: StoredRow, deadline: float) -> LookupResult:
    """Observe a user who has a row without the directory, which alone could report that a ``gone`` user is back."""
    if stored.row.status is Status.GONE:
        return LookupResult(stored.row, Source.ROW)
    return LookupResult(await _observe(resources, stored.row.user, stored, deadline), Source.LIVE)


async def _account(resources: Resources, subject: UserReference, stored: StoredRow | None) -> Account | None:
    """The user in the directory: by UPN, which may belong to another user by now, otherwise by object ID."""
    if stored is None:
        return await find_account(resources, subject)
    by_upn = await find_account(resources, subject) if isinstance(subject, str) else None
    return by_upn or await resources.directory.get_account(stored.row.user.user_id)


async def find_row(resources: Resources, subject: UserReference) -> StoredRow | None:
    """The row of this user, if there is one."""
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


async def _observe(resources: Resources, user: LicensedUser, stored: StoredRow | None, deadline: float) -> UserRow:
    observation = await observe_live(resources, user, deadline)
    scanned_before = await resources.scans.last_finished() is not None
    return await record_observation(resources, stored, observation, None, scanned_before=scanned_before)
