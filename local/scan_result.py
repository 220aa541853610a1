"""The result of the demo's scan on a terminal: how many users have each status, and a few users of each."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from atlas.cli.screen import plain, wrap_text
from atlas.cli.statuses import COLOURS, totals_table
from atlas.domain.statuses import Status
from atlas.domain.user_rows import UserRow

USERS_PER_STATUS = 3
MIN_WIDTH = 80
MARGIN = 6
"""Around and between a name and its details."""
MAX_NAME_WIDTH = 38
"""Leaves room for details on a terminal of 80 columns; a longer name has its own line, so that it can be copied."""


class Result:
    """Collects rows for the screen: a few of each status, or all of them."""

    def __init__(self, *, show_all: bool) -> None:
        self._limit = None if show_all else USERS_PER_STATUS
        self._rows: dict[Status, list[UserRow]] = {status: [] for status in Status}

    def add(self, row: UserRow) -> None:
        """Keep this row if it will be shown."""
        rows = self._rows[row.status]
        if self._limit is None or len(rows) < self._limit:
            rows.append(row)

    def first(self, *statuses: Status) -> UserRow | None:
        """A user with the first of these statuses that occurs."""
        return next((row for status in statuses for row in self._rows[status]), None)

    def parts(self, by_status: Mapping[str, int]) -> Iterator[RenderableType]:
        """The totals, then the users of each status. Page URLs have their own lines, so that they can be copied."""
        yield totals_table(by_status)
        shown = [row for rows in self._rows.values() for row in sorted(rows, key=lambda row: row.user.upn)]
        width = min(max((len(row.user.upn) for row in shown), default=0), MAX_NAME_WIDTH)
        width = width if Console().width >= MIN_WIDTH else 0
        for status, rows in groupby(shown, lambda row: row.status):
            count, users = by_status.get(status, 0), list(rows)
            yield Text(f"{status}, {len(users):,} of {count:,}", style=f"bold {COLOURS[status]}")
            for row in users:
                yield from _user_lines(row, width)
                if row.url:
                    yield Text(f"  {row.url}")
            yield Text()


def _user_lines(row: UserRow, width: int) -> Iterator[RenderableType]:
    """The name and the details, beside each other if the name is not longer than ``width`` and no word is cut."""
    is_cut = max(map(len, _details(row).split()), default=0) > Console().width - width - MARGIN
    if len(row.user.upn) > width or is_cut:
        yield plain(f"  {row.user.upn}")
        yield plain(wrap_text(_details(row), " " * (4 if is_cut else width + 4)))
        return
    line = Table.grid(padding=(0, 0, 0, 2), pad_edge=True)
    line.add_column(min_width=width, no_wrap=True)
    line.add_column(overflow="fold")
    line.add_row(plain(row.user.upn), plain(_details(row)))
    yield line


def _details(row: UserRow) -> str:
    meeting_types: Iterable[str] = (meeting_type.title for meeting_type in row.meeting_types or ())
    return "; ".join(filter(None, (row.reason, ", ".join(meeting_types), *row.findings)))
