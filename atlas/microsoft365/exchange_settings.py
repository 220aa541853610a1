"""The settings that Exchange Online reports: of the organisation, of its OWA policies, of a mailbox's access to EWS.

See docs/microsoft-365.md, sections 3.3, 4.1 and 4.4. A parser raises ``NotUnderstood`` for a response that lacks what
it should have.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from atlas.domain.ews_settings import EwsScope, ews_scope
from atlas.domain.owa_policies import OwaPolicy
from atlas.domain.records import problem_of
from atlas.domain.text import sanitize_json
from atlas.microsoft365.failures import NotUnderstood

EWS_FIELDS = "EwsEnabled,EwsApplicationAccessPolicy,EwsAllowList,EwsBlockList"
OWA_FIELDS = "Identity,Name,IsDefault,BookingsMailboxCreationEnabled,BookingsMailboxDomain"
BOOKINGS_SETTINGS = "Bookings"
"""The prefix of every setting of Bookings."""


@dataclass(frozen=True, slots=True)
class Organization:
    """The settings of the organisation that concern Bookings; ``None``: Exchange reports no value."""

    ews: EwsScope
    bookings_enabled: bool | None = None
    bookings_auth_enabled: bool | None = None
    bookings: Mapping[str, Any] = field(default_factory=dict)
    """Every setting whose name begins with ``Bookings``, as Exchange gives it."""


class EwsSettings(BaseModel):
    """The EWS settings of one scope, as Exchange sends them."""

    model_config = ConfigDict(frozen=True)
    user_id: str | None = Field(None, alias="ExternalDirectoryObjectId")
    enabled: bool | None = Field(None, alias="EwsEnabled")
    policy: str | None = Field(None, alias="EwsApplicationAccessPolicy")
    allowed: tuple[str, ...] | None = Field(None, alias="EwsAllowList")
    blocked: tuple[str, ...] | None = Field(None, alias="EwsBlockList")

    def are_reported(self) -> bool:
        """Whether any of them is present, with or without a value."""
        return bool(self.model_fields_set - {"user_id"})

    def as_scope(self, changed_at: datetime | None = None) -> EwsScope:
        """What they mean."""
        return ews_scope(self.policy, self.allowed, self.blocked, ews_enabled=self.enabled, changed_at=changed_at)


class _Organization(EwsSettings):
    policy: str | None = Field(alias="EwsApplicationAccessPolicy")
    """Required, but may be null: a record without the setting does not mean that everything is allowed."""
    bookings_enabled: bool | None = Field(None, alias="BookingsEnabled")
    bookings_auth_enabled: bool | None = Field(None, alias="BookingsAuthEnabled")


class _OwaPolicy(BaseModel):
    model_config = ConfigDict(frozen=True)
    identity: str = Field(alias="Identity")
    is_default: bool | None = Field(None, alias="IsDefault")
    allows_creation: bool | None = Field(None, alias="BookingsMailboxCreationEnabled")
    domain: str | None = Field(None, alias="BookingsMailboxDomain")


def parse_organization(document: Any) -> Organization:
    """The one record of ``Get-OrganizationConfig``."""
    rows = records_of(document, "the organisation")
    if len(rows) != 1:
        raise NotUnderstood(f"Exchange sent {len(rows)} organisations")
    organization = _parse_all(_Organization, rows, "the organisation")[0]
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


def parse_allowed_app_ids(document: Any) -> tuple[str, ...] | None:
    """``EwsAllowedAppIDs``, a list or a comma-separated string, or null if it is not set; ``None``: it is not known."""
    rows = records_of(document, "the organisation")
    if not rows or not isinstance(rows[0], dict) or "EwsAllowedAppIDs" not in rows[0]:
        return None
    value = rows[0]["EwsAllowedAppIDs"]
    if value is None:
        return ()
    ids = value.split(",") if isinstance(value, str) else value
    if not isinstance(ids, list) or not all(isinstance(app_id, str) for app_id in ids):
        return None
    return tuple(app_id.strip() for app_id in ids if app_id.strip())


def parse_owa_policies(document: Any) -> tuple[OwaPolicy, ...]:
    """The records of ``Get-OwaMailboxPolicy``."""
    policies = _parse_all(_OwaPolicy, records_of(document, "OWA policies"), "an OWA policy")
    return tuple(
        OwaPolicy(policy.identity, policy.is_default, policy.allows_creation, policy.domain) for policy in policies
    )


def records_of(document: Any, what: str) -> list[Any]:
    """The records of a response, without lone surrogates in any text. Raises ``NotUnderstood``."""
    records = document.get("value") if isinstance(document, dict) else None
    if not isinstance(records, list):
        raise NotUnderstood(f"Exchange sent {what} without a list `value`")
    return [sanitize_json(record) for record in records]


def _parse_all[Model: BaseModel](model: type[Model], records: list[Any], what: str) -> list[Model]:
    """The records of a response in which no record may be malformed."""
    try:
        return [model.model_validate(record) for record in records]
    except ValidationError as error:
        raise NotUnderstood(f"Exchange sent {what} of which {problem_of(error)}") from None


def _changed_at(record: Mapping[str, Any]) -> datetime | None:
    """When the record was last changed. Exchange's objects have this, but no document promises it here."""
    value = record.get("WhenChangedUTC")
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
