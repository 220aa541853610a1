"""Scan ids and row keys, whose order is that of time, and when a scan will probably end."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.domain.scans import ENDED, FINISHED, Scan, ScanState, estimated_end, new_scan_id, started_at_of
from atlas.tables.change_feed import time_key
from atlas.tables.scan_log import AFTER_SCANS_KEY, FIRST_SCAN_KEY, LOCK_KEY, SCAN_COLUMNS, scan_key, to_entity
from tests.domain.moments import MOMENTS

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TOKENS = st.from_regex(r"[0-9a-f]{8}", fullmatch=True)


@given(MOMENTS, TOKENS)
def test_an_id_contains_the_start_in_milliseconds(moment, token):
    started = started_at_of(new_scan_id(moment, token))

    assert started is not None
    assert timedelta(0) <= moment - started < timedelta(milliseconds=1)


@given(MOMENTS, MOMENTS, TOKENS, TOKENS)
def test_row_keys_sort_newest_first(one, other, a, b):
    earlier, later = sorted((one, other))
    first, second = scan_key(new_scan_id(later, a)), scan_key(new_scan_id(earlier, b))

    assert first is not None
    assert second is not None
    assert later - earlier < timedelta(milliseconds=1) or first < second
    assert FIRST_SCAN_KEY <= first < AFTER_SCANS_KEY
    assert not FIRST_SCAN_KEY <= LOCK_KEY < AFTER_SCANS_KEY


@given(MOMENTS, TOKENS)
def test_an_id_is_valid_for_durable_and_in_paths(moment, token):
    text = new_scan_id(moment, token)

    assert text.isascii()
    assert len(text) < 60
    assert not set(text) & set("/\\#?%+ ")


@pytest.mark.parametrize(
    "text", ["", "scan-", "lock", "scan-20261323T120000000-0a1b2c3d", "scan-20261123T120000000-0A1B2C3D", "x" * 2000]
)
def test_any_other_text_is_not_a_scan_id(text):
    assert started_at_of(text) is None
    assert scan_key(text) is None


@given(st.text())
def test_no_text_makes_a_scan_id_raise(text):
    assert (scan_key(text) is None) == (started_at_of(text) is None)


@given(MOMENTS, MOMENTS)
def test_the_keys_of_changes_sort_oldest_first(one, other):
    earlier, later = sorted((one, other))

    assert time_key(earlier) <= time_key(later)
    assert time_key(later) == time_key(later.astimezone(UTC))


SCANS = st.builds(
    Scan,
    scan_id=st.builds(new_scan_id, MOMENTS, TOKENS),
    state=st.sampled_from(ScanState),
    trigger=st.sampled_from(["http", "timer"]),
    started_at=MOMENTS,
    finished_at=st.none() | MOMENTS,
    users_listed=st.none() | st.integers(0, 10**6),
    users_probed=st.none() | st.integers(0, 10**6),
    by_status=st.none() | st.dictionaries(st.text(max_size=10), st.integers(0, 10**6), max_size=4),
    throttled_waits=st.none() | st.integers(0, 10**6),
    warnings=st.lists(st.text(max_size=40), max_size=3).map(tuple),
    error=st.none() | st.text(min_size=1, max_size=40),
)


@given(SCANS)
def test_a_scan_survives_its_columns(scan):
    entity = to_entity(scan, "tenant")

    assert SCAN_COLUMNS.from_columns(entity) == scan
    assert None not in entity.values()


def test_what_has_ended_and_what_has_finished():
    assert set(ScanState) - ENDED == {ScanState.PENDING, ScanState.RUNNING}
    assert {ScanState.COMPLETED, ScanState.INCOMPLETE} == FINISHED


@pytest.mark.parametrize(
    ("probed", "total", "minutes"),
    [(10, 40, 30), (40, 40, 0), (0, 40, None), (10, None, None), (10, 0, None), (41, 40, None)],
)
def test_the_estimated_end_assumes_a_constant_rate(probed, total, minutes):
    end = estimated_end(NOW - timedelta(minutes=10), NOW, probed, total)

    assert end == (None if minutes is None else NOW + timedelta(minutes=minutes))


@given(MOMENTS, MOMENTS, st.integers(-1, 10**7), st.integers(-1, 10**7))
def test_no_pace_however_slow_is_beyond_estimation(started_at, now, probed, total):
    end = estimated_end(started_at, now, probed, total)

    assert end is None or end.tzinfo is not None


def test_an_end_beyond_the_calendar_is_not_estimated():
    assert estimated_end(NOW - timedelta(days=4000), NOW, 1, 10**7) is None
