"""The table ``PersonalBookings``: one row for each licensed user (docs/tables.md)."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from atlas.domain.changes import Change, ChangeKind
from atlas.domain.findings import Finding
from atlas.domain.page_urls import anonymous_url
from atlas.domain.policy import Cause, Obstacle, Scope, Verdict
from atlas.domain.statuses import Status
from atlas.domain.user_filters import UserFilter
from atlas.domain.user_rows import MeetingType, UserRow
from atlas.domain.users import LicensedUser
from atlas.tables.store import Entity, TableStore

PERSONAL_BOOKINGS = "PersonalBookings"
MAX_TEXT_CODE_UNITS = 32_000
"""Code units of UTF-16; a string property holds 64 KiB of them."""


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row as it was read: with what a conditional write needs, and a change that was not told yet."""

    row: UserRow
    etag: str
    pending_change: Change | None = None


@dataclass(frozen=True, slots=True)
class RowsPage:
    """A part of a range read, and the key that the next part begins with."""

    rows: tuple[UserRow, ...]
    next_key: Mapping[str, str] | None


class StatusRows:
    """The rows of one tenant."""

    def __init__(self, store: TableStore, tenant_id: str) -> None:
        self._store = store
        self._tenant_id = tenant_id

    async def get(self, user_id: str) -> StoredRow | None:
        """Point read of one user's row."""
        entity = await self._store.get(PERSONAL_BOOKINGS, self._tenant_id, user_id)
        return from_entity(entity) if entity else None

    async def iterate(self) -> AsyncIterator[StoredRow]:
        """Range read of all rows, in the order of the object id."""
        async for entity in self._store.iterate(PERSONAL_BOOKINGS, self._tenant_id):
            yield from_entity(entity)

    async def get_page(self, wanted: UserFilter, first: str, next_key: Mapping[str, str] | None) -> RowsPage:
        """One part of a range read from key ``first`` on; storage leaves out some of what is not wanted."""
        where, values = _where(wanted)
        page = await self._store.get_page(
            PERSONAL_BOOKINGS, self._tenant_id, first, next_key=next_key, where=where, values=values
        )
        return RowsPage(tuple(from_entity(entity).row for entity in page.entities), page.next_key)

    async def save(self, row: UserRow, pending_change: Change | None, etag: str | None) -> str:
        """Write the whole row over the version read, or insert it; answers the new ETag. Raises ``RowChanged``."""
        return await self._store.replace(PERSONAL_BOOKINGS, to_entity(row, self._tenant_id, pending_change), etag)

    async def mark_pending(self, user_id: str, change: Change | None, etag: str) -> str:
        """Write only which change is not told yet; answers the new ETag. Raises ``RowChanged``."""
        entity = {"PartitionKey": self._tenant_id, "RowKey": user_id, "PendingChange": _change_text(change)}
        return await self._store.merge(PERSONAL_BOOKINGS, entity, etag)

    async def delete(self, user_id: str, etag: str) -> None:
        """Remove a row in the version read. Raises ``RowChanged``."""
        await self._store.delete(PERSONAL_BOOKINGS, self._tenant_id, user_id, etag)


def _where(wanted: UserFilter) -> tuple[str, dict[str, Any]]:
    """What storage can tell of a filter, so that fewer rows travel; the filter itself has the last word."""
    values: dict[str, Any] = {f"status{index}": str(status) for index, status in enumerate(wanted.statuses or ())}
    clauses = [" or ".join(f"Status eq @{name}" for name in values)] if values else []
    if wanted.enabled is not None:
        values["enabled"] = wanted.enabled
        clauses.append("AccountEnabled eq @enabled")
    # The SDK finds a parameter by the blanks around it.
    return "".join(f" and ( {clause} )" for clause in clauses), values


def to_entity(row: UserRow, tenant_id: str, pending_change: Change | None = None) -> Entity:
    """The columns of a row; what is not known has no column."""
    user = row.user
    types, cut = meeting_types_text(row.meeting_types) if row.meeting_types is not None else (None, None)
    columns: Mapping[str, Any] = {
        "UserPrincipalName": user.upn,
        "DisplayName": user.display_name,
        "Department": user.department,
        "Mail": user.mail,
        "AccountEnabled": user.account_enabled,
        "UserType": user.user_type,
        "RecipientType": row.recipient_type,
        "PrimarySmtpAddress": row.primary_smtp_address,
        "MailboxGuid": row.mailbox_guid,
        "Status": str(row.status),
        "Reason": row.reason or cut,
        "Url": row.url,
        "AnonymousUrl": anonymous_url(row.url) if row.url else None,
        "MeetingTypes": types,
        "Bookable": row.bookable,
        "PolicyVerdict": row.policy_verdict and str(row.policy_verdict),
        "PolicyReason": row.policy_reason,
        "PolicyCause": row.policy_cause and str(row.policy_cause),
        "PolicyScope": row.policy_scope and str(row.policy_scope),
        "PolicyEntries": json.dumps(row.policy_entries) if row.policy_entries else None,
        "PolicyFurther": json.dumps([*map(asdict, row.policy_further)]) if row.policy_further else None,
        "Finding": " ".join(row.findings) or None,
        "LastKnownStatus": row.last_known_status and str(row.last_known_status),
        "LastKnownAt": row.last_known_at,
        "CheckedAt": row.checked_at,
        "ChangedAt": row.changed_at,
        "ScanId": row.scan_id,
        "PendingChange": _change_text(pending_change) or None,
    }
    known = {name: value for name, value in columns.items() if value is not None}
    return {"PartitionKey": tenant_id, "RowKey": user.user_id, **known}


def from_entity(entity: Mapping[str, Any]) -> StoredRow:
    """The row that ``to_entity`` wrote."""
    last_known = entity.get("LastKnownStatus")
    row = UserRow(
        user=LicensedUser(
            user_id=entity["RowKey"],
            upn=entity["UserPrincipalName"],
            display_name=entity.get("DisplayName"),
            department=entity.get("Department"),
            mail=entity.get("Mail"),
            account_enabled=entity.get("AccountEnabled"),
            user_type=entity.get("UserType"),
        ),
        status=Status(entity["Status"]),
        checked_at=_moment(entity["CheckedAt"]),
        reason=entity.get("Reason"),
        recipient_type=entity.get("RecipientType"),
        primary_smtp_address=entity.get("PrimarySmtpAddress"),
        mailbox_guid=entity.get("MailboxGuid"),
        url=entity.get("Url"),
        meeting_types=_meeting_types(entity.get("MeetingTypes")),
        bookable=entity.get("Bookable"),
        policy_verdict=Verdict(entity["PolicyVerdict"]) if entity.get("PolicyVerdict") else None,
        policy_reason=entity.get("PolicyReason"),
        policy_cause=Cause(entity["PolicyCause"]) if entity.get("PolicyCause") else None,
        policy_scope=Scope(entity["PolicyScope"]) if entity.get("PolicyScope") else None,
        policy_entries=tuple(json.loads(entity.get("PolicyEntries", "[]"))),
        policy_further=tuple(map(_obstacle, json.loads(entity.get("PolicyFurther", "[]")))),
        findings=tuple(Finding(name) for name in entity.get("Finding", "").split()),
        last_known_status=Status(last_known) if last_known else None,
        last_known_at=_optional_moment(entity.get("LastKnownAt")),
        changed_at=_optional_moment(entity.get("ChangedAt")),
        scan_id=entity.get("ScanId"),
    )
    return StoredRow(row, getattr(entity, "metadata", {}).get("etag", ""), _change(entity.get("PendingChange")))


def meeting_types_text(types: tuple[MeetingType, ...]) -> tuple[str, str | None]:
    """The list of section 5.1 as JSON; where a column cannot hold it, the first that fit and a sentence about it."""
    stored = types
    while (size := _code_units(text := _types_json(stored))) > MAX_TEXT_CODE_UNITS:
        stored = stored[: len(stored) * MAX_TEXT_CODE_UNITS // size]
    return text, None if stored == types else f"the first {len(stored)} of {len(types)} meeting types are kept"


def _types_json(types: tuple[MeetingType, ...]) -> str:
    return json.dumps([meeting_type_dict(item) for item in types], ensure_ascii=False)


def _code_units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def meeting_type_dict(meeting_type: MeetingType) -> dict[str, Any]:
    """One meeting type in the shape of section 5.1."""
    return {
        "id": meeting_type.type_id,
        "title": meeting_type.title,
        "durationMinutes": meeting_type.duration_minutes,
        "isOnline": meeting_type.is_online,
        "url": meeting_type.url,
    }


def _obstacle(columns: Mapping[str, Any]) -> Obstacle:
    return Obstacle(Scope(columns["scope"]), Cause(columns["cause"]), tuple(columns["entries"]))


def _meeting_types(text: str | None) -> tuple[MeetingType, ...] | None:
    if text is None:
        return None
    return tuple(
        MeetingType(item["id"], item["title"], item["durationMinutes"], item["isOnline"], item["url"])
        for item in json.loads(text)
    )


def change_dict(change: Change) -> dict[str, Any]:
    """A change as columns of its own row, and as the text of ``PendingChange``; unknown parts are left out."""
    columns = {
        "At": change.at,
        "Kind": str(change.kind),
        "UserId": change.user_id,
        "UserPrincipalName": change.upn,
        "DisplayName": change.display_name,
        "FromStatus": change.from_status and str(change.from_status),
        "ToStatus": str(change.to_status),
        "Url": change.url,
        "PreviousUrl": change.previous_url,
        "ScanId": change.scan_id,
    }
    return {name: value for name, value in columns.items() if value is not None}


def change_of(columns: Mapping[str, Any]) -> Change:
    """The change that ``change_dict`` wrote."""
    from_status = columns.get("FromStatus")
    return Change(
        at=_moment(columns["At"]),
        kind=ChangeKind(columns["Kind"]),
        user_id=columns["UserId"],
        upn=columns["UserPrincipalName"],
        display_name=columns.get("DisplayName"),
        from_status=Status(from_status) if from_status else None,
        to_status=Status(columns["ToStatus"]),
        url=columns.get("Url"),
        previous_url=columns.get("PreviousUrl"),
        scan_id=columns.get("ScanId"),
    )


def _change_text(change: Change | None) -> str:
    return json.dumps(change_dict(change), default=lambda moment: moment.isoformat()) if change else ""


def _change(text: str | None) -> Change | None:
    return change_of(json.loads(text)) if text else None


def _moment(value: Any) -> datetime:
    """A time without the SDK's own subclass around it."""
    text = value if isinstance(value, str) else value.isoformat()
    return datetime.fromisoformat(text)


def _optional_moment(value: Any) -> datetime | None:
    return None if value is None else _moment(value)
