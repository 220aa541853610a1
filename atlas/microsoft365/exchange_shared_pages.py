"""Shared Bookings pages in Exchange Online: their mailboxes, who may open them, and who created them.

See docs/microsoft-365.md, sections 6.2 and 6.3.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from atlas.domain.records import MalformedRecord, parse_records
from atlas.domain.shared_pages.access import AccessGrant, AccessRight
from atlas.domain.shared_pages.creations import CreationRecord, Creations
from atlas.domain.shared_pages.directory import Recipient
from atlas.domain.shared_pages.mailboxes import SchedulingMailbox
from atlas.domain.unknown import Unknown
from atlas.microsoft365.batches import Result, or_unknown
from atlas.microsoft365.calls import Response, parse_next_link
from atlas.microsoft365.exchange_commands import Command, ExchangeCommands, classify
from atlas.microsoft365.exchange_settings import records_of
from atlas.microsoft365.failures import NotUnderstood, Refused, TenantFailure
from atlas.microsoft365.graph_audit import OPERATION, creation, parse_details, parse_moment

MAILBOX_FIELDS = (
    "PrimarySmtpAddress,EmailAddresses,ExternalDirectoryObjectId,DisplayName,HiddenFromAddressListsEnabled,"
    "AccountDisabled,WhenMailboxCreated,GrantSendOnBehalfTo"
)
RECIPIENT_FIELDS = "ExternalDirectoryObjectId,RecipientTypeDetails,PrimarySmtpAddress,DisplayName"
LIST_MAILBOXES = Command("Get-Mailbox", {"RecipientTypeDetails": ["SchedulingMailbox"]}, MAILBOX_FIELDS)
SMTP_PREFIX = "smtp:"
MAX_PAGES = 20
SEARCH_SIZE = 5000
MAX_SEARCHES = 12
"""A search returns at most 50,000 records, 5,000 at a time."""
MISSING_AUDIT_ROLE = (
    "grant AuditLogsQuery-Exchange.Read.All of Microsoft Graph, or give the service principal the Exchange role "
    "View-Only Audit Logs"
)


class _SchedulingMailbox(BaseModel):
    model_config = ConfigDict(frozen=True)
    primary_address: str = Field(alias="PrimarySmtpAddress", pattern="@")
    addresses: tuple[str, ...] | None = Field(None, alias="EmailAddresses")
    account_id: str | None = Field(None, alias="ExternalDirectoryObjectId")
    display_name: str | None = Field(None, alias="DisplayName")
    hidden: bool | None = Field(None, alias="HiddenFromAddressListsEnabled")
    account_disabled: bool | None = Field(None, alias="AccountDisabled")
    created_at: Any = Field(None, alias="WhenMailboxCreated")
    send_on_behalf: tuple[str, ...] | None = Field(None, alias="GrantSendOnBehalfTo")

    def as_mailbox(self) -> SchedulingMailbox:
        others = [
            address.lower()[len(SMTP_PREFIX) :]
            for address in self.addresses or ()
            if address.lower().startswith(SMTP_PREFIX)
        ]
        return SchedulingMailbox(
            primary_address=self.primary_address,
            addresses=tuple(dict.fromkeys([self.primary_address.lower(), *others])),
            account_id=self.account_id.lower() if self.account_id else None,
            display_name=self.display_name,
            hidden_from_address_lists=self.hidden,
            account_disabled=self.account_disabled,
            created_at=_moment_or_none(self.created_at),
            send_on_behalf=self.send_on_behalf or (),
        )


class _MailboxPermission(BaseModel):
    model_config = ConfigDict(frozen=True)
    trustee: str = Field(alias="User", min_length=1)
    rights: tuple[str, ...] | str = Field(alias="AccessRights")
    inherited: bool | None = Field(None, alias="IsInherited")
    denied: Any = Field(None, alias="Deny")

    def as_grant(self) -> AccessGrant | None:
        """``None``: another right than full access."""
        return _grant(self.trustee, AccessRight.FULL_ACCESS, self.rights, inherited=self.inherited, denied=self.denied)


class _RecipientPermission(BaseModel):
    model_config = ConfigDict(frozen=True)
    trustee: str = Field(alias="Trustee", min_length=1)
    rights: tuple[str, ...] | str = Field(alias="AccessRights")
    inherited: bool | None = Field(None, alias="IsInherited")
    control: str | None = Field(None, alias="AccessControlType")

    def as_grant(self) -> AccessGrant | None:
        """``None``: another right than send-as."""
        denied = self.control == "Deny"
        return _grant(self.trustee, AccessRight.SEND_AS, self.rights, inherited=self.inherited, denied=denied)


class _Recipient(BaseModel):
    model_config = ConfigDict(frozen=True)
    object_id: str | None = Field(None, alias="ExternalDirectoryObjectId")
    recipient_type: str = Field(alias="RecipientTypeDetails")
    address: str | None = Field(None, alias="PrimarySmtpAddress")
    display_name: str | None = Field(None, alias="DisplayName")

    def as_recipient(self) -> Recipient:
        is_group = "group" in self.recipient_type.lower()
        return Recipient(self.object_id.lower() if self.object_id else None, is_group, self.address, self.display_name)


class _FoundRecord(BaseModel):
    model_config = ConfigDict(frozen=True)
    record_id: str = Field(alias="Identity", min_length=1)
    at: Any = Field(None, alias="CreationDate")
    operation: str = Field(alias="Operations")
    created_by: str | None = Field(None, alias="UserIds")
    details: str = Field(alias="AuditData")

    def as_creation(self) -> CreationRecord:
        """Raises ``MalformedRecord``."""
        details = parse_details(self.details)
        name = details.get("ObjectId")
        by = self.created_by or details.get("UserId")
        return creation(
            self.record_id,
            self.at or details.get("CreationTime"),
            self.operation,
            name if isinstance(name, str) else None,
            by if isinstance(by, str) else None,
            details,
        )


def parse_scheduling_mailbox(record: Any) -> SchedulingMailbox:
    """One mailbox. Raises pydantic's ``ValidationError``."""
    return _SchedulingMailbox.model_validate(record).as_mailbox()


async def get_access_grants(
    commands: ExchangeCommands, addresses: Sequence[str]
) -> Mapping[str, tuple[AccessGrant, ...] | Unknown]:
    """Full access and send-as of each mailbox: two parts of a batch."""
    _refuse_empty(addresses)
    by_key = {
        f"{kind}{number}": Command(cmdlet, {"Identity": address})
        for number, address in enumerate(addresses)
        for kind, cmdlet in (("full", "Get-MailboxPermission"), ("send", "Get-RecipientPermission"))
    }
    results = await commands.run_all(by_key)
    grants: dict[str, tuple[AccessGrant, ...] | Unknown] = {}
    for number, address in enumerate(addresses):
        full = await _grants(commands, by_key[f"full{number}"], results[f"full{number}"], _MailboxPermission)
        send = await _grants(commands, by_key[f"send{number}"], results[f"send{number}"], _RecipientPermission)
        unknown = next((found for found in (full, send) if isinstance(found, Unknown)), None)
        grants[address] = unknown or (*full, *send)  # type: ignore[misc]  # neither is an Unknown here
    return grants


async def get_recipients(
    commands: ExchangeCommands, trustees: Sequence[str]
) -> Mapping[str, Recipient | Unknown | None]:
    """Who is behind the names that permissions contain; ``None``: there is no such recipient any longer."""
    _refuse_empty(trustees)
    by_key = {
        str(number): Command("Get-Recipient", {"Identity": trustee}, RECIPIENT_FIELDS)
        for number, trustee in enumerate(trustees)
    }
    results = await commands.run_all(by_key)
    return {trustee: or_unknown(results[str(number)], _parse_recipient) for number, trustee in enumerate(trustees)}


async def search_creations(commands: ExchangeCommands, start: datetime, end: datetime) -> Creations:
    """What ``Search-UnifiedAuditLog`` finds between two aware times. Raises ``TenantFailure``."""
    parameters = {
        "StartDate": _as_text(start),
        "EndDate": _as_text(end),
        "RecordType": "ExchangeAdmin",
        "Operations": [OPERATION],
        "ResultSize": SEARCH_SIZE,
        "SessionId": f"bookings-atlas-{secrets.token_hex(8)}",
        "SessionCommand": "ReturnLargeSet",
    }
    found: dict[str, CreationRecord] = {}
    malformed = 0
    for _ in range(MAX_SEARCHES):  # the same session returns the next records each time
        response = await commands.run(Command("Search-UnifiedAuditLog", parameters), _classify_search)
        records = records_of(response.json(), "audit records")
        if not records:
            return Creations(tuple(found.values()), is_complete=not malformed)
        parsed = parse_records(records, lambda record: _FoundRecord.model_validate(record).as_creation())
        found |= {record.record_id: record for record in parsed.valid}
        malformed += len(parsed.malformed)
    raise NotUnderstood("Exchange returned more audit records than a search can have")


async def _grants(
    commands: ExchangeCommands,
    command: Command,
    result: Result,
    model: type[_MailboxPermission] | type[_RecipientPermission],
) -> tuple[AccessGrant, ...] | Unknown:
    try:
        records = await _all_records(commands, command, result)
    except TenantFailure as failure:
        return failure.unknown()
    parsed = parse_records(records, lambda record: model.model_validate(record).as_grant())
    if parsed.malformed:  # a part of the permissions would mislead
        return NotUnderstood(f"Exchange sent permissions of which {parsed.malformed[0].problem}").unknown()
    return tuple(grant for grant in parsed.valid if grant)


async def _all_records(commands: ExchangeCommands, command: Command, result: Result) -> list[Any]:
    """The records of a part, and of the pages after it."""
    if isinstance(result, TenantFailure):
        raise result
    records: list[Any] = []
    for _ in range(MAX_PAGES):
        if result.status == 400:
            raise NotUnderstood("Exchange no longer has the mailbox of a shared page")
        document = result.json()
        records += records_of(document, "permissions")
        link = parse_next_link(commands.base_url, document.get("@odata.nextLink"))
        if link is None:
            return records
        result = await commands.run(command, link=link)
    raise NotUnderstood("Exchange sent too many permissions of one mailbox")


def _parse_recipient(response: Response) -> Recipient | None:
    if response.status == 400:
        return None
    parsed = parse_records(
        records_of(response.json(), "a recipient"), lambda record: _Recipient.model_validate(record).as_recipient()
    )
    if parsed.malformed or len(parsed.valid) > 1:
        raise NotUnderstood("Exchange sent a malformed recipient, or several of one name")
    return parsed.valid[0] if parsed.valid else None


def _grant(
    trustee: str, right: AccessRight, rights: Sequence[str], *, inherited: bool | None, denied: Any
) -> AccessGrant | None:
    name = right.value.lower()
    names = [rights] if isinstance(rights, str) else rights
    if not any(name in {part.strip().lower() for part in entry.split(",")} for entry in names):
        return None
    return AccessGrant(trustee, right, bool(inherited), denied is True or str(denied).lower() == "true")


def _refuse_empty(identities: Sequence[str]) -> None:
    """Without an identity, Exchange returns the entries of all mailboxes."""
    if not all(identity.strip() for identity in identities):
        raise ValueError("a mailbox or recipient without a name was requested")


def _moment_or_none(value: Any) -> datetime | None:
    try:
        return None if value is None else parse_moment(value)
    except MalformedRecord:
        return None


def _as_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%m/%d/%Y %H:%M:%S")


def _classify_search(response: Response) -> TenantFailure | None:
    if response.status in {401, 403}:
        return Refused(f"Exchange responded with {response.status}: {MISSING_AUDIT_ROLE}")
    return classify(response)
