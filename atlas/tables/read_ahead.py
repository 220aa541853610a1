"""Reads users of the census, with their rows, shortly before they are probed: two reads for several users."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from atlas.domain.mailboxes import MailboxEvidence
from atlas.domain.users import LicensedUser
from atlas.tables.census import USERS_PER_ROW, Census
from atlas.tables.personal_bookings import StoredRow, UserRows

READ_AHEAD_SECONDS = 30.0
"""How long users stay in memory; a lane may wait for hours, and `atlas forget` may remove a user meanwhile."""


@dataclass(frozen=True, slots=True)
class ListedWithRow:
    """A licensed user as the scan has listed it, with the row that an earlier scan or a lookup has written."""

    user: LicensedUser
    mailbox: MailboxEvidence
    stored: StoredRow | None


@dataclass(frozen=True, slots=True)
class _Read:
    """Users that a read has brought, or is bringing."""

    at: float
    users: asyncio.Future[Mapping[int, ListedWithRow]]
    returned: set[int] = field(default_factory=set)


class ReadAhead:
    """The users of running scans by their place in the census.

    A row may be outdated by the time it is returned, so every write must be conditional on its ETag.
    """

    def __init__(self, census: Census, rows: UserRows) -> None:
        self._census = census
        self._rows = rows
        self._reads: dict[tuple[str, int, int], _Read] = {}

    async def get(self, scan_id: str, page: int, index: int) -> ListedWithRow | None:
        """The user at one place, with the row; ``None`` if the census has none there.

        Each is returned from memory once, and only for ``READ_AHEAD_SECONDS``; after that it is read again.
        """
        now = asyncio.get_running_loop().time()
        self._reads = {key: read for key, read in self._reads.items() if now - read.at < READ_AHEAD_SECONDS}
        place = (scan_id, page, index // USERS_PER_ROW)
        read = self._reads.get(place)
        if read is None or index in read.returned or (read.users.done() and read.users.exception()):
            read = self._reads[place] = _Read(now, asyncio.ensure_future(self._read(*place)))
        read.returned.add(index)
        return (await asyncio.shield(read.users)).get(index)

    async def _read(self, scan_id: str, page: int, row: int) -> Mapping[int, ListedWithRow]:
        listed = await self._census.get_users(scan_id, page, row)
        stored = await self._rows.get_many(sorted(one[0].user_id for one in listed if one))
        return {
            row * USERS_PER_ROW + place: ListedWithRow(*one, stored.get(one[0].user_id))
            for place, one in enumerate(listed)
            if one
        }
