"""Exchange Online over ``InvokeCommand``: mailboxes in bulk, and the organisation's settings (contracts, section 3).

Microsoft publishes no contract of this interface; it is what its own PowerShell module speaks. So it stands behind
this one file, and nothing else depends on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from atlas.domain.mailboxes import BOOKINGS_CAPABILITY, NO_GUID, Mailbox, NoMailbox
from atlas.domain.policy import EwsScope
from atlas.domain.shared_bookings import OwaPolicy
from atlas.domain.texts import whole
from atlas.microsoft365.calls import FailureOf, Question, Reply, failure_of_status, link_on
from atlas.microsoft365.exchange_settings import (
    EWS_FIELDS,
    OWA_FIELDS,
    EwsSettings,
    Organization,
    parse_allowed_app_ids,
    parse_organization,
    parse_owa_policies,
    read_rows,
    rows_of,
)
from atlas.microsoft365.failures import ListingExpired, NotUnderstood, TenantFailure, Unreachable
from atlas.microsoft365.signed_calls import SignedCalls

PAGE_SIZE = 1000
MAILBOX_FIELDS = "ExchangeGuid,ExternalDirectoryObjectId,PrimarySmtpAddress,RecipientTypeDetails,PersistedCapabilities"
POLICY_FIELDS = f"ExternalDirectoryObjectId,{EWS_FIELDS}"
SYSTEM_MAILBOX = "SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}"
ROLE = "the role Global Reader, or an Exchange role group with View-Only Recipients and View-Only Configuration"
MISSING_PERMISSION = (
    "grant the application permission Exchange.ManageAsApp of Office 365 Exchange Online, and give its service "
    f"principal {ROLE}"
)
MISSING_ROLE = f"beside Exchange.ManageAsApp the service principal needs {ROLE}; a new role takes up to some hours"
PASSING_FAULTS = ("CmdletProxyNotAvailable", "ServerBusyException", "TransientException", "BackendCommunication")
PAGE_TOO_OLD = "pagination request"
NOT_FOUND = "ManagementObjectNotFoundException"
FEW = 10
"""A page of fewer mailboxes than this may well hold none with a capability."""
SIGNS_OF_A_CUT = ("resultsize", "more results")
"""Words of the warnings that tell a listing is cut short; other warnings leave it complete."""


@dataclass(frozen=True, slots=True)
class MailboxesPage:
    """One page of all mailboxes of the tenant, by the Entra object id of their users."""

    mailboxes: Mapping[str, Mailbox | NoMailbox]
    next_link: str | None
    warnings: tuple[str, ...]
    """What Exchange wants an operator to know; none of them says that the listing is cut."""


@dataclass(frozen=True, slots=True)
class PoliciesPage:
    """One page of the EWS settings of all mailboxes, by the Entra object id of their users."""

    scopes: Mapping[str, EwsScope]
    next_link: str | None
    warnings: tuple[str, ...]


class _Mailbox(BaseModel):
    model_config = ConfigDict(frozen=True)
    user_id: str | None = Field(None, alias="ExternalDirectoryObjectId")
    guid: UUID = Field(alias="ExchangeGuid")
    primary_smtp_address: str | None = Field(None, alias="PrimarySmtpAddress")
    recipient_type: str | None = Field(None, alias="RecipientTypeDetails")
    capabilities: tuple[str, ...] | None = Field(None, alias="PersistedCapabilities")

    def as_evidence(self, *, tells_capabilities: bool) -> Mailbox | NoMailbox:
        if self.guid == NO_GUID:
            return NoMailbox(self.recipient_type)
        return Mailbox(
            guid=self.guid,
            primary_smtp_address=self.primary_smtp_address,
            recipient_type=self.recipient_type,
            has_capability=BOOKINGS_CAPABILITY in (self.capabilities or ()) if tells_capabilities else None,
        )


class Exchange:
    """Asks Exchange Online in the name of the product. Every method raises ``TenantFailure``."""

    def __init__(self, calls: SignedCalls, base_url: str, tenant_id: str) -> None:
        self._calls = calls
        self._base_url = base_url
        self._tenant_id = tenant_id

    async def get_mailboxes_page(self, link: str | None, page_size: int = PAGE_SIZE) -> MailboxesPage:
        """One page of all mailboxes: the first, or the one that ``link`` leads to.

        Raises ``ListingExpired`` where the link is too old, and ``NotUnderstood`` where Exchange says that the listing
        is cut short: a part of it is never taken for the whole.
        """
        parameters = {"ResultSize": "Unlimited"}
        reply = await self._invoke("Get-Mailbox", parameters, MAILBOX_FIELDS, link, page_size)
        return parse_mailboxes_page(reply.document(), self._base_url)

    async def get_mailbox(self, user_id: str) -> Mailbox | NoMailbox:
        """The mailbox of one user."""
        reply = await self._invoke("Get-Mailbox", {"Identity": user_id}, MAILBOX_FIELDS, failure_of=_unless_not_found)
        if reply.status == 400:
            return NoMailbox()
        mailboxes = parse_mailboxes_page(reply.document(), self._base_url).mailboxes
        return mailboxes.get(user_id, NoMailbox())

    async def get_policies_page(self, link: str | None, page_size: int = PAGE_SIZE) -> PoliciesPage:
        """One page of the EWS settings of all mailboxes. Raises as ``get_mailboxes_page`` does."""
        parameters = {"ResultSize": "Unlimited"}
        reply = await self._invoke("Get-CASMailbox", parameters, POLICY_FIELDS, link, page_size)
        return parse_policies_page(reply.document(), self._base_url)

    async def get_policy(self, user_id: str) -> EwsScope | None:
        """The EWS settings of one mailbox; ``None`` where there is no such mailbox."""
        reply = await self._invoke("Get-CASMailbox", {"Identity": user_id}, POLICY_FIELDS, failure_of=_unless_not_found)
        if reply.status == 400:
            return None
        return parse_policies_page(reply.document(), self._base_url).scopes.get(user_id)

    async def get_owner(self, mailbox_guid: UUID) -> str | None:
        """The Entra object id of the user whose mailbox has this GUID; ``None`` where nobody's has."""
        parameters = {"Identity": str(mailbox_guid)}
        reply = await self._invoke("Get-Mailbox", parameters, MAILBOX_FIELDS, failure_of=_unless_not_found)
        if reply.status == 400:
            return None
        mailboxes = parse_mailboxes_page(reply.document(), self._base_url).mailboxes
        owners = [
            user_id
            for user_id, mailbox in mailboxes.items()
            if isinstance(mailbox, Mailbox) and mailbox.guid == mailbox_guid
        ]
        return owners[0] if owners else None

    async def get_organization(self) -> Organization:
        """The settings of the organisation."""
        return parse_organization((await self._invoke("Get-OrganizationConfig", {})).document())

    async def get_allowed_app_ids(self) -> tuple[str, ...] | None:
        """``EwsAllowedAppIDs``, told only to those who ask for it; ``None`` where it is not told."""
        parameters = {"RetrieveEwsOperationAccessPolicy": True}
        return parse_allowed_app_ids((await self._invoke("Get-OrganizationConfig", parameters)).document())

    async def prove_mailboxes(self) -> None:
        """Ask for one mailbox and its EWS settings, whichever: that they may be read."""
        for cmdlet, select in (("Get-Mailbox", "ExternalDirectoryObjectId"), ("Get-CASMailbox", "EwsEnabled")):
            rows_of((await self._invoke(cmdlet, {"ResultSize": 1}, select)).document(), cmdlet)

    async def get_owa_policies(self) -> tuple[OwaPolicy, ...]:
        """The OWA mailbox policies, as far as they bear on Bookings."""
        return parse_owa_policies((await self._invoke("Get-OwaMailboxPolicy", {}, OWA_FIELDS)).document())

    async def _invoke(
        self,
        cmdlet: str,
        parameters: Mapping[str, Any],
        select: str | None = None,
        link: str | None = None,
        page_size: int = PAGE_SIZE,
        failure_of: FailureOf | None = None,
    ) -> Reply:
        """Run a cmdlet. Each page is the same POST, with the same anchor: the cursor lives on one backend server."""
        query = f"?{urlencode({'$select': select})}" if select else ""
        first = f"{self._base_url}/adminapi/beta/{self._tenant_id}/InvokeCommand{query}"
        headers = {
            "content-type": "application/json; charset=utf-8",
            "prefer": f"odata.maxpagesize={page_size}",
            "x-anchormailbox": f"APP:{SYSTEM_MAILBOX}@{self._tenant_id}",
            "x-cmdletname": cmdlet,
            "x-responseformat": "json",
        }
        body = {"CmdletInput": {"CmdletName": cmdlet, "Parameters": dict(parameters)}}
        return await self._calls.ask(Question("POST", link or first, headers, body), failure_of or _failure_of)


def parse_mailboxes_page(document: Any, base_url: str) -> MailboxesPage:
    """One page of ``Get-Mailbox``. Raises ``NotUnderstood`` for a page or a mailbox that lacks what we asked for."""
    rows = rows_of(document, "mailboxes")
    warnings = _whole(document)
    mailboxes = read_rows(_Mailbox, rows, "a mailbox")
    # A mailbox without capabilities may lack the list; a page on which every mailbox does was not told of any.
    tells = len(mailboxes) < FEW or any(mailbox.capabilities is not None for mailbox in mailboxes)
    return MailboxesPage(
        mailboxes={
            mailbox.user_id.lower(): mailbox.as_evidence(tells_capabilities=tells)
            for mailbox in mailboxes
            if mailbox.user_id
        },
        next_link=link_on(base_url, document.get("@odata.nextLink")),
        warnings=warnings,
    )


def parse_policies_page(document: Any, base_url: str) -> PoliciesPage:
    """One page of ``Get-CASMailbox``. Raises as ``parse_mailboxes_page`` does."""
    mailboxes = read_rows(EwsSettings, rows_of(document, "EWS settings"), "a mailbox")
    return PoliciesPage(
        scopes={
            mailbox.user_id.lower(): mailbox.as_scope() for mailbox in mailboxes if mailbox.user_id and mailbox.tells()
        },
        next_link=link_on(base_url, document.get("@odata.nextLink")),
        warnings=_whole(document),
    )


def _whole(document: Any) -> tuple[str, ...]:
    """The warnings of a listing that is not cut short. Raises ``NotUnderstood`` for one that is."""
    warnings = _warnings(document)
    if cut := next((warning for warning in warnings if _tells_a_cut(warning)), None):
        raise NotUnderstood(f"Exchange cut a listing of mailboxes short: {cut[:200]}")
    return warnings


def _warnings(document: Any) -> tuple[str, ...]:
    warnings = document.get("@adminapi.warnings") or []
    return tuple(whole(str(warning)) for warning in (warnings if isinstance(warnings, list) else [warnings]))


def _tells_a_cut(warning: str) -> bool:
    return any(sign in warning.lower() for sign in SIGNS_OF_A_CUT)


def _failure_of(reply: Reply) -> TenantFailure | None:
    text = reply.body.decode("utf-8", "replace") if reply.status == 400 else ""
    if any(fault in text for fault in PASSING_FAULTS):
        return Unreachable("Exchange answered 400 with a fault that passes")
    if PAGE_TOO_OLD in text:
        return ListingExpired("Exchange says that the listing of mailboxes is too old to go on with")
    if reply.status == 404:
        return NotUnderstood("Exchange answered 404: it does not know the tenant of TENANT_ID")
    return failure_of_status(reply, MISSING_ROLE if reply.status == 403 else MISSING_PERMISSION)


def _unless_not_found(reply: Reply) -> TenantFailure | None:
    return None if reply.status == 400 and NOT_FOUND.encode() in reply.body else _failure_of(reply)
