"""Which part of a page's free time can be booked: free items merged, and cut to what fits a meeting."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

FREE_STATES = frozenset({"BOOKINGSAVAILABILITYSTATUS_AVAILABLE", "BOOKINGSAVAILABILITYSTATUS_SLOTS_AVAILABLE"})


@dataclass(frozen=True, slots=True)
class AvailabilityItem:
    """One period as the Bookings service returns it, in UTC."""

    status: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Slot:
    """A period that can be booked, in UTC."""

    start: datetime
    end: datetime


def clip(items: Iterable[AvailabilityItem], start: datetime, end: datetime) -> tuple[AvailabilityItem, ...]:
    """The items between two times. Items that start earlier or end later are cut."""
    return tuple(
        AvailabilityItem(item.status, max(item.start, start), min(item.end, end))
        for item in items
        if item.start < end and item.end > start
    )


def free_slots(items: Iterable[AvailabilityItem], duration: timedelta, not_before: datetime) -> tuple[Slot, ...]:
    """Free time in order, with adjacent and overlapping periods merged, without the past and what is too short.

    The service includes past periods of the current day, so ``not_before`` (usually now) cuts them off.
    """
    merged: list[Slot] = []
    for start, end in sorted((item.start, item.end) for item in items if item.status in FREE_STATES):
        start = max(start, not_before)
        if start >= end:
            continue
        if merged and start <= merged[-1].end:
            merged[-1] = Slot(merged[-1].start, max(merged[-1].end, end))
        else:
            merged.append(Slot(start, end))
    return tuple(slot for slot in merged if slot.end - slot.start >= duration)
