"""The settings that Exchange Online tells: of the organisation, of its OWA policies, of a mailbox's access to EWS.

See docs/microsoft-365.md, sections 3.3, 4.1 and 4.4. A parser raises ``NotUnderstood`` for a response that lacks what
it should have.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from atlas.domain.owa_policies import OwaPolicy
from atlas.domain.policy import EwsScope, ews_scope
from atlas.domain.text import sanitize_json
from atlas.microsoft365.failures import NotUnderstood

EWS_FIELDS = "EwsEnabled,EwsApplicationAccessPolicy,EwsAllowList,EwsBlockList"
OWA_FIELDS = "Identity,Name,IsDefault,BookingsMailboxCreationEnabled,BookingsMailboxDomain"
BOOKINGS_SETTINGS = "Bookings"
"""What the names of the settings of Bookings begin with."""


@dataclass(frozen=True, slots=True)
class Organization:
    """The settings of the organisation that bear on Bookings; ``None`` where Exchange tells no value."""

    ews: EwsScope
    bookings_enabled: bool | None = None
    bookings_auth_enabled: bool | None = None
    bookings: Mapping[str, Any] = field(default_factory=dict)
    """Every setting whose name begins with ``Bookings``, as Exchange gives it."""


class EwsSettings(BaseModel):
    """The EWS settings of one scope on the wire."""

    model_config = ConfigDict(frozen=True)
    user_id: str | None = Field(None, alias="ExternalDirectoryObjectId")
    enabled: bool | None = Field(None, alias="EwsEnabled")
    policy: str | None = Field(None, alias="EwsApplicationAccessPolicy")
    allowed: tuple[str, ...] | None = Field(None, alias="EwsAllowList")
    blocked: tuple[str, ...] | None = Field(None, alias="EwsBlockList")

    def tells(self) -> bool:
        """Whether any of them is there, with or without a value."""
        return bool(self.model_fields_set - {"user_id"})

    def as_scope(self, changed_at: datetime | None = None) -> EwsScope:
        """What they mean."""
        return ews_scope(self.policy, self.allowed, self.blocked, ews_enabled=self.enabled, changed_at=changed_at)


class _Organization(EwsSettings):
    policy: str | None = Field(alias="EwsApplicationAccessPolicy")
    """Has to be there, with or without a value: a record that tells nothing of it does not say that all are let in."""
    bookings_enabled: bool | None = Field(None, alias="BookingsEnabled")
    bookings_auth_enabled: bool | None = Field(None, alias="BookingsAuthEnabled")


class _OwaPolicy(BaseModel):
    model_config = ConfigDict(frozen=True)
    identity: str = Field(alias="Identity")
    is_default: bool | None = Field(None, alias="IsDefault")
    allows_creation: bool | None = Field(None, alias="BookingsMailboxCreationEnabled")
    domain: str | None = Field(None, alias="BookingsMailboxDomain")


def parse_organization(json: Any) -> Organization:
    """The one record of ``Get-OrganizationConfig``."""
    rows = rows_of(json, "the organisation")
    if len(rows) != 1:
        raise NotUnderstood(f"Exchange answered {len(rows)} organisations")
    (organization,) = parse_records(_Organization, rows, "the organisation")
    return Organization(
        ews=organization.as_scope(_changed_at(rows[0])),
        bookings_enabled=organization.bookings_enabled,
        bookings_auth_enabled=organization.bookings_auth_enabled,
        bookings={
            name: value
            for name, value in sorted(rows[0].items())
            if name.startswith(BOOKINGS_SETTINGS) and "@" not in name
        },
    )


def parse_allowed_app_ids(json: Any) -> tuple[str, ...] | None:
    """``EwsAllowedAppIDs``, a list or a text with commas; ``None`` where it is neither."""
    rows = rows_of(json, "the organisation")
    told = rows[0].get("EwsAllowedAppIDs") if rows and isinstance(rows[0], dict) else None
    ids = told.split(",") if isinstance(told, str) else told
    if not isinstance(ids, list) or not all(isinstance(app_id, str) for app_id in ids):
        return None
    return tuple(app_id.strip() for app_id in ids if app_id.strip())


def parse_owa_policies(json: Any) -> tuple[OwaPolicy, ...]:
    """The records of ``Get-OwaMailboxPolicy``."""
    policies = parse_records(_OwaPolicy, rows_of(json, "OWA policies"), "an OWA policy")
    return tuple(
        OwaPolicy(policy.identity, policy.is_default, policy.allows_creation, policy.domain) for policy in policies
    )


def rows_of(json: Any, what: str) -> list[Any]:
    """The records of an answer, with no half of a character in any text."""
    rows = json.get("value") if isinstance(json, dict) else None
    if not isinstance(rows, list):
        raise NotUnderstood(f"Exchange answered {what} without a list `value`")
    return [sanitize_json(row) for row in rows]


def parse_records[Row: BaseModel](kind: type[Row], rows: list[Any], what: str) -> list[Row]:
    """The records, each held to its model."""
    try:
        return [kind.model_validate(row) for row in rows]
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "properties"
        raise NotUnderstood(f"Exchange answered {what} with a missing or odd {where}") from None


def _changed_at(record: Mapping[str, Any]) -> datetime | None:
    """When the record last changed. Exchange's objects tell it; no document promises it here, so it may be absent."""
    told = record.get("WhenChangedUTC")
    try:
        moment = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
