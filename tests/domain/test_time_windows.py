"""The time window that a caller requests, and the names of time zones."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.domain.time_windows import MAX_LENGTH, InvalidTimeWindow, time_window
from atlas.domain.time_zones import UnknownTimeZone, time_zone

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 21, 8, 0, 0, 123, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("w. europe standard time", "Europe/Berlin"),
        ("India Standard Time", "Asia/Calcutta"),
        ("UTC", "UTC"),
        (" Pacific Standard Time ", "America/Los_Angeles"),
    ],
)
def test_zones_have_two_names_in_any_case(name: str, key: str) -> None:
    assert time_zone(name).key == key


@pytest.mark.parametrize(
    "name",
    ["", "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "../zone.tab", "CEST+1", "Mars/Olympus"],
)
def test_any_other_time_zone_is_rejected(name: str) -> None:
    with pytest.raises(UnknownTimeZone):
        time_zone(name)


@given(st.text(max_size=40))
def test_time_zone_raises_only_unknown_time_zone(name: str) -> None:
    try:
        time_zone(name)
    except UnknownTimeZone:
        return


def test_without_texts_it_is_the_next_seven_days() -> None:
    window = time_window(None, None, BERLIN, NOW)

    assert window.start == NOW.replace(microsecond=0)
    assert window.end - window.start == timedelta(days=7)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T08:00:00", datetime(2026, 11, 23, 7, tzinfo=UTC)),
        ("2026-11-23T08:00:00Z", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        ("2026-11-23T08:00:00+05:30", datetime(2026, 11, 23, 2, 30, tzinfo=UTC)),
        ("2026-11-23T08:00:00 05:30", datetime(2026, 11, 23, 2, 30, tzinfo=UTC)),
        ("2026-11-23", datetime(2026, 11, 22, 23, tzinfo=UTC)),
        ("2027-07-01T08:00", datetime(2027, 7, 1, 6, tzinfo=UTC)),
        ("2026-10-25T02:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2027-03-28T02:30:00", datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),
    ],
)
def test_a_time_without_offset_is_local_time(text: str, moment: datetime) -> None:
    assert time_window(text, None, BERLIN, NOW).start == moment


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        ("soon", None, "from"),
        ("2026-13-01", None, "from"),
        ("1899-01-01", None, "from"),
        ("9999-12-31T23:00:00-12:00", None, "from"),
        (None, "2026-11-20", "to"),
        ("2026-12-01", "2026-12-01", "to"),
        ("2026-12-01T00:00:00Z", "2027-02-01T00:00:01Z", "to"),
        ("2026-12-01", "then", "to"),
    ],
)
def test_a_wrong_window_names_the_field_to_mend(start: str | None, end: str | None, field: str) -> None:
    with pytest.raises(InvalidTimeWindow) as wrong:
        time_window(start, end, BERLIN, NOW)

    assert wrong.value.field == field


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_window_is_short_and_forward_or_invalid(start: str, end: str) -> None:
    try:
        window = time_window(start, end, BERLIN, NOW)
    except InvalidTimeWindow:
        return

    assert timedelta(0) < window.end - window.start <= MAX_LENGTH
