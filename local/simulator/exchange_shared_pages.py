"""Shared pages in Exchange Online: mailboxes, permissions, recipients, audit log (docs/microsoft-365.md, section 6)."""

import json
from datetime import UTC, datetime
from typing import Any

from local.simulator.graph_shared_pages import audit_details
from local.simulator.shared_pages import SharedPage, SharedPageKind, was_audited
from local.simulator.state import SimulatorState

_SELF = "NT AUTHORITY\\SELF"
_NOISE = (
    (_SELF, ["FullAccess", "ReadPermission"], False, False),
    ("NAMPR01A001\\Organization Management", ["FullAccess"], True, False),
    ("NAMPR01A001\\Domain Admins", ["FullAccess"], True, True),
    ("S-1-5-21-1111111111-2222222222-3333333333-44444", ["FullAccess"], False, False),
)
"""User, rights, inherited, denied: entries that say nothing about people."""


class ExchangeSharedPages:
    """What the cmdlets return about shared pages."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state
        self._sessions: set[str] = set()

    def mailboxes(self) -> list[dict[str, Any]]:
        """Get-Mailbox -RecipientTypeDetails SchedulingMailbox."""
        return [_mailbox(page) for page in self._state.shared_pages.in_exchange()]

    def mailbox(self, identity: str) -> dict[str, Any] | None:
        """Get-Mailbox of one shared page."""
        page = self._find(identity)
        return _mailbox(page) if page else None

    def mailbox_permissions(self, identity: str) -> list[dict[str, Any]] | None:
        """Get-MailboxPermission; None: there is no such mailbox."""
        page = self._find(identity)
        if page is None:
            return None
        noise = _NOISE if page.kind is SharedPageKind.NOISY_PERMISSIONS else _NOISE[:1]
        entries = [*noise, *((trustee, ["FullAccess"], False, False) for trustee in page.full_access)]
        return [
            {
                "Identity": page.display_name,
                "User": user,
                "AccessRights": rights,
                "IsInherited": is_inherited,
                "Deny": is_denied,
            }
            for user, rights, is_inherited, is_denied in entries
        ]

    def recipient_permissions(self, identity: str) -> list[dict[str, Any]] | None:
        """Get-RecipientPermission; None: there is no such recipient."""
        page = self._find(identity)
        if page is None:
            return None
        trustees = [_SELF, *page.send_as]
        return [
            {
                "Identity": page.display_name,
                "Trustee": trustee,
                "AccessRights": ["SendAs"],
                "IsInherited": False,
                "AccessControlType": "Allow",
            }
            for trustee in trustees
        ]

    def recipient(self, identity: str) -> dict[str, Any] | None:
        """Get-Recipient; None: no recipient has this name."""
        if group := self._state.shared_pages.group(identity):
            return {
                "ExternalDirectoryObjectId": group.group_id,
                "RecipientTypeDetails": "MailUniversalSecurityGroup",
                "PrimarySmtpAddress": group.address,
                "DisplayName": group.display_name,
            }
        tenant = self._state.tenant
        user = tenant.by_address(identity) or tenant.by_object_id(identity)
        if user is None:
            return None
        return {
            "ExternalDirectoryObjectId": user.object_id or "",
            "RecipientTypeDetails": user.recipient_type,
            "PrimarySmtpAddress": user.primary_smtp,
            "DisplayName": user.display_name,
        }

    def audit_records(self, parameters: dict[str, Any]) -> list[dict[str, Any]] | None:
        """Search-UnifiedAuditLog: a session returns its records once, then none. None: a parameter is not valid."""
        try:
            start, end = (
                datetime.strptime(parameters[name], "%m/%d/%Y %H:%M:%S").replace(tzinfo=UTC)
                for name in ("StartDate", "EndDate")
            )
            session = str(parameters["SessionId"])
        except (KeyError, TypeError, ValueError):
            return None
        if session in self._sessions:
            return []
        self._sessions.add(session)
        now = datetime.fromtimestamp(self._state.clock(), UTC)
        pages = self._state.shared_pages.in_exchange()
        return [_found(page) for page in pages if was_audited(page, now) and start <= page.created_at <= end]

    def _find(self, identity: str) -> SharedPage | None:
        page = self._state.shared_pages.find(identity)
        return page if page and page.in_exchange else None


def _mailbox(page: SharedPage) -> dict[str, Any]:
    is_malformed = page.kind is SharedPageKind.MALFORMED
    return {
        "DisplayName": page.display_name,
        "PrimarySmtpAddress": None if is_malformed else page.address,
        "EmailAddresses": [
            f"SMTP:{page.address}",
            *(f"smtp:{address}" for address in page.other_addresses),
            f"SPO:SPO_{page.account_id}@SPO_contoso",
        ],
        "ExternalDirectoryObjectId": page.account_id,
        "RecipientTypeDetails": "SchedulingMailbox",
        "HiddenFromAddressListsEnabled": page.hidden,
        "AccountDisabled": page.account_disabled,
        "WhenMailboxCreated": page.created_at.strftime("%Y-%m-%dT%H:%M:%S.0000000+00:00"),
        "GrantSendOnBehalfTo": list(page.send_on_behalf),
    }


def _found(page: SharedPage) -> dict[str, Any]:
    return {
        "Identity": f"record-{page.index}",
        "RecordType": "ExchangeAdmin",
        "CreationDate": page.created_at.strftime("%Y-%m-%dT%H:%M:%S"),
        "UserIds": page.created_by,
        "Operations": "New-SchedulingMailbox",
        "AuditData": json.dumps(audit_details(page)),
    }
