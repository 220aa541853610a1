"""Whether the EWS settings of organisation and mailbox turn personal bookings off (contracts, section 4.3).

Two questions the documents leave open are answered by naming them, not by guessing: which of two scopes wins where they
disagree (`policyConflict`), and what ``EwsEnabled`` false means since Microsoft itself sets it (`ewsDisabled`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

AGENT = "MicrosoftOWSPersonalBookings"
"""The entry of an EWS list that stands for personal bookings."""
LONGEST_RAW_VALUE = 100


class Access(StrEnum):
    """What a scope's policy and list make of the agent."""

    ALLOW = "allow"
    BLOCK = "block"
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    """Names are fixed by the product contract, section 3."""

    ON = "on"
    OFF = "off"
    EWS_DISABLED = "ewsDisabled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class EwsScope:
    """The EWS settings of the organisation, or of one mailbox, as far as they decide."""

    access: Access
    policy: str | None = None
    """``EwsApplicationAccessPolicy`` as Exchange gives it."""
    ews_enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """The verdict, the setting that decides in words, and whether the two scopes disagree."""

    verdict: Verdict
    reason: str
    is_conflict: bool = False


def ews_scope(
    policy: str | None, allowed: Iterable[str] | None, blocked: Iterable[str] | None, *, ews_enabled: bool | None
) -> EwsScope:
    """What one scope's settings mean. A list counts only with the policy that enforces it."""
    raw = (policy or "").strip()[:LONGEST_RAW_VALUE]
    match raw.lower():
        case "":
            access = Access.ALLOW
        case "enforceallowlist":
            access = Access.ALLOW if _names_agent(allowed) else Access.BLOCK
        case "enforceblocklist":
            access = Access.BLOCK if _names_agent(blocked) else Access.ALLOW
        case _:
            access = Access.UNKNOWN
    return EwsScope(access, raw or None, ews_enabled)


def judge_policy(organization: EwsScope | None, mailbox: EwsScope | None) -> PolicyVerdict:
    """The verdict of the first rule that holds; ``None`` is a scope that was not learned."""
    if organization is None:
        return PolicyVerdict(Verdict.UNKNOWN, "the organisation's EWS settings are not known")
    if organization.access is Access.BLOCK:
        return PolicyVerdict(Verdict.OFF, _blocks("the organisation", organization), _allows_for_itself(mailbox))
    if organization.access is Access.UNKNOWN:
        return PolicyVerdict(Verdict.UNKNOWN, _unheard_of("the organisation", organization))
    if mailbox is None:
        return PolicyVerdict(Verdict.UNKNOWN, "the mailbox's EWS settings are not known")
    return _judge_mailbox(mailbox) or _judge_ews(organization)


def _judge_mailbox(mailbox: EwsScope) -> PolicyVerdict | None:
    if mailbox.ews_enabled is False:  # its lists do not count then
        return PolicyVerdict(Verdict.EWS_DISABLED, _disabled("the mailbox"))
    if mailbox.access is Access.BLOCK:
        return PolicyVerdict(Verdict.OFF, _blocks("the mailbox", mailbox))
    if mailbox.access is Access.UNKNOWN:
        return PolicyVerdict(Verdict.UNKNOWN, _unheard_of("the mailbox", mailbox))
    return None


def _judge_ews(organization: EwsScope) -> PolicyVerdict:
    if organization.ews_enabled is False:
        return PolicyVerdict(Verdict.EWS_DISABLED, _disabled("the organisation"))
    return PolicyVerdict(Verdict.ON, "nothing known turns personal bookings off")


def _allows_for_itself(mailbox: EwsScope | None) -> bool:
    """Whether a mailbox has a policy of its own that lets personal bookings through."""
    return (
        mailbox is not None
        and mailbox.policy is not None
        and mailbox.access is Access.ALLOW
        and mailbox.ews_enabled is not False
    )


def _blocks(whose: str, scope: EwsScope) -> str:
    if (scope.policy or "").lower() == "enforceallowlist":
        return f"EwsApplicationAccessPolicy of {whose} is {scope.policy}, and EwsAllowList does not name {AGENT}"
    return f"EwsApplicationAccessPolicy of {whose} is {scope.policy}, and EwsBlockList names {AGENT}"


def _unheard_of(whose: str, scope: EwsScope) -> str:
    return f"EwsApplicationAccessPolicy of {whose} is {scope.policy}, which is not known"


def _disabled(whose: str) -> str:
    return f"EwsEnabled of {whose} is False; whether that stops personal bookings is an open question"


def _names_agent(entries: Iterable[str] | None) -> bool:
    return any(_matches(entry) for entry in entries or ())


def _matches(entry: str) -> bool:
    """An entry names the agent in any case, with ``*`` for any text."""
    pattern = ".*".join(re.escape(part) for part in entry.strip().split("*"))
    return re.fullmatch(pattern, AGENT, re.IGNORECASE) is not None
