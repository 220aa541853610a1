"""Reads when a page can be booked: one function for lookups and for the check whether anything can be booked at all."""

from datetime import datetime, timedelta
from uuid import UUID

from atlas.domain.availability import AvailabilityItem, Slot, clip, free_slots
from atlas.resources import TenantClients

LEAD_IN = timedelta(days=1)
"""The first period may be reported as free although it starts inside a busy one; so the request starts earlier, and
what lies before ``start`` is cut off."""
DEFAULT_DURATION = timedelta(minutes=30)
"""The duration of a meeting type that does not state one."""


async def get_availability(
    clients: TenantClients, mailbox_guid: UUID, meeting_type_id: str | None, start: datetime, end: datetime
) -> tuple[AvailabilityItem, ...]:
    """The free and busy periods between two times. Raises ``TenantFailure``."""
    items = await clients.pages.get_availability(mailbox_guid, meeting_type_id, start - LEAD_IN, end)
    return clip(items, start, end)


def bookable_slots(items: tuple[AvailabilityItem, ...], minutes: int | None, not_before: datetime) -> tuple[Slot, ...]:
    """The slots in which a meeting of this duration can be booked; ``None``: the page does not state a duration."""
    return free_slots(items, DEFAULT_DURATION if minutes is None else timedelta(minutes=minutes), not_before)
