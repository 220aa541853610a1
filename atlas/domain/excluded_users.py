"""The users that the setting EXCLUDE_USERS names: by UPN, by object ID, or as members of a group."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self
from uuid import UUID

GROUP_PREFIX = "group:"


@dataclass(frozen=True, slots=True)
class ExcludedUsers:
    """Users who are never queried and have no row. All values are in lower case."""

    upns: frozenset[str] = frozenset()
    user_ids: frozenset[str] = frozenset()
    group_ids: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> Self:
        """The users of these entries. Raises ``ValueError`` for an entry that names neither a user nor a group."""
        upns, user_ids, group_ids = set[str](), set[str](), set[str]()
        for entry in (entry.strip().lower() for entry in entries):
            if entry.startswith(GROUP_PREFIX):
                group_ids.add(str(UUID(entry.removeprefix(GROUP_PREFIX).strip())))
            elif "@" in entry and " " not in entry:
                upns.add(entry)
            else:
                user_ids.add(str(UUID(entry)))
        return cls(frozenset(upns), frozenset(user_ids), frozenset(group_ids))

    def is_named(self, upn_or_id: str) -> bool:
        """Whether this UPN or object ID is listed itself, apart from groups; case is ignored."""
        return upn_or_id.lower() in self.upns or upn_or_id.lower() in self.user_ids
