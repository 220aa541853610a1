"""Finds one user in the directory and inspects the user's page now; nothing is written."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from atlas.domain.page_urls import PageAddress
from atlas.domain.statuses import Evidence, Status
from atlas.domain.user_references import InvalidUserReference, UserReference
from atlas.domain.user_rows import UserRow, next_row
from atlas.domain.users import why_not_licensed
from atlas.microsoft365.graph import Account
from atlas.pages.evidence import observe_live
from atlas.resources import TenantClients

EXCHANGE_REQUIRED = (
    "name the user by UPN or Entra object ID: only Exchange knows whose page an address belongs to, and it is not "
    "called because EXCHANGE_EVIDENCE is false"
)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found out about a user; the evidence is ``None`` for a user who is not licensed."""

    row: UserRow
    evidence: Evidence | None


class NoSuchUser(Exception):
    """The directory has no such user."""


class UserExcluded(Exception):
    """EXCLUDE_USERS excludes this user, who is therefore never queried."""

    def __init__(self) -> None:
        super().__init__("the setting EXCLUDE_USERS excludes this user")


async def inspect(clients: TenantClients, subject: UserReference) -> Inspection:
    """Inspect this user now. Raises ``NoSuchUser`` or ``UserExcluded``.

    Raises ``TenantFailure`` if the directory cannot be queried.
    """
    at = clients.clock()
    account = await find_account(clients, subject)
    if account is None:
        raise NoSuchUser("Microsoft Entra has no such user")
    if not account.is_licensed:
        return Inspection(not_licensed_row(account, at), None)
    observation = await observe_live(clients, account.user, deadline=None)
    return Inspection(next_row(None, observation, None), observation.evidence)


def not_licensed_row(account: Account, at: datetime) -> UserRow:
    """The row that is returned, but not stored, for a user without a usable plan."""
    return UserRow(account.user, Status.NOT_LICENSED, at, why_not_licensed(account.plan_state))


async def find_account(clients: TenantClients, subject: UserReference) -> Account | None:
    """The user in the directory; ``None`` if there is none. Raises ``TenantFailure``.

    Only Exchange knows whose page an address belongs to: raises ``InvalidUserReference`` if it is not called. Raises
    ``UserExcluded``, before any request about the user if the setting names the user itself.
    """
    id_or_upn: str | None
    match subject:
        case PageAddress():
            if clients.mailboxes is None:
                raise InvalidUserReference(EXCHANGE_REQUIRED)
            id_or_upn = await clients.mailboxes.get_owner(subject.mailbox_guid)
        case UUID() | str():
            id_or_upn = str(subject)
    if id_or_upn is None:
        return None
    if clients.exclusions.is_named(id_or_upn):
        raise UserExcluded
    account = await clients.directory.get_account(id_or_upn)
    if account and await clients.exclusions.contains(account.user):
        raise UserExcluded
    return account
