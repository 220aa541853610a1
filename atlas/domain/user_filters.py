"""Filters and sort orders for rows of users."""

from dataclasses import dataclass
from enum import StrEnum

from atlas.domain.page_urls import domain_of
from atlas.domain.statuses import Status
from atlas.domain.user_rows import UserRow
from atlas.domain.users import LicensedUser


class UserOrder(StrEnum):
    """The sort orders of a list of users. The values are a contract, listed in docs/api.md."""

    USER_ID = "userId"
    UPN = "userPrincipalName"
    NAME = "displayName"
    STATUS = "status"
    """In the order in which docs/administrator.md lists the statuses; users with the same status are sorted by name."""
    DEPARTMENT = "department"
    """Users in the same department are sorted by name; users without a department come last."""


@dataclass(frozen=True, slots=True)
class UserFilter:
    """A user has to meet every condition. ``None`` sets no condition, except in ``statuses``."""

    statuses: frozenset[Status] | None = None
    """``None`` means every status except ``gone``."""
    domain: str | None = None
    enabled: bool | None = None
    user_type: str | None = None
    search: str | None = None
    """A prefix of the UPN, the display name or a word in it; case is ignored."""
    department: str | None = None

    def matches(self, row: UserRow) -> bool:
        """Whether the filter matches this row."""
        return self.matches_user(row.user, row.status)

    def matches_user(self, user: LicensedUser, status: Status) -> bool:
        """Whether the filter matches a user with this status."""
        return (
            (status in self.statuses if self.statuses else status is not Status.GONE)
            and (self.domain is None or domain_of(user.upn) == self.domain.lower())
            and (self.enabled is None or user.account_enabled is self.enabled)
            and (self.user_type is None or (user.user_type or "").lower() == self.user_type.lower())
            and (self.department is None or _equals_ignoring_case(self.department, user.department or ""))
            and (self.search is None or _has_prefix(self.search.casefold(), user.upn, user.display_name or ""))
        )


def _equals_ignoring_case(left: str, right: str) -> bool:
    return left.strip().casefold() == right.strip().casefold()


def _has_prefix(search: str, upn: str, display_name: str) -> bool:
    name = display_name.casefold()
    words = name.split()
    candidates = (upn.casefold(), name, *(" ".join(words[first:]) for first in range(1, len(words))))
    return any(candidate.startswith(search) for candidate in candidates)
