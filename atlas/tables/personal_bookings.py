"""The tables ``PersonalBookings`` and ``BookingsChanges``: licensed users, and the changes of their pages."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from atlas.domain.changes import Change
from atlas.domain.page_urls import anonymous_url
from atlas.domain.user_filters import UserFilter
from atlas.domain.user_rows import MeetingType, UserRow
from atlas.domain.users import LicensedUser
from atlas.tables.change_feed import ChangeFeed
from atlas.tables.columns import Columns, json_text
from atlas.tables.kinds import Kind
from atlas.tables.outbox import Outbox
from atlas.tables.paging import RowsFilter
from atlas.tables.rows import RowTable, Stored

PERSONAL_BOOKINGS = "PersonalBookings"
BOOKINGS_CHANGES = "BookingsChanges"
OBJECT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MAX_JSON_CODE_UNITS = 32_000
"""Code units of UTF-16; a column holds 64 KiB of them."""

USER_COLUMNS = Columns(LicensedUser, names={"user_id": "RowKey", "upn": "UserPrincipalName"})
MEETING_TYPE = TypeAdapter(MeetingType)


class UserRowColumns(Columns[UserRow]):
    """The columns that docs/tables.md lists; those of the user come first."""

    def __init__(self) -> None:
        super().__init__(UserRow, as_json=("meeting_types", "policy"), left_out=("user", "findings"))

    def to_columns(self, record: UserRow) -> dict[str, Any]:
        """The columns of a row; those derived from others are for readers of the table."""
        columns = USER_COLUMNS.to_columns(record.user) | super().to_columns(record)
        if record.meeting_types is not None:
            columns["MeetingTypes"], cut = meeting_types_text(record.meeting_types)
            columns |= {"Reason": record.reason or cut} if cut else {}
        if record.url:
            columns["AnonymousUrl"] = anonymous_url(record.url)
        if record.policy:
            columns |= {"PolicyVerdict": str(record.policy.verdict), "PolicyReason": record.policy.reason}
        if record.findings:
            columns["Finding"] = " ".join(record.findings)
        return columns

    def from_columns(self, columns: Mapping[str, Any], **more: Any) -> UserRow:
        """The row that ``to_columns`` stored. Raises ``MalformedRecord``."""
        findings = str(columns.get("Finding", "")).split()
        return super().from_columns(columns, user=USER_COLUMNS.from_columns(columns), findings=findings, **more)


KIND = Kind(
    table=PERSONAL_BOOKINGS,
    columns=UserRowColumns(),
    key_of=lambda row: row.user.user_id,
    key_pattern=OBJECT_ID,
    changes_table=BOOKINGS_CHANGES,
    change_columns=Columns(Change, names={"upn": "UserPrincipalName"}),
    changed_key_of=lambda change: change.user_id,
)

type StoredRow = Stored[UserRow, Change]
type UserRows = RowTable[UserRow, Change]
type UserChanges = ChangeFeed[UserRow, Change]
type UserOutbox = Outbox[UserRow, Change]


def rows_filter(wanted: UserFilter) -> RowsFilter[UserRow]:
    """The filter, with the part of it that storage can evaluate, so that fewer rows are transferred."""
    values: dict[str, Any] = {f"status{index}": str(status) for index, status in enumerate(wanted.statuses or ())}
    clauses = [" or ".join(f"Status eq @{name}" for name in values)] if values else []
    if wanted.enabled is not None:
        values["enabled"] = wanted.enabled
        clauses.append("AccountEnabled eq @enabled")
    # The SDK recognises a parameter by the blanks around it.
    return RowsFilter(wanted.matches, "".join(f" and ( {clause} )" for clause in clauses), values)


def meeting_types_text(types: tuple[MeetingType, ...]) -> tuple[str, str | None]:
    """The list as JSON, in the shape of docs/api.md; if it is too long, the first that fit and a sentence about it."""
    stored = types
    while (size := _code_units(text := _types_text(stored))) > MAX_JSON_CODE_UNITS:
        stored = stored[: len(stored) * MAX_JSON_CODE_UNITS // size]
    return text, None if stored == types else f"only the first {len(stored)} of {len(types)} meeting types are stored"


def _types_text(types: tuple[MeetingType, ...]) -> str:
    return json_text([meeting_type_dict(item) for item in types])


def meeting_type_dict(meeting_type: MeetingType) -> dict[str, Any]:
    """A meeting type in the shape of docs/api.md."""
    return dict(MEETING_TYPE.dump_python(meeting_type, by_alias=True))


def _code_units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
