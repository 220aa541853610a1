"""Decides whether EXCLUDE_USERS excludes a user; the members of its groups come from Microsoft Graph."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from atlas.domain.excluded_users import ExcludedUsers
from atlas.domain.users import LicensedUser
from atlas.microsoft365.graph import Graph

REUSED_FOR = timedelta(minutes=10)
"""How long the members of the groups are reused: a scan would otherwise read them once per page of users."""


class Exclusions:
    """The excluded users. Callers get a failure if the members of a group cannot be read: anyone may be in it."""

    def __init__(self, excluded: ExcludedUsers, graph: Graph) -> None:
        self._excluded = excluded
        self._graph = graph
        self._members: frozenset[str] = frozenset()
        self._expires = float("-inf")
        self._lock = asyncio.Lock()

    def is_named(self, upn_or_id: str) -> bool:
        """Whether the setting itself contains this UPN or object ID, apart from groups; sends no request."""
        return self._excluded.is_named(upn_or_id)

    async def contains(self, user: LicensedUser) -> bool:
        """Whether the user is excluded. Raises ``TenantFailure`` if the members of a group cannot be read."""
        if self.is_named(user.user_id) or self.is_named(user.upn):
            return True
        return user.user_id in await self._group_members()

    async def snapshot(self) -> ExcludedUsers:
        """The excluded users, members of groups included. Raises ``TenantFailure`` if these cannot be read."""
        members = await self._group_members()
        return replace(self._excluded, user_ids=self._excluded.user_ids | members)

    async def _group_members(self) -> frozenset[str]:
        if not self._excluded.group_ids:
            return frozenset()
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if now >= self._expires:
                members = [await self._graph.get_group_member_ids(group) for group in self._excluded.group_ids]
                self._members = frozenset().union(*members)
                self._expires = now + REUSED_FOR.total_seconds()
            return self._members
