"""Reads who holds access to shared pages: permissions from Exchange, the people and groups behind them from Graph."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from uuid import UUID

from atlas.domain.shared_pages.access import AccessGrant, AccessRight
from atlas.domain.shared_pages.directory import Group, Person, Recipient
from atlas.domain.shared_pages.holders import Trustee, effective_grants
from atlas.domain.shared_pages.mailboxes import SchedulingMailbox
from atlas.domain.unknown import Reason, Unknown
from atlas.microsoft365.graph import Account
from atlas.resources import Resources
from atlas.shared_pages.exclusions import EXCLUSION_UNKNOWN, NameCheck

type Grants = tuple[AccessGrant, ...] | Unknown

NO_EXCHANGE = Unknown(Reason.REFUSED, "Exchange is not read")


async def get_grants(resources: Resources, mailboxes: Sequence[SchedulingMailbox]) -> Mapping[str, Grants]:
    """The effective grants of each mailbox by its primary address, send-on-behalf included."""
    if resources.mailboxes is None:
        return {mailbox.primary_address: NO_EXCHANGE for mailbox in mailboxes}
    permissions = await resources.mailboxes.get_access_grants([mailbox.primary_address for mailbox in mailboxes])
    return {
        mailbox.primary_address: _with_send_on_behalf(permissions[mailbox.primary_address], mailbox)
        for mailbox in mailboxes
    }


def trustees_of(grants: Iterable[Grants]) -> list[str]:
    """The names in the grants that could be read, each once."""
    known = chain.from_iterable(part for part in grants if not isinstance(part, Unknown))
    return list(dict.fromkeys(grant.trustee for grant in known))


async def resolve_trustees(
    resources: Resources, trustees: Iterable[str], check: NameCheck
) -> dict[str, Trustee | Unknown | None]:
    """Resolve each name to a person or group. Most addresses belong to users, so Graph is queried for addresses first.

    Names of people who are excluded, or may be, are not sent to Graph.
    """
    names = [name for name in trustees if not check.excludes(name) and not check.is_unclear(name)]
    addresses = [name for name in names if _can_be_of_an_account(name)]
    accounts = await resources.directory.get_accounts(addresses) if addresses else {}
    resolved: dict[str, Trustee | Unknown | None] = {
        name: person_of(account) for name, account in accounts.items() if account is not None
    }
    rest = [name for name in names if name not in resolved]
    if not rest:
        return resolved
    if resources.mailboxes is None:
        return resolved | dict.fromkeys(rest)
    recipients = await resources.mailboxes.get_recipients(rest)
    return resolved | await _resolve_recipients(resources, recipients, check)


@dataclass(frozen=True, slots=True)
class ReadableAccess:
    """The grants and trustees without excluded people, and whether there were any."""

    grants: Grants
    directory: Mapping[str, Trustee | Unknown | None]
    has_excluded: bool


def access_without_excluded(
    grants: Grants, directory: Mapping[str, Trustee | Unknown | None], check: NameCheck
) -> ReadableAccess:
    """Remove excluded people from the grants. The grants are unknown if it is unclear whether a holder is excluded."""
    if isinstance(grants, Unknown):
        return ReadableAccess(grants, directory, has_excluded=False)
    if any(check.is_unclear(grant.trustee) for grant in grants):
        return ReadableAccess(EXCLUSION_UNKNOWN, directory, has_excluded=False)
    allowed = tuple(grant for grant in grants if not _is_excluded(grant.trustee, directory, check))
    remaining: dict[str, Trustee | Unknown | None] = {}
    has_excluded = len(allowed) < len(grants)
    for grant in allowed:
        trustee = directory.get(grant.trustee)
        if isinstance(trustee, Group) and isinstance(trustee.members, tuple):
            members = tuple(member for member in trustee.members if not _is_excluded_person(member, check))
            has_excluded = has_excluded or len(members) < len(trustee.members)
            trustee = replace(trustee, members=members)
        remaining[grant.trustee] = trustee
    return ReadableAccess(allowed, remaining, has_excluded)


def _is_excluded(name: str, directory: Mapping[str, Trustee | Unknown | None], check: NameCheck) -> bool:
    trustee = directory.get(name)
    return check.excludes(name) or (isinstance(trustee, Person) and _is_excluded_person(trustee, check))


def _is_excluded_person(person: Person, check: NameCheck) -> bool:
    return check.excludes(person.user_id) or check.excludes(person.upn)


def person_of(account: Account | Unknown) -> Person | Unknown:
    """The person behind an account of the directory."""
    if isinstance(account, Unknown):
        return account
    user = account.user
    return Person(user.user_id, user.upn, user.display_name, user.account_enabled, account.is_licensed)


async def _resolve_recipients(
    resources: Resources, recipients: Mapping[str, Recipient | Unknown | None], check: NameCheck
) -> dict[str, Trustee | Unknown | None]:
    by_name = {name: recipient for name, recipient in recipients.items() if isinstance(recipient, Recipient)}
    people = [recipient for recipient in by_name.values() if not recipient.is_group]
    users = _ids(
        person for person in people if not (check.excludes(person.object_id) or check.excludes(person.address))
    )
    groups = _ids(recipient for recipient in by_name.values() if recipient.is_group)
    accounts = await resources.directory.get_accounts(users) if users else {}
    members = await resources.directory.get_groups(groups) if groups else {}
    resolved: dict[str, Trustee | Unknown | None] = {}
    for name, recipient in recipients.items():
        if not isinstance(recipient, Recipient):
            resolved[name] = recipient
        elif recipient.is_group:
            resolved[name] = _group(recipient, members.get(recipient.object_id or ""))
        else:
            account = accounts.get(recipient.object_id or "")
            resolved[name] = _recipient_person(recipient) if account is None else person_of(account)
    return resolved


def _group(recipient: Recipient, group: Group | Unknown | None) -> Group:
    """The group as Graph returns it, or else as Exchange describes it."""
    if isinstance(group, Group):
        return group
    members = group or Unknown(Reason.NOT_UNDERSTOOD, "Microsoft Graph does not have the group")
    return Group(recipient.object_id or "", recipient.display_name, recipient.address, members=members)


def _recipient_person(recipient: Recipient) -> Person:
    """A recipient without an account that Graph returns: a mail user or contact."""
    return Person(recipient.object_id, recipient.address, recipient.display_name)


def _with_send_on_behalf(grants: Grants, mailbox: SchedulingMailbox) -> Grants:
    if isinstance(grants, Unknown):
        return grants
    on_behalf = (AccessGrant(trustee, AccessRight.SEND_ON_BEHALF) for trustee in mailbox.send_on_behalf or ())
    return effective_grants((*grants, *on_behalf))


def _can_be_of_an_account(name: str) -> bool:
    try:
        return "@" in name or bool(UUID(name))
    except ValueError:
        return False


def _ids(recipients: Iterable[Recipient]) -> list[str]:
    return list(dict.fromkeys(recipient.object_id for recipient in recipients if recipient.object_id))
