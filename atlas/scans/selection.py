"""A scan of named users only: takes them from a list instead of Microsoft Graph's listing of licensed users."""

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from atlas.domain.excluded_users import ExcludedUsers
from atlas.domain.unknown import Reason, Unknown
from atlas.domain.users import LicensedUser
from atlas.microsoft365.failures import ListingExpired, Refused, Unreachable
from atlas.microsoft365.graph import Account
from atlas.resources import Resources
from atlas.scans.census import USERS
from atlas.scans.messages import ListingRequest, ListingResult
from atlas.scans.warnings import limit_warnings

PAGE_SIZE = 200
MAX_UNLISTED = 200
"""For up to this many users, each mailbox is requested individually; for more, all mailboxes are listed."""
MAX_NAMED = 10
"""How many users a warning names."""
NOT_LISTED = Unknown(Reason.NOT_UNDERSTOOD, "mailboxes are not listed in a scan of a few users")
COLUMNS = ("userprincipalname", "userid", "upn")
"""Columns of a CSV file that identify a user; the first one that the file has is read."""


class InvalidSelection(ValueError):
    """The list names no users; the message says what is expected."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The users to scan, by UPN or object ID, in lower case and without duplicates."""

    users: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """The users in a file: one per line, or a CSV with a column UserPrincipalName. Raises ``InvalidSelection``."""
        lines = [line for line in text.removeprefix("\ufeff").splitlines() if line.strip()]
        users = tuple(dict.fromkeys(name.strip().lower() for name in _names(lines) if name.strip()))
        if not users:
            raise InvalidSelection("it names no users; write one user principal name per line")
        for user in users:
            if " " in user or ("@" not in user and len(user) != 36):
                raise InvalidSelection(f"{user!r} is neither a user principal name nor an object ID")
        return cls(users)

    @property
    def digest(self) -> str:
        """Identifies the selection, whatever the order of its users."""
        return hashlib.sha256("\n".join(sorted(self.users)).encode()).hexdigest()

    @property
    def needs_listed_mailboxes(self) -> bool:
        """Whether listing all mailboxes is quicker than requesting those of these users."""
        return len(self.users) > MAX_UNLISTED


def _names(lines: Sequence[str]) -> Iterable[str]:
    if not lines:
        return []
    dialect = ";" if lines[0].count(";") > lines[0].count(",") else ","
    header = [name.strip().strip('"').lower() for name in lines[0].split(dialect)]
    column = next((header.index(name) for name in COLUMNS if name in header), None)
    if column is None:
        return (line for line in lines if not line.lstrip().startswith("#"))
    return (row[column] for row in csv.reader(lines[1:], delimiter=dialect) if len(row) > column)


async def list_selected_users(resources: Resources, request: ListingRequest, selection: Selection) -> ListingResult:
    """Write one page of the named users who are licensed to the census; report the others."""
    start = await _start(resources, request)
    part = selection.users[start : start + PAGE_SIZE]
    excluded = await resources.exclusions.snapshot()
    names = [name for name in part if not excluded.is_named(name)]
    accounts = await resources.directory.get_accounts(names)
    _raise_if_unreachable(accounts.values())
    known = {name: account for name, account in accounts.items() if isinstance(account, Account)}
    found = {name: account for name, account in known.items() if not _is_excluded(account.user, excluded)}
    licensed = {account.user.user_id: account.user for account in found.values() if account.is_licensed}
    await _warn(
        resources,
        request.scan_id,
        {
            "Excluded by EXCLUDE_USERS": [
                name for name in part if name not in accounts or name in known.keys() - found.keys()
            ],
            "Microsoft Entra has no such user": [name for name, account in accounts.items() if account is None],
            "Not licensed for Bookings": [name for name, account in found.items() if not account.is_licensed],
            "Microsoft Graph sent a record that cannot be read": [
                name for name, account in accounts.items() if isinstance(account, Unknown)
            ],
        },
    )
    mailbox = None if selection.needs_listed_mailboxes else NOT_LISTED  # then the probe requests it
    users = [(user, mailbox) for user in licensed.values()]
    await resources.census.add_listed_users(request.scan_id, request.page, users)
    has_next = start + PAGE_SIZE < len(selection.users)
    if has_next:
        await resources.census.add_position(request.scan_id, USERS, request.page + 1, str(start + PAGE_SIZE))
    return ListingResult(count=len(users), has_next=has_next, total=len(selection.users))


def _is_excluded(user: LicensedUser, excluded: ExcludedUsers) -> bool:
    return excluded.is_named(user.user_id) or excluded.is_named(user.upn)


async def _start(resources: Resources, request: ListingRequest) -> int:
    if request.is_first:
        return 0
    position = await resources.census.get_position(request.scan_id, USERS, request.page)
    if position is None:
        raise ListingExpired(f"the position of page {request.page} of the users is not in the census")
    return int(position)


def _raise_if_unreachable(accounts: Iterable[Account | Unknown | None]) -> None:
    for account in accounts:
        if isinstance(account, Unknown) and account.reason in {Reason.THROTTLED, Reason.UNREACHABLE}:
            raise Unreachable(account.detail)
        if isinstance(account, Unknown) and account.reason is Reason.REFUSED:
            raise Refused(account.detail)


async def _warn(resources: Resources, scan_id: str, problems: dict[str, list[str]]) -> None:
    warnings = [f"{problem}: {_some_of(names)}." for problem, names in problems.items() if names]
    if warnings:
        await resources.scans.update(
            scan_id, lambda scan: replace(scan, warnings=tuple(limit_warnings([*scan.warnings, *warnings])))
        )


def _some_of(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
