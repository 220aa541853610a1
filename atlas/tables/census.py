"""The table ``BookingsCensus``: what a running scan has listed; one partition per scan, removed when it ends.

Exchange and Microsoft Graph each list users in their own order. So a page of a listing is stored in rows with a column
for each bucket of users (``atlas.domain.buckets``), and users are joined with their mailboxes bucket by bucket.
"""

from collections.abc import AsyncIterator, Container, Iterable, Mapping, Sequence
from itertools import batched
from typing import Any

from atlas.domain.adoption import Adoption
from atlas.domain.ews_settings import EwsScope
from atlas.domain.mailboxes import MailboxEvidence
from atlas.tables.adoption import from_columns, to_columns
from atlas.tables.census_columns import (
    EWS,
    LISTED,
    MAILBOX,
    CensusUser,
    ListedUser,
    column_of,
    ews_lines,
    from_line,
    listed_lines,
    mailbox_lines,
    rows_by_bucket,
    user_id_of,
    users_columns,
    users_of,
    without_lines,
)
from atlas.tables.store import Entity, TableStore

BOOKINGS_CENSUS = "BookingsCensus"
MAILBOXES, POLICIES, LISTED_USERS = "mailboxes", "policies", "listed"
MAX_PARTS = 999_999
USERS_PER_ROW = 25
"""How many users of a page share a row: one read returns them, and their lane probes them one after the other."""


class Census:
    """What scans have listed: mailboxes, EWS settings and users by bucket; and pages of users with their mailboxes."""

    def __init__(self, store: TableStore) -> None:
        self._store = store

    async def add_mailboxes(self, scan_id: str, page: int, mailboxes: Mapping[str, MailboxEvidence]) -> None:
        """Store one page of Exchange's listing of mailboxes, by the object ID of their user."""
        await self._add_listing(scan_id, MAILBOXES, page, mailbox_lines(mailboxes))

    async def add_policies(self, scan_id: str, page: int, scopes: Mapping[str, EwsScope]) -> None:
        """Store one page of Exchange's listing of EWS settings, by the object ID of the mailbox's user."""
        await self._add_listing(scan_id, POLICIES, page, ews_lines(scopes))

    async def add_listed_users(self, scan_id: str, page: int, users: Sequence[ListedUser]) -> None:
        """Store one page of the listing of licensed users."""
        await self._add_listing(scan_id, LISTED_USERS, page, listed_lines(users))

    async def get_mailboxes(
        self, scan_id: str, first_page: int, buckets: range, wanted: Container[str]
    ) -> dict[str, MailboxEvidence]:
        """The listed mailboxes of the wanted users, who belong to these buckets; there may be many more mailboxes."""
        lines = self._get_lines(scan_id, MAILBOXES, first_page, buckets)
        parsed = [from_line(MAILBOX, line) async for line in lines if user_id_of(line) in wanted]
        return dict(record for record in parsed if record)

    async def get_policies(
        self, scan_id: str, first_page: int, buckets: range, wanted: Container[str]
    ) -> dict[str, EwsScope]:
        """The listed EWS settings of the wanted users' mailboxes, as ``get_mailboxes``."""
        lines = self._get_lines(scan_id, POLICIES, first_page, buckets)
        parsed = [from_line(EWS, line) async for line in lines if user_id_of(line) in wanted]
        return dict(record for record in parsed if record)

    async def get_listed_users(self, scan_id: str, first_page: int, buckets: range) -> dict[str, ListedUser]:
        """The listed users of these buckets, each once, by object ID."""
        lines = self._get_lines(scan_id, LISTED_USERS, first_page, buckets)
        parsed = [from_line(LISTED, line) async for line in lines]
        return {record[0].user_id: record for record in parsed if record}

    async def add_users(self, scan_id: str, page: int, users: Sequence[CensusUser]) -> None:
        """Store a page of licensed users with their mailboxes, in the order in which they are probed."""
        rows = (
            _entity(scan_id, users_key(page, number), **users_columns(some))
            for number, some in enumerate(batched(users, USERS_PER_ROW, strict=False))
        )
        await self._store.upsert_all(BOOKINGS_CENSUS, rows)

    async def get_users(self, scan_id: str, page: int, row: int) -> Sequence[CensusUser | None]:
        """Point read of ``USERS_PER_ROW`` users of a page; ``None`` for users who cannot be read or were removed."""
        entity = await self._store.get(BOOKINGS_CENSUS, scan_id, users_key(page, row))
        return users_of(entity) if entity else []

    async def _add_listing(self, scan_id: str, listing: str, page: int, lines: Iterable[tuple[str, str]]) -> None:
        rows = (
            _entity(scan_id, listing_key(listing, page, part), **columns)
            for part, columns in enumerate(rows_by_bucket(lines))
        )
        await self._store.upsert_all(BOOKINGS_CENSUS, rows)

    async def _get_lines(self, scan_id: str, listing: str, first_page: int, buckets: range) -> AsyncIterator[str]:
        """Range read of some columns of the listing that begins with this page.

        Of a record that was listed twice, the newer one comes last.
        """
        columns = [column_of(bucket) for bucket in buckets]
        keys = listing_key(listing, first_page, 0), f"{listing}-~"
        async for entity in self._store.iterate(BOOKINGS_CENSUS, scan_id, *keys, select=columns):
            for column in columns:
                for line in str(entity.get(column) or "").split("\n"):
                    yield line

    async def add_position(self, scan_id: str, listing: str, page: int, position: str) -> None:
        """Store where a page of a listing begins: its link, which names people, so it stays out of Durable history."""
        await self._store.upsert(BOOKINGS_CENSUS, _entity(scan_id, position_key(listing, page), Position=position))

    async def get_position(self, scan_id: str, listing: str, page: int) -> str | None:
        """Point read of where a page of a listing begins."""
        entity = await self._store.get(BOOKINGS_CENSUS, scan_id, position_key(listing, page))
        return str(entity["Position"]) if entity else None

    async def add_adoption(self, scan_id: str, part: int, adoption: Adoption) -> None:
        """Store the numbers of one part of the rows."""
        await self._store.upsert(BOOKINGS_CENSUS, _entity(scan_id, adoption_key(part), **to_columns(adoption)))

    async def get_adoption(self, scan_id: str) -> list[Adoption]:
        """Range read of the numbers of all parts."""
        keys = adoption_key(0), adoption_key(MAX_PARTS)
        return [from_columns(entity) async for entity in self._store.iterate(BOOKINGS_CENSUS, scan_id, *keys)]

    async def delete_user(self, scan_id: str, user_id: str) -> int:
        """Range read of a scan's census: remove one user from it; returns in how many rows there was something."""
        found = 0
        async for entity in self._store.iterate(BOOKINGS_CENSUS, scan_id):
            named = {name: text for name, text in entity.items() if isinstance(text, str) and f'"{user_id}"' in text}
            if not named or named.keys() & {"Position"}:
                continue
            without = {name: without_lines(text, f'"{user_id}"') for name, text in named.items()}
            await self._store.upsert(BOOKINGS_CENSUS, {**entity, **without})
            found += 1
        return found

    async def delete(self, scan_id: str, limit: int) -> int:
        """Remove rows of a scan, at most ``limit``; returns how many there were."""
        page = await self._store.get_page(BOOKINGS_CENSUS, scan_id, select=["RowKey"], size=min(limit, 1000))
        await self._store.delete_all(BOOKINGS_CENSUS, scan_id, [row["RowKey"] for row in page.entities])
        return len(page.entities)


def listing_key(listing: str, page: int, part: int) -> str:
    """The row key of a part of a page of a listing."""
    return f"{listing}-{page:06d}-{part:03d}"


def users_key(page: int, row: int) -> str:
    """The row key of some users of a page."""
    return f"users-{page:06d}-{row:06d}"


def position_key(listing: str, page: int) -> str:
    """The row key of the position of a page."""
    return f"position-{listing}-{page:06d}"


def adoption_key(part: int) -> str:
    """The row key of the numbers of one part of the rows."""
    return f"adoption-{part:06d}"


def _entity(scan_id: str, key: str, **columns: Any) -> Entity:
    return {"PartitionKey": scan_id, "RowKey": key, **columns}
