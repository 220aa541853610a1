"""A failing step of a scan is logged once, and raises."""

import logging

import pytest

from atlas import telemetry


def test_a_failing_step_is_logged_and_raises(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(LookupError, match="no such row"), telemetry.span("close_scan", "scan-7"):
        raise LookupError("no such row")

    (line,) = caplog.records
    assert (line.levelno, line.getMessage()) == (logging.ERROR, "close_scan of scan scan-7 failed")
    assert line.exc_info


def test_a_failure_that_is_logged_elsewhere_is_not_logged_twice(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(LookupError), telemetry.span("probe_user", "scan-7", logs_failure=False):
        raise LookupError

    assert not caplog.records
