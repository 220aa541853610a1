"""Exchange Online over ``InvokeCommand``: mailboxes in bulk, and the organisation's settings.

Microsoft does not document this interface, which its own PowerShell module uses (docs/microsoft-365.md, section 3). So
only this module depends on it. Exchange's own messages may name people and never leave this module.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from atlas.concurrency import map_concurrently
from atlas.domain.ews_settings import EwsScope
from atlas.domain.mailboxes import BOOKINGS_CAPABILITY, NO_GUID, Mailbox, MailboxEvidence, NoMailbox
from atlas.domain.owa_policies import OwaPolicy
from atlas.domain.records import Malformed, Records, parse_records
from atlas.domain.shared_pages.access import AccessGrant
from atlas.domain.shared_pages.creations import Creations
from atlas.domain.shared_pages.directory import Recipient
from atlas.domain.shared_pages.mailboxes import SchedulingMailbox, SchedulingMailboxesPage
from atlas.domain.unknown import Reason, Unknown
from atlas.microsoft365 import exchange_shared_pages
from atlas.microsoft365.exchange_commands import Command, ExchangeCommands, classify_unless_not_found
from atlas.microsoft365.exchange_listing import Cursor
from atlas.microsoft365.exchange_settings import (
    EWS_FIELDS,
    OWA_FIELDS,
    EwsSettings,
    Organization,
    parse_allowed_app_ids,
    parse_organization,
    parse_owa_policies,
    records_of,
)
from atlas.microsoft365.failures import (
    ListingExpired,
    NotUnderstood,
    ResponseTooLarge,
    TenantFailure,
    TimedOut,
)
from atlas.microsoft365.signed_calls import SignedApiClient

MAILBOX_FIELDS = "ExchangeGuid,ExternalDirectoryObjectId,PrimarySmtpAddress,RecipientTypeDetails,PersistedCapabilities"
POLICY_FIELDS = f"ExternalDirectoryObjectId,{EWS_FIELDS}"
CONCURRENT_REREADS = 2
MAX_REREADS = 100
"""Malformed records of one page that are requested individually; the others stay malformed."""
MIN_RECORDS_TO_JUDGE = 10
"""A page of fewer records is too small to conclude that it is malformed, or that Exchange left out the capabilities."""
TRUNCATION_WARNINGS = ("resultsize", "more results")
"""Words of the warnings that report a truncated listing; other warnings leave it complete."""


@dataclass(frozen=True, slots=True)
class MailboxesPage:
    """One page of all mailboxes of the tenant, by the object ID of their users."""

    mailboxes: Mapping[str, MailboxEvidence]
    """``Unknown``: the record of the mailbox is malformed."""
    next_link: str | None
    """Opaque: pass it to the method that returned it to get the next page."""
    warnings: tuple[str, ...] = ()
    """What an operator should know, in our own words."""


@dataclass(frozen=True, slots=True)
class PoliciesPage:
    """One page of the EWS settings of all mailboxes, by the object ID of their users, without malformed records."""

    scopes: Mapping[str, EwsScope]
    next_link: str | None
    warnings: tuple[str, ...] = ()


class _Mailbox(BaseModel):
    model_config = ConfigDict(frozen=True)
    user_id: str | None = Field(None, alias="ExternalDirectoryObjectId")
    guid: UUID = Field(alias="ExchangeGuid")
    primary_smtp_address: str | None = Field(None, alias="PrimarySmtpAddress")
    recipient_type: str | None = Field(None, alias="RecipientTypeDetails")
    capabilities: tuple[str, ...] | None = Field(None, alias="PersistedCapabilities")

    def as_evidence(self, *, capabilities_reported: bool) -> Mailbox | NoMailbox:
        if self.guid == NO_GUID:
            return NoMailbox(self.recipient_type)
        return Mailbox(
            guid=self.guid,
            primary_smtp_address=self.primary_smtp_address,
            recipient_type=self.recipient_type,
            has_capability=BOOKINGS_CAPABILITY in (self.capabilities or ()) if capabilities_reported else None,
        )


class Exchange:
    """Exchange Online, with the app's own identity. Every method raises ``TenantFailure``."""

    def __init__(self, client: SignedApiClient, tenant_id: str) -> None:
        self._commands = ExchangeCommands(client, tenant_id)

    async def get_mailboxes_page(self, link: str | None) -> MailboxesPage:
        """The first page of all mailboxes, or the page of ``link``. A page may be empty without being the last.

        A listing that cannot be continued starts again by itself. Raises ``NotUnderstood`` if Exchange says that the
        listing is truncated.
        """

        async def parse(document: Any) -> ListedRecords[Mailbox | NoMailbox]:
            listed = parse_mailboxes(document)
            return await self._with_malformed_reread(listed, self.get_mailbox)

        page, next_link = await self._read_page(Command("Get-Mailbox", select=MAILBOX_FIELDS), link, parse)
        unknown = {user_id: Unknown(Reason.NOT_UNDERSTOOD, problem) for user_id, problem in page.malformed.items()}
        return MailboxesPage({**page.records, **unknown}, next_link, page.warnings())

    async def get_policies_page(self, link: str | None) -> PoliciesPage:
        """One page of the EWS settings of all mailboxes, as ``get_mailboxes_page``."""

        async def parse(document: Any) -> ListedRecords[EwsScope]:
            listed = parse_policies(document)
            return await self._with_malformed_reread(listed, self.get_policy)

        page, next_link = await self._read_page(Command("Get-CASMailbox", select=POLICY_FIELDS), link, parse)
        return PoliciesPage(page.records, next_link, page.warnings())

    async def get_scheduling_mailboxes_page(self, link: str | None) -> SchedulingMailboxesPage:
        """One page of the mailboxes of shared pages, as ``get_mailboxes_page``."""

        async def parse(document: Any) -> ListedRecords[SchedulingMailbox]:
            return parse_scheduling_mailboxes(document)

        page, next_link = await self._read_page(exchange_shared_pages.LIST_MAILBOXES, link, parse)
        malformed = len(page.malformed) + len(page.unidentified)
        return SchedulingMailboxesPage(tuple(page.records.values()), next_link, malformed, page.warnings())

    async def get_access_grants(self, addresses: Sequence[str]) -> Mapping[str, tuple[AccessGrant, ...] | Unknown]:
        """Full access and send-as of mailboxes, unfiltered."""
        return await exchange_shared_pages.get_access_grants(self._commands, addresses)

    async def get_recipients(self, trustees: Sequence[str]) -> Mapping[str, Recipient | Unknown | None]:
        """Who is behind the names that permissions contain; ``None``: no recipient has this name."""
        return await exchange_shared_pages.get_recipients(self._commands, trustees)

    async def search_creations(self, start: datetime, end: datetime) -> Creations:
        """What the audit log says about creations of shared pages, without Microsoft Graph."""
        return await exchange_shared_pages.search_creations(self._commands, start, end)

    async def get_mailbox(self, user_id: str) -> Mailbox | NoMailbox:
        """The mailbox of one user."""
        command = Command("Get-Mailbox", {"Identity": user_id}, MAILBOX_FIELDS)
        mailboxes = await self._find(command, parse_mailboxes)
        return mailboxes.get(user_id, NoMailbox())

    async def get_policy(self, user_id: str) -> EwsScope | None:
        """The EWS settings of one mailbox; ``None`` if there is no such mailbox."""
        command = Command("Get-CASMailbox", {"Identity": user_id}, POLICY_FIELDS)
        return (await self._find(command, parse_policies)).get(user_id)

    async def get_owner(self, mailbox_guid: UUID) -> str | None:
        """The object ID of the user whose mailbox has this GUID; ``None`` if no user's has."""
        command = Command("Get-Mailbox", {"Identity": str(mailbox_guid)}, MAILBOX_FIELDS)
        mailboxes = await self._find(command, parse_mailboxes)
        owners = (
            user_id
            for user_id, mailbox in mailboxes.items()
            if isinstance(mailbox, Mailbox) and mailbox.guid == mailbox_guid
        )
        return next(owners, None)

    async def get_organization(self) -> Organization:
        """The settings of the organisation."""
        return parse_organization((await self._commands.run(Command("Get-OrganizationConfig"))).json())

    async def get_allowed_app_ids(self) -> tuple[str, ...] | None:
        """``EwsAllowedAppIDs``, which Exchange returns only on request; ``None`` if Exchange did not return it."""
        command = Command("Get-OrganizationConfig", {"RetrieveEwsOperationAccessPolicy": True})
        return parse_allowed_app_ids((await self._commands.run(command)).json())

    async def get_owa_policies(self) -> tuple[OwaPolicy, ...]:
        """What the OWA mailbox policies say about Bookings."""
        return parse_owa_policies((await self._commands.run(Command("Get-OwaMailboxPolicy", select=OWA_FIELDS))).json())

    async def prove_mailboxes(self) -> None:
        """Read any one mailbox and its EWS settings, to prove that they may be read."""
        for cmdlet, select in (("Get-Mailbox", "ExternalDirectoryObjectId"), ("Get-CASMailbox", "EwsEnabled")):
            records_of((await self._commands.run(Command(cmdlet, {"ResultSize": 1}, select))).json(), cmdlet)

    async def prove_page_access(self) -> None:
        """Read who can open one shared page, if there is any, to prove that this may be read."""
        mailboxes = await self.get_scheduling_mailboxes_page(None)
        if not mailboxes.mailboxes:
            return
        parameters = {"Identity": mailboxes.mailboxes[0].primary_address}
        for cmdlet in ("Get-MailboxPermission", "Get-RecipientPermission"):
            records_of((await self._commands.run(Command(cmdlet, parameters))).json(), cmdlet)

    async def _read_page[Record](
        self, command: Command, link: str | None, parse: Callable[[Any], Awaitable["ListedRecords[Record]"]]
    ) -> tuple["ListedRecords[Record]", str | None]:
        """The page of ``link``, and the link to the next page.

        If Exchange no longer continues the listing, or cannot deliver the page, the page is empty and the link leads to
        a new start.
        """
        cursor = Cursor.parse(link)
        try:
            document = await self._send_page(command, cursor)
            listed = await parse(document)
            after = cursor.after(document.get("@odata.nextLink"), self._commands.base_url)
        except ListingExpired:
            if cursor.periods:  # no link was followed
                raise
            listed, after = ListedRecords(), cursor.restarted()
        except (TimedOut, ResponseTooLarge):
            after = cursor.with_smaller_pages()
            if after is None:
                raise
            listed = ListedRecords()
        return listed, after.to_text() if after else None

    async def _send_page(self, command: Command, cursor: Cursor) -> Any:
        part = cursor.filter()
        parameters = {**command.parameters, "ResultSize": "Unlimited", **({"Filter": part} if part else {})}
        command = Command(command.cmdlet, parameters, command.select)
        return (await self._commands.run(command, link=cursor.link, page_size=cursor.page_size)).json()

    async def _find[Record](
        self, command: Command, parse: Callable[[Any], "ListedRecords[Record]"]
    ) -> Mapping[str, Record]:
        """What a command finds that names one mailbox; nothing if there is no such mailbox."""
        response = await self._commands.run(command, classify_unless_not_found)
        if response.status == 400:
            return {}
        listed = parse(response.json())
        if listed.malformed or listed.unidentified:
            raise NotUnderstood(f"Exchange sent a malformed mailbox: {listed.problems()}")
        return listed.records

    async def _with_malformed_reread[Record](
        self, listed: "ListedRecords[Record]", get: Callable[[str], Awaitable[Record | None]]
    ) -> "ListedRecords[Record]":
        """Requests the malformed records individually."""

        async def reread(user_id: str) -> Record | TenantFailure | None:
            try:
                return await get(user_id)
            except TenantFailure as failure:
                return failure

        user_ids = list(listed.malformed)[:MAX_REREADS]
        found = dict(zip(user_ids, await map_concurrently(reread, user_ids, CONCURRENT_REREADS), strict=True))
        failed = {user_id for user_id, record in found.items() if isinstance(record, TenantFailure)}
        return ListedRecords(
            records={
                **listed.records,
                **{
                    user_id: record
                    for user_id, record in found.items()
                    if record is not None and not isinstance(record, TenantFailure)
                },
            },
            malformed={
                user_id: problem
                for user_id, problem in listed.malformed.items()
                if user_id in failed or user_id not in found
            },
            unidentified=listed.unidentified,
            hidden_warnings=listed.hidden_warnings,
        )


@dataclass(frozen=True, slots=True)
class ListedRecords[Record]:
    """The records of one response, by the object ID of their users."""

    records: Mapping[str, Record] = field(default_factory=dict)
    malformed: Mapping[str, str] = field(default_factory=dict)
    """The problem of each record that cannot be read."""
    unidentified: tuple[str, ...] = ()
    """The problems of malformed records whose user could not be determined either."""
    hidden_warnings: int = 0
    """How many warnings Exchange added."""

    def problems(self) -> str:
        """The problems of the malformed records, each once."""
        return ", ".join(sorted({*self.malformed.values(), *self.unidentified}))

    def warnings(self) -> tuple[str, ...]:
        """What an operator should know, in our own words."""
        count = len(self.malformed) + len(self.unidentified)
        sentences = (
            (count, f"Malformed records of mailboxes in Exchange: {count} ({self.problems()})."),
            (
                self.hidden_warnings,
                f"Warnings of Exchange about a listing of mailboxes: {self.hidden_warnings}. They may name people, so "
                "they are not shown here; the same cmdlet in Exchange Online PowerShell shows them.",
            ),
        )
        return tuple(sentence for applies, sentence in sentences if applies)


def parse_mailboxes(document: Any) -> ListedRecords[Mailbox | NoMailbox]:
    """The records of ``Get-Mailbox``. Raises ``NotUnderstood`` if the response as a whole is malformed."""
    records = _parse_listing(document, _Mailbox.model_validate)
    # A mailbox without capabilities may lack the list. If every mailbox of a long page does, Exchange left it out.
    reported = len(records.valid) < MIN_RECORDS_TO_JUDGE or any(
        mailbox.capabilities is not None for mailbox in records.valid
    )
    mailboxes = {
        mailbox.user_id.lower(): mailbox.as_evidence(capabilities_reported=reported)
        for mailbox in records.valid
        if mailbox.user_id
    }
    return _with_user_ids(document, mailboxes, records.malformed)


def parse_policies(document: Any) -> ListedRecords[EwsScope]:
    """The records of ``Get-CASMailbox``, as ``parse_mailboxes``."""
    records = _parse_listing(document, EwsSettings.model_validate)
    scopes = {
        settings.user_id.lower(): settings.as_scope()
        for settings in records.valid
        if settings.user_id and settings.are_reported()
    }
    return _with_user_ids(document, scopes, records.malformed)


def parse_scheduling_mailboxes(document: Any) -> ListedRecords[SchedulingMailbox]:
    """The mailboxes of shared pages, by their primary address in lower case, as ``parse_mailboxes``."""
    records = _parse_listing(document, exchange_shared_pages.parse_scheduling_mailbox)
    mailboxes = {mailbox.primary_address.lower(): mailbox for mailbox in records.valid}
    return _with_user_ids(document, mailboxes, records.malformed)


def _parse_listing[Record](document: Any, parse: Callable[[Any], Record]) -> Records[Any, Record]:
    records = parse_records(records_of(document, "mailboxes"), parse)
    if any(_reports_truncation(warning) for warning in _warnings_of(document)):
        raise NotUnderstood("Exchange truncated a listing of mailboxes")
    if not records.valid and len(records.malformed) >= MIN_RECORDS_TO_JUDGE:
        raise NotUnderstood(f"Exchange sent a page of mailboxes of which {records.malformed[0].problem}")
    return records


def _with_user_ids[Record](
    document: Any, records: Mapping[str, Record], malformed: Sequence[Malformed[Any]]
) -> ListedRecords[Record]:
    by_user = [(_user_id_of(record.raw), record.problem) for record in malformed]
    return ListedRecords(
        records=records,
        malformed={user_id: problem for user_id, problem in by_user if user_id and user_id not in records},
        unidentified=tuple(problem for user_id, problem in by_user if not user_id),
        hidden_warnings=len(_warnings_of(document)),
    )


def _user_id_of(raw: Any) -> str | None:
    """The user of a malformed record. Exchange's ``Identity`` accepts many forms, so anything but a GUID is dropped."""
    try:
        return str(UUID(raw["ExternalDirectoryObjectId"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _warnings_of(document: Any) -> list[str]:
    warnings = document.get("@adminapi.warnings") or []
    return [str(warning) for warning in (warnings if isinstance(warnings, list) else [warnings])]


def _reports_truncation(warning: str) -> bool:
    return any(words in warning.lower() for words in TRUNCATION_WARNINGS)
