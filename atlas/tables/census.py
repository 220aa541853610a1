"""The table ``BookingsCensus``: what a running scan has listed; one partition per scan, removed when it ends."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter

from atlas.domain.adoption import Adoption
from atlas.domain.ews_settings import EwsScope
from atlas.domain.mailboxes import Mailbox, MailboxEvidence
from atlas.domain.users import LicensedUser
from atlas.tables.adoption import from_columns, to_columns
from atlas.tables.store import Entity, TableStore

BOOKINGS_CENSUS = "BookingsCensus"
MAX_PARTS = 999_999

USER = TypeAdapter(LicensedUser)
MAILBOX: TypeAdapter[MailboxEvidence] = TypeAdapter(MailboxEvidence)
EWS = TypeAdapter(EwsScope)

READ_AHEAD = 25
"""How many users one range read returns."""
READ_AHEAD_SECONDS = 30.0
"""How long they stay in memory; a lane may wait for hours, and `atlas forget` may remove a user meanwhile."""

type CensusUser = tuple[LicensedUser, MailboxEvidence]


@dataclass(frozen=True, slots=True)
class ReadAhead:
    """Users that one range read has brought, or is bringing."""

    read_at: float
    users: asyncio.Future[Mapping[int, Mapping[str, Any]]]
    """Their rows. Each is parsed when it is returned, so that a malformed one affects only itself."""
    returned: set[int] = field(default_factory=set)


class Census:
    """What scans have listed: mailboxes by their user's object ID, licensed users by their position in the listing."""

    def __init__(self, store: TableStore) -> None:
        self._store = store
        self._ahead: dict[tuple[str, int, int], ReadAhead] = {}

    async def add_mailboxes(self, scan_id: str, mailboxes: Mapping[str, MailboxEvidence]) -> None:
        """Store the mailboxes of one page of Exchange's listing, beside their EWS settings if those came first."""
        await self._store.merge_all(
            BOOKINGS_CENSUS,
            [
                _entity(scan_id, mailbox_key(user_id), Mailbox=_json(MAILBOX, mailbox))
                for user_id, mailbox in mailboxes.items()
            ],
        )

    async def add_policies(self, scan_id: str, scopes: Mapping[str, EwsScope]) -> None:
        """Store the EWS settings of one page of mailboxes, beside the mailboxes."""
        await self._store.merge_all(
            BOOKINGS_CENSUS,
            [_entity(scan_id, mailbox_key(user_id), Ews=_json(EWS, scope)) for user_id, scope in scopes.items()],
        )

    async def get_mailbox(self, scan_id: str, user_id: str) -> MailboxEvidence | None:
        """Point read of a mailbox with its EWS settings; ``None`` if the listing does not contain it."""
        entity = await self._store.get(BOOKINGS_CENSUS, scan_id, mailbox_key(user_id))
        if entity is None or "Mailbox" not in entity:
            return None
        mailbox = MAILBOX.validate_json(entity["Mailbox"])
        if isinstance(mailbox, Mailbox) and "Ews" in entity:
            return replace(mailbox, ews=EWS.validate_json(entity["Ews"]))
        return mailbox

    async def add_users(self, scan_id: str, page: int, users: Sequence[tuple[LicensedUser, MailboxEvidence]]) -> None:
        """Store the licensed users of one page with their mailboxes, each at its position."""
        await self._store.upsert_all(
            BOOKINGS_CENSUS,
            [
                _entity(scan_id, user_key(page, index), User=_json(USER, user), Mailbox=_json(MAILBOX, mailbox))
                for index, (user, mailbox) in enumerate(users)
            ],
        )

    async def get_user(self, scan_id: str, page: int, index: int) -> CensusUser | None:
        """The user at one position. A range read also returns the users next to it, which are probed soon.

        Each user is returned from memory once, and only for ``READ_AHEAD_SECONDS``.
        """
        start = index - index % READ_AHEAD
        now = asyncio.get_running_loop().time()
        self._ahead = {key: ahead for key, ahead in self._ahead.items() if now - ahead.read_at < READ_AHEAD_SECONDS}
        ahead = self._ahead.get((scan_id, page, start))
        if ahead is None or index in ahead.returned or (ahead.users.done() and ahead.users.exception()):
            read = asyncio.ensure_future(self._get_users(scan_id, page, start, start + READ_AHEAD))
            ahead = self._ahead[scan_id, page, start] = ReadAhead(now, read)
        ahead.returned.add(index)
        entity = (await asyncio.shield(ahead.users)).get(index)
        return _user_of(entity) if entity else None

    async def _get_users(self, scan_id: str, page: int, first: int, last: int) -> Mapping[int, Mapping[str, Any]]:
        columns = ["RowKey", "User", "Mailbox"]
        found = self._store.iterate(BOOKINGS_CENSUS, scan_id, user_key(page, first), user_key(page, last), columns)
        return {int(entity["RowKey"][-4:]): entity async for entity in found}

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
        """Range read of a scan's census: remove the rows of one user; returns how many there were."""
        keys = [
            entity["RowKey"]
            async for entity in self._store.iterate(BOOKINGS_CENSUS, scan_id, select=["RowKey", "User"])
            if entity["RowKey"] == mailbox_key(user_id) or f'"{user_id}"' in entity.get("User", "")
        ]
        await self._store.delete_all(BOOKINGS_CENSUS, scan_id, keys)
        return len(keys)

    async def delete(self, scan_id: str, limit: int) -> int:
        """Remove rows of a scan, at most ``limit``; returns how many there were."""
        page = await self._store.get_page(BOOKINGS_CENSUS, scan_id, select=["RowKey"], size=min(limit, 1000))
        await self._store.delete_all(BOOKINGS_CENSUS, scan_id, [row["RowKey"] for row in page.entities])
        return len(page.entities)


def mailbox_key(user_id: str) -> str:
    """The row key of a mailbox."""
    return f"mailbox-{user_id}"


def user_key(page: int, index: int) -> str:
    """The row key of a licensed user: the page of the listing, and the position on it."""
    return f"user-{page:06d}-{index:04d}"


def position_key(listing: str, page: int) -> str:
    """The row key of the position of a page."""
    return f"position-{listing}-{page:06d}"


def adoption_key(part: int) -> str:
    """The row key of the numbers of one part of the rows."""
    return f"adoption-{part:06d}"


def _entity(scan_id: str, key: str, **columns: Any) -> Entity:
    return {"PartitionKey": scan_id, "RowKey": key, **columns}


def _user_of(entity: Mapping[str, Any]) -> CensusUser:
    return USER.validate_json(entity["User"]), MAILBOX.validate_json(entity["Mailbox"])


def _json[Value](codec: TypeAdapter[Value], value: Value) -> str:
    return codec.dump_json(value, exclude_none=True).decode()
