"""Who was granted access to the mailbox of a shared page, as Exchange reports it."""

from dataclasses import dataclass
from enum import StrEnum


class AccessRight(StrEnum):
    """The values are a contract, listed in docs/api.md."""

    FULL_ACCESS = "fullAccess"
    """``Get-MailboxPermission`` with ``FullAccess``."""
    SEND_AS = "sendAs"
    """``Get-RecipientPermission`` with ``SendAs``."""
    SEND_ON_BEHALF = "sendOnBehalf"
    """``GrantSendOnBehalfTo`` of the mailbox."""


@dataclass(frozen=True, slots=True)
class AccessGrant:
    """One entry of a mailbox's permissions, unfiltered."""

    trustee: str
    """Whom it names, as Exchange writes it: a UPN, an address, a name, an object ID, or an entry of the system."""
    right: AccessRight
    inherited: bool = False
    denied: bool = False
