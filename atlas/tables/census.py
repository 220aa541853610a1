"""The table ``BookingsCensus``: what a running scan has listed; one partition per scan, removed when it ends.

Exchange and Microsoft Graph each list users in their own order. So a page of a listing is stored in rows with a column
for each bucket of users (``atlas.domain.buckets``), and users are joined with their mailboxes bucket by bucket.
"""

import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import batched
from typing import Any

from pydantic import TypeAdapter, ValidationError

from atlas.domain.adoption import Adoption
from atlas.domain.buckets import bucket_of
from atlas.domain.ews_settings import EwsScope
from atlas.domain.mailboxes import Mailbox, MailboxEvidence
from atlas.domain.users import LicensedUser
from atlas.tables.adoption import from_columns, to_columns
from atlas.tables.store import Entity, TableStore

log = logging.getLogger(__name__)

BOOKINGS_CENSUS = "BookingsCensus"
MAX_PARTS = 999_999
USERS_PER_ROW = 25
"""How many users of a page are stored in one row, which a lane reads at once and then probes."""
MAX_COLUMN_BYTES = 30_000
"""Of JSON in UTF-8, which has at least as many bytes as UTF-16 has code units; a column holds 32,768 of these."""
MAX_ROW_BYTES = 250_000
"""A row holds 1 MiB, and is sent as ASCII, in which a letter outside it takes three times as many bytes."""

type CensusUser = tuple[LicensedUser, MailboxEvidence]
type ListedUser = tuple[LicensedUser, MailboxEvidence | None]
"""``None``: the mailbox is looked up in the listing of mailboxes."""

MAILBOX: TypeAdapter[tuple[str, MailboxEvidence]] = TypeAdapter(tuple[str, MailboxEvidence])
EWS = TypeAdapter(tuple[str, EwsScope])
LISTED: TypeAdapter[ListedUser] = TypeAdapter(ListedUser)
USER: TypeAdapter[CensusUser] = TypeAdapter(CensusUser)


class Census:
    """What scans have listed: mailboxes, EWS settings and users by bucket; and pages of users with their mailboxes."""

    def __init__(self, store: TableStore) -> None:
        self._store = store

    async def add_mailboxes(self, scan_id: str, page: int, mailboxes: Mapping[str, MailboxEvidence]) -> None:
        """Store one page of Exchange's listing of mailboxes, by the object ID of their user."""
        await self._add_listing(
            scan_id, "mailboxes", page, [(one[0], _line(MAILBOX, one)) for one in mailboxes.items()]
        )

    async def add_policies(self, scan_id: str, page: int, scopes: Mapping[str, EwsScope]) -> None:
        """Store one page of Exchange's listing of EWS settings, by the object ID of the mailbox's user."""
        await self._add_listing(scan_id, "policies", page, [(one[0], _line(EWS, one)) for one in scopes.items()])

    async def add_listed_users(self, scan_id: str, page: int, users: Sequence[ListedUser]) -> None:
        """Store one page of the listing of licensed users."""
        await self._add_listing(scan_id, "listed", page, [(one[0].user_id, _line(LISTED, one)) for one in users])

    async def get_mailboxes(self, scan_id: str, buckets: range, *, with_policies: bool) -> dict[str, MailboxEvidence]:
        """The listed mailboxes of these buckets, with their EWS settings if those were listed too."""
        found = {user_id: one async for user_id, one in self._get_listing(scan_id, "mailboxes", 1, buckets, MAILBOX)}
        if with_policies:
            async for user_id, scope in self._get_listing(scan_id, "policies", 1, buckets, EWS):
                mailbox = found.get(user_id)
                if isinstance(mailbox, Mailbox):
                    found[user_id] = replace(mailbox, ews=scope)
        return found

    async def get_listed_users(self, scan_id: str, first_page: int, buckets: range) -> dict[str, ListedUser]:
        """The listed users of these buckets, each once, by object ID; ``first_page``: where their listing began."""
        listed = self._get_listing(scan_id, "listed", first_page, buckets, LISTED)
        return {one[0].user_id: one async for one in listed}

    async def add_users(self, scan_id: str, page: int, users: Sequence[CensusUser]) -> None:
        """Store a page of licensed users with their mailboxes, in the order in which they are probed."""
        rows = (
            _entity(scan_id, users_key(page, number), Users="\n".join(_line(USER, one) for one in some))
            for number, some in enumerate(batched(users, USERS_PER_ROW, strict=False))
        )
        await self._store.upsert_all(BOOKINGS_CENSUS, rows)

    async def get_users(self, scan_id: str, page: int, row: int) -> Sequence[CensusUser | None]:
        """Point read of ``USERS_PER_ROW`` users of a page; ``None`` for one that cannot be read or was removed."""
        entity = await self._store.get(BOOKINGS_CENSUS, scan_id, users_key(page, row))
        return [_parse(USER, line) for line in str(entity["Users"]).split("\n")] if entity else []

    async def _add_listing(self, scan_id: str, listing: str, page: int, lines: Sequence[tuple[str, str]]) -> None:
        rows = (
            _entity(scan_id, listing_key(listing, page, part), **columns)
            for part, columns in enumerate(_columns_of(lines))
        )
        await self._store.upsert_all(BOOKINGS_CENSUS, rows)

    async def _get_listing[Value](
        self, scan_id: str, listing: str, first_page: int, buckets: range, codec: TypeAdapter[Value]
    ) -> AsyncIterator[Value]:
        """Range read of some columns of a listing; of a record that was listed twice, the newer comes last."""
        columns = [column_of(bucket) for bucket in buckets]
        keys = listing_key(listing, first_page, 0), listing_key(listing, MAX_PARTS + 1, 0)
        async for entity in self._store.iterate(BOOKINGS_CENSUS, scan_id, *keys, select=columns):
            for column in columns:
                for line in str(entity.get(column) or "").split("\n"):
                    if (value := _parse(codec, line)) is not None:
                        yield value

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
            without = {name: _without_lines(text, f'"{user_id}"') for name, text in named.items()}
            await self._store.upsert(BOOKINGS_CENSUS, {**entity, **without})
            found += 1
        return found

    async def delete(self, scan_id: str, limit: int) -> int:
        """Remove rows of a scan, at most ``limit``; returns how many there were."""
        page = await self._store.get_page(BOOKINGS_CENSUS, scan_id, select=["RowKey"], size=min(limit, 1000))
        await self._store.delete_all(BOOKINGS_CENSUS, scan_id, [row["RowKey"] for row in page.entities])
        return len(page.entities)


def column_of(bucket: int) -> str:
    """The column of a listing's row that contains a bucket."""
    return f"Bucket{bucket:03d}"


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


def _columns_of(lines: Iterable[tuple[str, str]]) -> Iterator[dict[str, str]]:
    """The lines as columns, one per bucket, in as many rows as are needed to keep every column and row small enough."""
    columns: dict[str, list[str]] = {}
    sizes: dict[str, int] = {}
    for user_id, line in lines:
        name, size = column_of(bucket_of(user_id)), len(line.encode()) + 1
        if size > MAX_COLUMN_BYTES:
            log.warning("A record of %d bytes is too long for the census and is left out", size)
            continue
        if sizes.get(name, 0) + size > MAX_COLUMN_BYTES or sum(sizes.values()) + size > MAX_ROW_BYTES:
            yield _join_lines(columns)
            columns, sizes = {}, {}
        columns.setdefault(name, []).append(line)
        sizes[name] = sizes.get(name, 0) + size
    if columns:
        yield _join_lines(columns)


def _join_lines(columns: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {name: "\n".join(lines) for name, lines in columns.items()}


def _line[Value](codec: TypeAdapter[Value], value: Value) -> str:
    """A value as one line of JSON, so that a malformed one affects only itself."""
    return codec.dump_json(value, exclude_none=True).decode()


def _parse[Value](codec: TypeAdapter[Value], line: str) -> Value | None:
    if not line:
        return None
    try:
        return codec.validate_json(line)
    except ValidationError as error:
        log.warning("A record of the census cannot be read: %s", error.errors(include_input=False))
        return None


def _without_lines(text: str, name: str) -> str:
    """The lines without those that contain the name, which become empty: the others keep their places."""
    return "\n".join("" if name in line else line for line in text.split("\n"))
