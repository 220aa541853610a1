"""The display of a running scan: it fits the terminal, and says what the scan is waiting for."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from atlas.cli.scan_progress import STEPS, ScanDisplay, duration_text, step_text, waiting_text
from atlas.scans.local_run import BOOKINGS_UNRESPONSIVE, RunStatus, Waiting
from atlas.scans.messages import Counts
from atlas.scans.plan import PLAN
from atlas.scans.progress import Step

START = datetime(2026, 11, 23, 3, tzinfo=UTC)
LONG = "Microsoft Graph did not respond (TimedOut): https://graph.microsoft.com/v1.0/users took longer than 60 s"


class Screen:
    def __init__(self, width: int, *, terminal: bool = True) -> None:
        self.now = START
        self.file = io.StringIO()
        console = Console(file=self.file, width=width, force_terminal=terminal, color_system=None, highlight=False)
        self.display = ScanDisplay(console, lambda: self.now)

    def show(
        self, step: Step, probed: int = 0, total: int | None = 10_000, waiting: Waiting | None = None
    ) -> list[str]:
        """The lines of the display for this status."""
        self.file.truncate(0)
        self.file.seek(0)
        counts = Counts(by_status={"published": probed})
        self.display.update(RunStatus(step, 10_000, None, counts, waiting))
        if self.display.console.is_terminal:
            self.display.console.print(self.display.render())
        return self.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 60])
@pytest.mark.parametrize("step", list(PLAN), ids=str)
def test_every_step_has_a_label_that_fits(width, step):
    [line] = Screen(width).show(step)

    assert line.startswith(step_text(step))
    assert len(line) <= width


@pytest.mark.parametrize("width", [80, 60])
def test_the_bar_shows_count_rate_and_time_left(width):
    screen = Screen(width)
    screen.show(Step.PROBE_USERS)
    screen.now += timedelta(minutes=1)

    [line] = screen.show(Step.PROBE_USERS, probed=600)

    assert len(line) <= width
    assert "600/10,000" in line
    assert "10/s · 15 min left" in line
    assert {"━", "╸"} & set(line)


def test_a_resumed_scan_shows_its_present_rate():
    """What an earlier run has checked says nothing about the speed of this one."""
    screen = Screen(80)
    screen.show(Step.PROBE_USERS, probed=5000)
    screen.now += timedelta(minutes=1)

    [line] = screen.show(Step.PROBE_USERS, probed=5060)

    assert "60/min · 1 h 22 min left" in line


def test_no_rate_is_shown_before_it_is_known():
    screen = Screen(80)
    screen.show(Step.PROBE_USERS)

    [line] = screen.show(Step.PROBE_USERS, probed=2)

    assert "left" not in line


def test_a_wait_counts_down_below_the_bar():
    screen = Screen(80)
    waiting = Waiting(BOOKINGS_UNRESPONSIVE, START + timedelta(minutes=5))
    first = screen.show(Step.PROBE_USERS, 10, waiting=waiting)
    screen.now += timedelta(minutes=1)

    second = screen.show(Step.PROBE_USERS, 10, waiting=waiting)

    assert first[-1] == "Bookings does not respond: next attempt in 5 min"
    assert second[-1] == "Bookings does not respond: next attempt in 4 min 0 s"


def test_a_long_reason_wraps_in_a_narrow_terminal():
    lines = Screen(60).show(Step.LIST_USERS, waiting=Waiting(LONG, START + timedelta(seconds=20)))

    assert all(len(line) <= 60 for line in lines)
    assert "https://graph.microsoft.com/v1.0/users" in " ".join(lines).split()


def test_without_a_terminal_it_prints_a_line_for_every_10_percent():
    screen = Screen(80, terminal=False)
    lines = [screen.show(Step.PROBE_USERS, probed) for probed in range(0, 10_001, 250)]

    printed = [line for part in lines for line in part]
    assert len(printed) == 10
    assert printed[0].startswith("  1,000 of 10,000 users checked")


def test_without_a_terminal_a_long_wait_is_printed_once_and_a_short_one_never():
    screen = Screen(80, terminal=False)
    short = Waiting(BOOKINGS_UNRESPONSIVE, START + timedelta(seconds=5))
    long = Waiting(BOOKINGS_UNRESPONSIVE, START + timedelta(seconds=40))

    printed = [screen.show(Step.PROBE_USERS, 1, waiting=waiting) for waiting in (short, long, long, None, short)]

    assert printed == [[], ["  Bookings does not respond: next attempt in 40 s"], [], [], []]


def test_control_characters_in_a_reason_are_replaced():
    assert "\x1b" not in waiting_text(Waiting("\x1b[2J", START), START)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min 0 s"),
        (299, "4 min 59 s"),
        (300, "5 min"),
        (3600, "1 h 0 min"),
        (90061, "25 h 1 min"),
    ],
)
def test_durations_have_two_units_at_most(seconds, text):
    assert duration_text(timedelta(seconds=seconds)) == text


def test_only_existing_steps_have_a_label():
    assert set(STEPS) <= set(Step)
