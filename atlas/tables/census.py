"""The table ``BookingsCensus``: what a running scan has listed, one partition a scan, removed when it ends."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from atlas.domain.mailboxes import Mailbox, MailboxEvidence, NoMailbox
from atlas.domain.policy import Access, EwsScope
from atlas.domain.unknown import Unknown
from atlas.domain.users import LicensedUser
from atlas.tables.store import Entity, TableStore

BOOKINGS_CENSUS = "BookingsCensus"


class Census:
    """What scans have listed: mailboxes by their user's object id, licensed users by their place in the listing."""

    def __init__(self, store: TableStore) -> None:
        self._store = store

    async def add_mailboxes(self, scan_id: str, mailboxes: Mapping[str, MailboxEvidence]) -> None:
        """Note the mailboxes of one page of Exchange's listing."""
        await self._store.upsert_all(
            BOOKINGS_CENSUS,
            [_row(scan_id, mailbox_key(user_id), _mailbox_columns(mailbox)) for user_id, mailbox in mailboxes.items()],
        )

    async def add_policies(self, scan_id: str, scopes: Mapping[str, EwsScope]) -> None:
        """Note the EWS settings of one page of mailboxes, beside what stands there of them."""
        await self._store.merge_all(
            BOOKINGS_CENSUS,
            [_row(scan_id, mailbox_key(user_id), _ews_columns(scope)) for user_id, scope in scopes.items()],
        )

    async def get_mailbox(self, scan_id: str, user_id: str) -> MailboxEvidence:
        """Point read. What a complete listing does not hold is known not to be there."""
        entity = await self._store.get(BOOKINGS_CENSUS, scan_id, mailbox_key(user_id))
        return _mailbox_of(entity) if entity else NoMailbox()

    async def add_users(self, scan_id: str, page: int, users: Sequence[tuple[LicensedUser, MailboxEvidence]]) -> None:
        """Note the licensed users of one page with their mailboxes, each at its place."""
        await self._store.upsert_all(
            BOOKINGS_CENSUS,
            [
                _row(scan_id, user_key(page, index), {**_user_columns(user), **_mailbox_columns(mailbox)})
                for index, (user, mailbox) in enumerate(users)
            ],
        )

    async def get_user(self, scan_id: str, page: int, index: int) -> tuple[LicensedUser, MailboxEvidence] | None:
        """Point read of the user at one place."""
        entity = await self._store.get(BOOKINGS_CENSUS, scan_id, user_key(page, index))
        return (_user_of(entity), _mailbox_of(entity)) if entity else None

    async def delete(self, scan_id: str, most: int) -> int:
        """Remove rows of a scan, at most so many; answers how many there were."""
        page = await self._store.get_page(BOOKINGS_CENSUS, scan_id, select=["RowKey"], size=min(most, 1000))
        await self._store.delete_all(BOOKINGS_CENSUS, scan_id, [row["RowKey"] for row in page.entities])
        return len(page.entities)


def mailbox_key(user_id: str) -> str:
    """The row key of a mailbox."""
    return f"mailbox-{user_id}"


def user_key(page: int, index: int) -> str:
    """The row key of a licensed user: the page of the listing, and the place on it."""
    return f"user-{page:06d}-{index:04d}"


def _row(scan_id: str, key: str, columns: Mapping[str, Any]) -> Entity:
    return {"PartitionKey": scan_id, "RowKey": key} | {
        name: value for name, value in columns.items() if value is not None
    }


def _user_columns(user: LicensedUser) -> dict[str, Any]:
    return asdict(user)


def _user_of(entity: Mapping[str, Any]) -> LicensedUser:
    return LicensedUser(**{name: entity.get(name) for name in LicensedUser.__dataclass_fields__})  # type: ignore[arg-type]


def _mailbox_columns(mailbox: MailboxEvidence) -> dict[str, Any]:
    match mailbox:
        case Mailbox():
            return {
                "MailboxGuid": str(mailbox.guid),
                "PrimarySmtpAddress": mailbox.primary_smtp_address,
                "RecipientType": mailbox.recipient_type,
                "HasCapability": mailbox.has_capability,
                **_ews_columns(mailbox.ews),
            }
        case NoMailbox():
            return {"RecipientType": mailbox.recipient_type}
        case Unknown():
            return {"NotLearned": str(mailbox)}


def _mailbox_of(entity: Mapping[str, Any]) -> MailboxEvidence:
    if "NotLearned" in entity:
        return Unknown.parse(entity["NotLearned"])
    if "MailboxGuid" not in entity:
        return NoMailbox(entity.get("RecipientType"))
    return Mailbox(
        guid=UUID(entity["MailboxGuid"]),
        primary_smtp_address=entity.get("PrimarySmtpAddress"),
        recipient_type=entity.get("RecipientType"),
        has_capability=entity.get("HasCapability"),
        ews=_ews_of(entity),
    )


def _ews_columns(scope: EwsScope | None) -> dict[str, Any]:
    if scope is None:
        return {}
    return {
        "EwsAccess": str(scope.access),
        "EwsPolicy": scope.policy,
        "EwsEnabled": scope.ews_enabled,
        "EwsEntries": json.dumps(scope.entries) if scope.entries else None,
    }


def _ews_of(entity: Mapping[str, Any]) -> EwsScope | None:
    if "EwsAccess" not in entity:
        return None
    entries = tuple(json.loads(entity.get("EwsEntries", "[]")))
    return EwsScope(Access(entity["EwsAccess"]), entity.get("EwsPolicy"), entity.get("EwsEnabled"), entries)
