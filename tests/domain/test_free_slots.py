"""Free time that can be booked, held against a model that looks at every single minute."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from atlas.domain.availability import FREE_STATES, AvailabilityItem, Slot, free_slots

DAY = datetime(2026, 11, 23, tzinfo=UTC)
AVAILABLE, SLOTS = sorted(FREE_STATES)
BUSY = "BOOKINGSAVAILABILITYSTATUS_BUSY"
OUT = "BOOKINGSAVAILABILITYSTATUS_OUT_OF_OFFICE"
MINUTES = 120


def at(minute):
    return DAY + timedelta(minutes=minute)


def item(status, start, end):
    return AvailabilityItem(status, at(start), at(end))


def naive(items, minutes, not_before):
    """Minute after minute: free where any free item holds it; runs of free minutes, long enough."""
    free = {
        minute
        for minute in range(-MINUTES, 3 * MINUTES)
        if at(minute) >= not_before
        and any(one.status in FREE_STATES and one.start <= at(minute) < one.end for one in items)
    }
    starts = sorted(minute for minute in free if minute - 1 not in free)
    ends = sorted(minute + 1 for minute in free if minute + 1 not in free)
    return tuple(Slot(at(a), at(b)) for a, b in zip(starts, ends, strict=True) if b - a >= minutes)


STATUSES = st.sampled_from([AVAILABLE, SLOTS, AVAILABLE, SLOTS, BUSY, OUT, "NEW"])
ITEMS = st.lists(
    st.builds(
        lambda status, start, length: item(status, start, start + length),
        STATUSES,
        st.integers(0, MINUTES),
        st.integers(-5, 60),
    ),
    max_size=8,
)


@given(ITEMS, st.integers(0, 60), st.integers(-10, MINUTES))
def test_free_slots_equal_a_check_minute_by_minute(items, minutes, now):
    assert free_slots(items, timedelta(minutes=minutes), at(now)) == naive(items, minutes, at(now))


@given(ITEMS, st.randoms())
def test_the_order_of_the_items_does_not_matter(items, random):
    mixed = random.sample(items, len(items))

    assert free_slots(mixed, timedelta(minutes=15), DAY) == free_slots(items, timedelta(minutes=15), DAY)


def test_touching_stretches_are_one_slot():
    items = [item(AVAILABLE, 0, 20), item(SLOTS, 20, 40)]

    assert free_slots(items, timedelta(minutes=40), DAY) == (Slot(at(0), at(40)),)


def test_periods_shorter_than_the_meeting_are_left_out():
    items = [item(AVAILABLE, 0, 29), item(BUSY, 29, 60), item(AVAILABLE, 60, 90)]

    assert free_slots(items, timedelta(minutes=30), DAY) == (Slot(at(60), at(90)),)


def test_the_past_of_the_current_day_cannot_be_booked():
    items = [item(AVAILABLE, 0, 45), item(AVAILABLE, 60, 120)]

    assert free_slots(items, timedelta(minutes=30), at(75)) == (Slot(at(75), at(120)),)


def test_a_stretch_inside_another_does_not_cut_it_short():
    items = [item(AVAILABLE, 0, 60), item(AVAILABLE, 10, 20)]

    assert free_slots(items, timedelta(minutes=30), DAY) == (Slot(at(0), at(60)),)
