"""What the EWS settings of mailbox and organisation mean for personal bookings: docs/microsoft-365.md, section 4.3."""

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass

from local.simulator.options import Organization
from local.simulator.user_kinds import MailboxPolicy

AGENT = "MicrosoftOWSPersonalBookings"


@dataclass(frozen=True, slots=True)
class EwsSettings:
    """The four settings of an organisation or a mailbox that decide."""

    enabled: bool | None = None
    policy: str | None = None
    allow_list: tuple[str, ...] | None = None
    block_list: tuple[str, ...] | None = None


MAILBOX_SETTINGS: dict[MailboxPolicy, EwsSettings] = {
    MailboxPolicy.INHERIT: EwsSettings(enabled=True),
    MailboxPolicy.BLOCKED: EwsSettings(enabled=True, policy="EnforceBlockList", block_list=(AGENT,)),
    MailboxPolicy.BLOCKS_ANOTHER: EwsSettings(enabled=True, policy="EnforceBlockList", block_list=("OtherAgent/*",)),
    MailboxPolicy.LIST_WITHOUT_POLICY: EwsSettings(enabled=True, block_list=(AGENT,)),
    MailboxPolicy.NOT_ON_ALLOW_LIST: EwsSettings(enabled=True, policy="EnforceAllowList", allow_list=("OtherAgent",)),
    MailboxPolicy.ALLOWED_BY_WILDCARD: EwsSettings(
        enabled=True, policy="EnforceAllowList", allow_list=("microsoftows*",)
    ),
    MailboxPolicy.EWS_DISABLED: EwsSettings(enabled=False, policy="EnforceBlockList", block_list=(AGENT,)),
    MailboxPolicy.UNRECOGNIZED: EwsSettings(enabled=True, policy="EnforceSomethingNew"),
}


def of_organization(organization: Organization) -> EwsSettings:
    """The organisation's settings that decide."""
    return EwsSettings(
        organization.ews_enabled, organization.ews_policy, organization.ews_allow_list, organization.ews_block_list
    )


def verdict(organization: EwsSettings, mailbox: EwsSettings) -> str:
    """`on`, `off`, `ewsDisabled` or `unknown`: the first rule that holds."""
    rules = (
        (_by_list(organization) == "block", "off"),
        (_by_list(organization) == "unknown", "unknown"),
        (mailbox.enabled is False, "ewsDisabled"),
        (_by_list(mailbox) == "block", "off"),
        (_by_list(mailbox) == "unknown", "unknown"),
        (organization.enabled is False, "ewsDisabled"),
    )
    return next((outcome for holds, outcome in rules if holds), "on")


def conflicts(organization: EwsSettings, mailbox: EwsSettings) -> bool:
    """The organisation blocks, and the mailbox has a policy of its own that allows."""
    allows = bool(mailbox.policy) and mailbox.enabled is not False and _by_list(mailbox) == "allow"
    return _by_list(organization) == "block" and allows


def _by_list(settings: EwsSettings) -> str:
    match (settings.policy or "").lower():
        case "":
            return "allow"
        case "enforceallowlist":
            return "allow" if _names_agent(settings.allow_list) else "block"
        case "enforceblocklist":
            return "block" if _names_agent(settings.block_list) else "allow"
        case _:
            return "unknown"


def _names_agent(entries: Iterable[str] | None) -> bool:
    return any(fnmatch.fnmatch(AGENT.lower(), entry.strip().lower()) for entry in entries or ())
