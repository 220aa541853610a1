"""The period that a caller requests, from two strings, a time zone and the current time."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

DEFAULT_LENGTH = timedelta(days=7)
MAX_LENGTH = timedelta(days=62)
YEARS = range(2000, 2101)
BROKEN_OFFSET = re.compile(r" (\d\d:?\d\d)$")
"""A ``+`` that was not percent-encoded in a query arrives as a space."""


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """A period of aware times, and the time zone of the caller."""

    start: datetime
    end: datetime
    zone: ZoneInfo


class InvalidTimeWindow(ValueError):
    """The strings are not a valid period; ``field`` is the one to correct."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


def time_window(start: str | None, end: str | None, zone: ZoneInfo, now: datetime) -> TimeWindow:
    """From ``start`` (default: now) to ``end`` (default: 7 days later), at most 62 days. Raises ``InvalidTimeWindow``.

    A text without an offset is local time in ``zone``; a skipped or repeated time is its first occurrence.
    """
    first = _moment("from", start, zone) if start else now.astimezone(UTC).replace(microsecond=0)
    last = _moment("to", end, zone) if end else first + DEFAULT_LENGTH
    if last <= first:
        raise InvalidTimeWindow("to", "must be later than from")
    if last - first > MAX_LENGTH:
        raise InvalidTimeWindow("to", f"must be at most {MAX_LENGTH.days} days after from")
    return TimeWindow(first, last, zone)


def _moment(field: str, text: str, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(BROKEN_OFFSET.sub(r"+\1", text.strip()))
    except ValueError:
        raise InvalidTimeWindow(
            field, "must be an ISO 8601 time, such as 2026-11-23T08:00:00 or 2026-11-23T08:00:00Z"
        ) from None
    if moment.year not in YEARS:
        raise InvalidTimeWindow(field, f"must be in the years {YEARS[0]} to {YEARS[-1]}")
    return (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).astimezone(UTC)
