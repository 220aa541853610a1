"""A step of a scan that fails is told in the log, once, and never swallowed."""

import logging

import pytest

from atlas import telemetry


def test_a_step_that_fails_is_logged_with_its_scan_and_raises_on(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(LookupError, match="no such row"), telemetry.span("close_scan", "scan-7"):
        raise LookupError("no such row")

    (line,) = caplog.records
    assert (line.levelno, line.getMessage()) == (logging.ERROR, "close_scan of scan scan-7 failed")
    assert line.exc_info


def test_a_step_that_tells_of_its_failures_itself_is_not_logged_twice(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(LookupError), telemetry.span("probe_user", "scan-7", logs_failure=False):
        raise LookupError

    assert not caplog.records
