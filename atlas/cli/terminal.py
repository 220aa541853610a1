"""Tables for the terminal: users with their pages, and totals by status."""

from collections.abc import Iterable, Mapping

from rich import box
from rich.table import Table
from rich.text import Text

from atlas.domain.statuses import Status
from atlas.domain.text import printable
from atlas.domain.user_rows import UserRow

COLOURS = {
    Status.PUBLISHED: "green",
    Status.NO_PUBLIC_TYPES: "cyan",
    Status.NOT_SET_UP: "yellow",
    Status.SWITCHED_OFF: "magenta",
    Status.NO_CAPABILITY: "magenta",
    Status.NO_MAILBOX: "magenta",
    Status.SIGN_IN_REQUIRED: "blue",
    Status.UNKNOWN: "red",
    Status.NOT_LICENSED: "dim",
    Status.GONE: "dim",
}
MEANINGS = {
    Status.PUBLISHED: "the page answers, and anybody can book",
    Status.NO_PUBLIC_TYPES: "the page answers, and offers nothing to the public",
    Status.NOT_SET_UP: "no page: its owner has not opened Bookings yet",
    Status.SWITCHED_OFF: "no page: a policy turns personal bookings off",
    Status.NO_CAPABILITY: "no page: the Bookings plan has not reached the mailbox",
    Status.NO_MAILBOX: "licensed, without a mailbox in Exchange Online",
    Status.SIGN_IN_REQUIRED: "the page asks its visitors to sign in, or the tenant does",
    Status.UNKNOWN: "asked, and could not learn; the reason says why",
    Status.NOT_LICENSED: "no Bookings plan that is enabled",
    Status.GONE: "licensed at an earlier scan, and not any more",
}


def users_table(rows: Iterable[UserRow]) -> Table:
    """One line for each user: who, which status, the page and what it offers, and why there is none."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("user", overflow="fold")
    table.add_column("status", no_wrap=True)
    table.add_column("page", overflow="fold")
    table.add_column("meeting types", overflow="fold")
    table.add_column("reason", overflow="fold")
    for row in rows:
        table.add_row(
            plain(row.user.upn),
            Text(str(row.status), style=COLOURS[row.status]),
            plain(row.url or ""),
            plain(", ".join(meeting_type.title for meeting_type in row.meeting_types or ())),
            plain(_why(row)),
        )
    return table


def totals_table(by_status: Mapping[str, int]) -> Table:
    """One line for each status that occurs, with what it means."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=True)
    table.add_column("status", footer="all")
    table.add_column("users", justify="right", footer=f"{sum(by_status.values()):,}")
    table.add_column("meaning")
    for status in Status:
        if count := by_status.get(status):
            table.add_row(Text(str(status), style=COLOURS[status]), f"{count:,}", MEANINGS[status])
    return table


def _why(row: UserRow) -> str:
    return "; ".join(filter(None, (row.reason, " ".join(row.findings))))


def plain(text: str) -> Text:
    """A text of a remote service, as a terminal may show it."""
    return Text(printable(text))
