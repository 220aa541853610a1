"""What is known about a user's mailbox: its address in Exchange, and whether Bookings is provisioned in it."""

from dataclasses import dataclass
from uuid import UUID

from atlas.domain.ews_settings import EwsScope
from atlas.domain.unknown import Unknown

BOOKINGS_CAPABILITY = "BPOS_S_BookingsAddOn"
"""The entry of ``PersistedCapabilities`` that shows that the Bookings plan has reached Exchange."""

NO_GUID = UUID(int=0)
"""The ``ExchangeGuid`` of a recipient whose mailbox is not in Exchange Online."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox in Exchange Online. Microsoft Graph reports only its GUID, Exchange everything."""

    guid: UUID
    primary_smtp_address: str | None = None
    recipient_type: str | None = None
    has_capability: bool | None = None
    """``None``: not known."""
    ews: EwsScope | None = None
    """Its EWS settings; ``None``: not known."""


@dataclass(frozen=True, slots=True)
class NoMailbox:
    """Known to have no mailbox in Exchange Online."""

    recipient_type: str | None = None


type MailboxEvidence = Mailbox | NoMailbox | Unknown
