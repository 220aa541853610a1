"""Shows a running scan: a bar with rate and estimated end, and what the scan is waiting for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from atlas.domain.text import printable
from atlas.scans.local_run import RunStatus, Waiting
from atlas.scans.progress import Step

STEPS = {
    Step.READ_ORGANIZATION: "reading settings",
    Step.LIST_MAILBOXES: "listing mailboxes",
    Step.LIST_MAILBOX_POLICIES: "listing policies",
    Step.LIST_USERS: "listing users",
    Step.JOIN_MAILBOXES: "joining users and mailboxes",
    Step.PROBE_USERS: "checking pages",
    Step.MARK_GONE: "finding users who are gone",
    Step.DELETE_EXPIRED: "deleting expired rows",
    Step.CLOSE_SCAN: "closing the scan",
}
OTHER_STEP = "reading shared pages"
MIN_PROBED = 5
"""With fewer probes, the rate is not known."""
MIN_PRINTED_WAIT = timedelta(seconds=10)
LINES = 10
"""How many lines about its progress a scan prints where there is no terminal."""


@dataclass(slots=True)
class ScanDisplay:
    """The display of one scan. ``clock`` is that of the scan."""

    console: Console
    clock: Callable[[], datetime]
    _status: RunStatus | None = None
    _began: datetime | None = None
    _probed_before: int = 0
    _printed: int = 0
    _printed_wait: Waiting | None = field(default=None)

    def update(self, status: RunStatus) -> None:
        """Show this status."""
        if status.step is Step.PROBE_USERS and self._began is None:
            self._began, self._probed_before = self.clock(), status.counts.probed
        self._status = status
        if not self.console.is_terminal:
            self._print_line(status)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the display until the block ends; nothing of it remains on a terminal."""
        if not self.console.is_terminal:
            yield
            return
        with Live(
            get_renderable=self.render,
            console=self.console,
            refresh_per_second=4,
            transient=True,
            redirect_stderr=False,
        ):
            yield

    def render(self) -> RenderableType:
        """The bar and, below it, what the scan is waiting for."""
        status = self._status
        if status is None:
            return Text("starting …")
        lines: list[RenderableType] = [self._bar(status)]
        if status.waiting:
            lines.append(Text(waiting_text(status.waiting, self.clock()), style="yellow"))
        return Group(*lines)

    def _bar(self, status: RunStatus) -> RenderableType:
        line = Table.grid(padding=(0, 1, 0, 0), expand=True)
        line.add_column(no_wrap=True)
        if status.step is not Step.PROBE_USERS:
            line.add_row(f"{step_text(status.step)} … {f'{status.listed:,} users so far' if status.listed else ''}")
            return line
        probed, total = status.counts.probed, _total(status)
        line.add_column(ratio=1)
        line.add_column(no_wrap=True)
        line.add_column(no_wrap=True)
        facts = " · ".join(filter(None, (self._rate(probed), self._remaining(probed, total))))
        line.add_row(
            step_text(status.step), ProgressBar(total=max(1, total), completed=probed), f"{probed:,}/{total:,}", facts
        )
        return line

    def _rate(self, probed: int) -> str:
        seconds, count = self._elapsed().total_seconds(), probed - self._probed_before
        if count < MIN_PROBED or not seconds:
            return ""
        per_second = count / seconds
        return f"{per_second:.0f}/s" if per_second >= 10 else f"{per_second * 60:.0f}/min"

    def _remaining(self, probed: int, total: int) -> str:
        count = probed - self._probed_before
        if count < MIN_PROBED or probed >= total:
            return ""
        left = self._elapsed() * ((total - probed) / count)
        return f"{duration_text(left)} left"

    def _elapsed(self) -> timedelta:
        return self.clock() - self._began if self._began else timedelta()

    def _print_line(self, status: RunStatus) -> None:
        if (wait := status.waiting) and wait != self._printed_wait and wait.until - self.clock() >= MIN_PRINTED_WAIT:
            self._printed_wait = wait
            self._print(waiting_text(wait, self.clock()))
        probed, total = status.counts.probed, _total(status)
        if status.step is Step.PROBE_USERS and probed - self._printed >= max(1, total // LINES):
            self._printed = probed
            facts = ", ".join(filter(None, (self._rate(probed), self._remaining(probed, total))))
            self._print(f"{probed:,} of {total:,} users checked{f' ({facts})' if facts else ''}")

    def _print(self, text: str) -> None:
        self.console.print(f"  {text}", markup=False, soft_wrap=True)


def step_text(step: Step) -> str:
    """What a step does, in a few words."""
    return STEPS.get(step, OTHER_STEP)


def waiting_text(waiting: Waiting, now: datetime) -> str:
    """Why a scan waits, and for how long."""
    left = max(timedelta(), waiting.until - now)
    return f"{printable(waiting.reason).rstrip('.')}: next attempt in {duration_text(left)}"


def duration_text(duration: timedelta) -> str:
    """A duration in its two largest units."""
    seconds = round(duration.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if minutes < 5 else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def _total(status: RunStatus) -> int:
    """Until every user is listed, Graph's count, which includes users whose plan cannot be used."""
    return max(status.total or 0, status.listed, status.counts.probed)
