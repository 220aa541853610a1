"""The EWS settings of the organisation or of one mailbox: whether they allow personal bookings.

Microsoft turns personal bookings on and off with the entry ``MicrosoftOWSPersonalBookings`` in the EWS lists
(docs/microsoft-365.md, section 4.1).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

AGENT = "MicrosoftOWSPersonalBookings"
"""The entry of an EWS list that represents personal bookings."""
MAX_RAW_VALUE_LENGTH = 100
MAX_ENTRY_LENGTH = 256
MAX_ENTRIES = 20
"""The entries travel through Durable history and are stored in a column of 64 KiB, up to three times."""


class Access(StrEnum):
    """Whether a policy and the list it enforces allow the agent."""

    ALLOW = "allow"
    BLOCK = "block"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class EwsScope:
    """The EWS settings of the organisation or of one mailbox, reduced to what affects personal bookings."""

    access: Access
    policy: str | None = None
    """``EwsApplicationAccessPolicy`` as Exchange returns it."""
    ews_enabled: bool | None = None
    entries: tuple[str, ...] = ()
    """The entries that match the agent, also by wildcard, of the enforced list or, without a policy, the block list."""
    changed_at: datetime | None = None
    """When any setting of the scope last changed; ``None``: not known."""

    @property
    def has_list_without_policy(self) -> bool:
        """Whether the block list contains the agent but no policy enforces the list."""
        return self.policy is None and bool(self.entries)


def ews_scope(
    policy: str | None,
    allowed: Iterable[str] | None,
    blocked: Iterable[str] | None,
    *,
    ews_enabled: bool | None,
    changed_at: datetime | None = None,
) -> EwsScope:
    """Interpret the settings of one scope. A list counts only with the policy that enforces it."""
    raw = (policy or "").strip()[:MAX_RAW_VALUE_LENGTH]
    match raw.lower():
        case "":
            access, matching = Access.ALLOW, _matching_entries(blocked)
        case "enforceallowlist":
            matching = _matching_entries(allowed)
            access = Access.ALLOW if matching else Access.BLOCK
        case "enforceblocklist":
            matching = _matching_entries(blocked)
            access = Access.BLOCK if matching else Access.ALLOW
        case _:
            access, matching = Access.UNKNOWN, []
    entries = tuple(entry for entry in matching if len(entry) <= MAX_ENTRY_LENGTH)[:MAX_ENTRIES]
    return EwsScope(access, raw or None, ews_enabled, entries, changed_at)


def _matching_entries(entries: Iterable[str] | None) -> list[str]:
    return [entry.strip() for entry in entries or () if _matches_agent(entry)]


def _matches_agent(entry: str) -> bool:
    """Entries are compared ignoring case; ``*`` matches any text."""
    pattern = ".*".join(re.escape(part) for part in re.split(r"\*+", entry.strip()))
    return re.fullmatch(pattern, AGENT, re.IGNORECASE) is not None
