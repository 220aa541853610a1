"""Exchange Online over ``InvokeCommand``: mailboxes in bulk, and the organisation's settings.

Microsoft does not document this interface, which its own PowerShell module uses (docs/microsoft-365.md, section 3). So
only this module depends on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from atlas.domain.mailboxes import BOOKINGS_CAPABILITY, NO_GUID, Mailbox, NoMailbox
from atlas.domain.owa_policies import OwaPolicy
from atlas.domain.policy import EwsScope
from atlas.domain.text import replace_lone_surrogates
from atlas.microsoft365.calls import ClassifyFailure, Request, Response, failure_of_status, link_on
from atlas.microsoft365.exchange_settings import (
    EWS_FIELDS,
    OWA_FIELDS,
    EwsSettings,
    Organization,
    parse_allowed_app_ids,
    parse_organization,
    parse_owa_policies,
    parse_records,
    rows_of,
)
from atlas.microsoft365.failures import ListingExpired, NotUnderstood, TenantFailure, Unreachable
from atlas.microsoft365.signed_calls import SignedApiClient

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
TRANSIENT_ERRORS = ("CmdletProxyNotAvailable", "ServerBusyException", "TransientException", "BackendCommunication")
EXPIRED_PAGE = "pagination request"
NOT_FOUND = "ManagementObjectNotFoundException"
FEW = 10
"""A page of fewer mailboxes than this may well hold none with a capability."""
TRUNCATION_WARNINGS = ("resultsize", "more results")
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

    def __init__(self, calls: SignedApiClient, base_url: str, tenant_id: str) -> None:
        self._calls = calls
        self._base_url = base_url
        self._tenant_id = tenant_id

    async def get_mailboxes_page(self, link: str | None, page_size: int = PAGE_SIZE) -> MailboxesPage:
        """One page of all mailboxes: the first, or the one that ``link`` leads to.

        Raises ``ListingExpired`` where the link is too old, and ``NotUnderstood`` where Exchange says that the listing
        is cut short: a part of it is never taken for the whole.
        """
        parameters = {"ResultSize": "Unlimited"}
        response = await self._invoke("Get-Mailbox", parameters, MAILBOX_FIELDS, link, page_size)
        return parse_mailboxes_page(response.json(), self._base_url)

    async def get_mailbox(self, user_id: str) -> Mailbox | NoMailbox:
        """The mailbox of one user."""
        response = await self._invoke(
            "Get-Mailbox", {"Identity": user_id}, MAILBOX_FIELDS, failure_of=_unless_not_found
        )
        if response.status == 400:
            return NoMailbox()
        mailboxes = parse_mailboxes_page(response.json(), self._base_url).mailboxes
        return mailboxes.get(user_id, NoMailbox())

    async def get_policies_page(self, link: str | None, page_size: int = PAGE_SIZE) -> PoliciesPage:
        """One page of the EWS settings of all mailboxes. Raises as ``get_mailboxes_page`` does."""
        parameters = {"ResultSize": "Unlimited"}
        response = await self._invoke("Get-CASMailbox", parameters, POLICY_FIELDS, link, page_size)
        return parse_policies_page(response.json(), self._base_url)

    async def get_policy(self, user_id: str) -> EwsScope | None:
        """The EWS settings of one mailbox; ``None`` where there is no such mailbox."""
        response = await self._invoke(
            "Get-CASMailbox", {"Identity": user_id}, POLICY_FIELDS, failure_of=_unless_not_found
        )
        if response.status == 400:
            return None
        return parse_policies_page(response.json(), self._base_url).scopes.get(user_id)

    async def get_owner(self, mailbox_guid: UUID) -> str | None:
        """The Entra object id of the user whose mailbox has this GUID; ``None`` where nobody's has."""
        parameters = {"Identity": str(mailbox_guid)}
        response = await self._invoke("Get-Mailbox", parameters, MAILBOX_FIELDS, failure_of=_unless_not_found)
        if response.status == 400:
            return None
        mailboxes = parse_mailboxes_page(response.json(), self._base_url).mailboxes
        owners = [
            user_id
            for user_id, mailbox in mailboxes.items()
            if isinstance(mailbox, Mailbox) and mailbox.guid == mailbox_guid
        ]
        return owners[0] if owners else None

    async def get_organization(self) -> Organization:
        """The settings of the organisation."""
        return parse_organization((await self._invoke("Get-OrganizationConfig", {})).json())

    async def get_allowed_app_ids(self) -> tuple[str, ...] | None:
        """``EwsAllowedAppIDs``, told only to those who ask for it; ``None`` where it is not told."""
        parameters = {"RetrieveEwsOperationAccessPolicy": True}
        return parse_allowed_app_ids((await self._invoke("Get-OrganizationConfig", parameters)).json())

    async def prove_mailboxes(self) -> None:
        """Ask for one mailbox and its EWS settings, whichever: that they may be read."""
        for cmdlet, select in (("Get-Mailbox", "ExternalDirectoryObjectId"), ("Get-CASMailbox", "EwsEnabled")):
            rows_of((await self._invoke(cmdlet, {"ResultSize": 1}, select)).json(), cmdlet)

    async def get_owa_policies(self) -> tuple[OwaPolicy, ...]:
        """The OWA mailbox policies, as far as they bear on Bookings."""
        return parse_owa_policies((await self._invoke("Get-OwaMailboxPolicy", {}, OWA_FIELDS)).json())

    async def _invoke(
        self,
        cmdlet: str,
        parameters: Mapping[str, Any],
        select: str | None = None,
        link: str | None = None,
        page_size: int = PAGE_SIZE,
        failure_of: ClassifyFailure | None = None,
    ) -> Response:
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
        return await self._calls.send(Request("POST", link or first, headers, body), failure_of or _failure_of)


def parse_mailboxes_page(json: Any, base_url: str) -> MailboxesPage:
    """One page of ``Get-Mailbox``. Raises ``NotUnderstood`` for a page or a mailbox that lacks what we asked for."""
    rows = rows_of(json, "mailboxes")
    warnings = _whole(json)
    mailboxes = parse_records(_Mailbox, rows, "a mailbox")
    # A mailbox without capabilities may lack the list; a page on which every mailbox does was not told of any.
    tells = len(mailboxes) < FEW or any(mailbox.capabilities is not None for mailbox in mailboxes)
    return MailboxesPage(
        mailboxes={
            mailbox.user_id.lower(): mailbox.as_evidence(tells_capabilities=tells)
            for mailbox in mailboxes
            if mailbox.user_id
        },
        next_link=link_on(base_url, json.get("@odata.nextLink")),
        warnings=warnings,
    )


def parse_policies_page(json: Any, base_url: str) -> PoliciesPage:
    """One page of ``Get-CASMailbox``. Raises as ``parse_mailboxes_page`` does."""
    mailboxes = parse_records(EwsSettings, rows_of(json, "EWS settings"), "a mailbox")
    return PoliciesPage(
        scopes={
            mailbox.user_id.lower(): mailbox.as_scope() for mailbox in mailboxes if mailbox.user_id and mailbox.tells()
        },
        next_link=link_on(base_url, json.get("@odata.nextLink")),
        warnings=_whole(json),
    )


def _whole(json: Any) -> tuple[str, ...]:
    """The warnings of a listing that is not cut short. Raises ``NotUnderstood`` for one that is."""
    warnings = _warnings(json)
    if cut := next((warning for warning in warnings if _reports_truncation(warning)), None):
        raise NotUnderstood(f"Exchange cut a listing of mailboxes short: {cut[:200]}")
    return warnings


def _warnings(json: Any) -> tuple[str, ...]:
    warnings = json.get("@adminapi.warnings") or []
    return tuple(
        replace_lone_surrogates(str(warning)) for warning in (warnings if isinstance(warnings, list) else [warnings])
    )


def _reports_truncation(warning: str) -> bool:
    return any(sign in warning.lower() for sign in TRUNCATION_WARNINGS)


def _failure_of(response: Response) -> TenantFailure | None:
    text = response.body.decode("utf-8", "replace") if response.status == 400 else ""
    if any(fault in text for fault in TRANSIENT_ERRORS):
        return Unreachable("Exchange answered 400 with a fault that passes")
    if EXPIRED_PAGE in text:
        return ListingExpired("Exchange says that the listing of mailboxes is too old to go on with")
    if response.status == 404:
        return NotUnderstood("Exchange answered 404: it does not know the tenant of TENANT_ID")
    return failure_of_status(response, MISSING_ROLE if response.status == 403 else MISSING_PERMISSION)


def _unless_not_found(response: Response) -> TenantFailure | None:
    return None if response.status == 400 and NOT_FOUND.encode() in response.body else _failure_of(response)
