"""Moments as the product meets them: aware, to the microsecond, in any zone."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

MOMENTS = st.builds(
    lambda moment, minutes: moment.astimezone(timezone(timedelta(minutes=minutes))),
    st.datetimes(datetime(2020, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis takes bounds naive
    st.sampled_from([0, 60, -480, 345]),
)
