"""The mailbox behind a shared page, as Exchange lists it: the authority on which pages exist."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SchedulingMailbox:
    """One mailbox of the type ``SchedulingMailbox``."""

    primary_address: str
    """As Exchange writes it."""
    addresses: tuple[str, ...]
    """Every SMTP proxy address in lower case, without its prefix ``smtp:``, the primary one included."""
    account_id: str | None = None
    """``ExternalDirectoryObjectId`` in lower case: the page's own account in Entra."""
    display_name: str | None = None
    hidden_from_address_lists: bool | None = None
    account_disabled: bool | None = None
    created_at: datetime | None = None
    send_on_behalf: tuple[str, ...] | None = None
    """``GrantSendOnBehalfTo``: recipients as Exchange names them; ``None``: not known."""


@dataclass(frozen=True, slots=True)
class SchedulingMailboxesPage:
    """One page of the listing."""

    mailboxes: tuple[SchedulingMailbox, ...]
    next_link: str | None
    malformed: int = 0
    """Records that could not be read, so that some mailbox of the tenant is not among these."""
    warnings: tuple[str, ...] = ()
    """What an operator should know, malformed records included; none of them means that the listing is incomplete."""
