"""When the owner of a simulated page is free, busy or out of office: docs/microsoft-365.md, section 5.4."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from local.simulator.user_kinds import OUTCOMES, Outcome, Page
from local.simulator.users import SimulatedUser

AVAILABLE = "BOOKINGSAVAILABILITYSTATUS_AVAILABLE"
BUSY = "BOOKINGSAVAILABILITYSTATUS_BUSY"
OUT_OF_OFFICE = "BOOKINGSAVAILABILITYSTATUS_OUT_OF_OFFICE"

WINDOWS_ZONES: dict[str, tuple[str, str]] = {
    "UTC": ("Etc/UTC", "(UTC) Coordinated Universal Time"),
    "GMT Standard Time": ("Europe/London", "(UTC+00:00) Dublin, Edinburgh, Lisbon, London"),
    "W. Europe Standard Time": ("Europe/Berlin", "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna"),
    "FLE Standard Time": ("Europe/Kiev", "(UTC+02:00) Helsinki, Kyiv, Riga, Sofia, Tallinn, Vilnius"),
    "Pacific Standard Time": ("America/Los_Angeles", "(UTC-08:00) Pacific Time (US & Canada)"),
}
"""Zone and display name by Windows ID; names that Python uses are not accepted."""
_WORKDAYS = 5
_BUSY_PAIRS = ((0, 1), (1, 3), (2, 3), (4, 6))


@dataclass(frozen=True, slots=True)
class Interval:
    """A period of one status."""

    status: str
    start: datetime
    end: datetime


def availability(user: SimulatedUser, start: datetime, end: datetime, *, starts_inside_busy: bool) -> list[Interval]:
    """The owner's time between two instants, without gaps, split at the owner's midnights."""
    zone = ZoneInfo(user.time_zone)
    if OUTCOMES[user.page] is not Outcome.PUBLIC:
        stretches = _all_day(OUT_OF_OFFICE, start, end, zone)
    elif user.page is Page.NOTHING_FREE:
        stretches = _all_day(BUSY, start, end, zone)
    else:
        stretches = _working_days(user, start, end, zone)
    cut = [
        Interval(stretch.status, max(stretch.start, start), min(stretch.end, end))
        for stretch in stretches
        if stretch.start < end and stretch.end > start
    ]
    is_odd = starts_inside_busy and user.random_bytes[25] % 8 == 0 and user.page is not Page.NOTHING_FREE
    if is_odd and cut and cut[0].status == BUSY:
        cut[0] = Interval(AVAILABLE, cut[0].start, cut[0].end)
    return cut


def _days(start: datetime, end: datetime, zone: tzinfo) -> Iterator[date]:
    day, last = start.astimezone(zone).date(), end.astimezone(zone).date()
    while day <= last:
        yield day
        day += timedelta(days=1)


def _all_day(status: str, start: datetime, end: datetime, zone: tzinfo) -> Iterator[Interval]:
    for day in _days(start, end, zone):
        yield Interval(status, _at(day, 0, zone), _at(day + timedelta(days=1), 0, zone))


def _working_days(user: SimulatedUser, start: datetime, end: datetime, zone: tzinfo) -> Iterator[Interval]:
    opens, closes = 8 + user.random_bytes[26] % 2, 17 + user.random_bytes[27] % 2
    for day in _days(start, end, zone):
        if day.weekday() >= _WORKDAYS:
            yield from _all_day(OUT_OF_OFFICE, _at(day, 0, zone), _at(day, 0, zone), zone)
        else:
            yield Interval(OUT_OF_OFFICE, _at(day, 0, zone), _at(day, opens, zone))
            yield from _office_hours(user, day, opens, closes, zone)
            yield Interval(OUT_OF_OFFICE, _at(day, closes, zone), _at(day + timedelta(days=1), 0, zone))


def _office_hours(user: SimulatedUser, day: date, opens: int, closes: int, zone: tzinfo) -> Iterator[Interval]:
    """Free, except one or two busy blocks that differ by day; at least three hours are free."""
    random_bytes = hashlib.blake2b(day.isoformat().encode(), digest_size=4, key=user.random_bytes).digest()
    blocks = (
        {_BUSY_PAIRS[random_bytes[0] % len(_BUSY_PAIRS)], (7, 8)}
        if random_bytes[1] % 2
        else {_BUSY_PAIRS[random_bytes[2] % 4]}
    )
    busy = {hour for first, last in blocks for hour in range(opens + first, opens + last)}
    hour = opens
    while hour < closes:
        until = hour + 1
        while until < closes and (until in busy) == (hour in busy):
            until += 1
        yield Interval(BUSY if hour in busy else AVAILABLE, _at(day, hour, zone), _at(day, until, zone))
        hour = until


def _at(day: date, hour: int, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(hour), zone).astimezone(UTC)
