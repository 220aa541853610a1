"""How statuses are shown in a terminal: their colours, what they mean, and how many users have each."""

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from atlas.cli.screen import new_table
from atlas.domain.statuses import Status
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
    Status.PUBLISHED: "the page responds and offers public meeting types",
    Status.NO_PUBLIC_TYPES: "the page responds and offers no public meeting types",
    Status.NOT_SET_UP: "no page was found, and nothing known forbids one",
    Status.SWITCHED_OFF: "no page: a policy turns personal bookings off",
    Status.NO_CAPABILITY: "no page: the licence has not reached the mailbox",
    Status.NO_MAILBOX: "licensed, but without a mailbox in Exchange Online",
    Status.SIGN_IN_REQUIRED: "the page or the tenant requires visitors to sign in",
    Status.UNKNOWN: "could not be determined; the reason says why",
    Status.NOT_LICENSED: "no active Bookings plan",
    Status.GONE: "no longer licensed, or deleted",
}
PUBLISHED_MEANINGS = {
    True: "the page responds, and anyone can book",
    False: "the page responds, but nothing can be booked in the next 7 days",
    None: MEANINGS[Status.PUBLISHED],
}


def meaning_of(row: UserRow) -> str:
    """What this user's status means, in a few words."""
    return PUBLISHED_MEANINGS[row.bookable] if row.status is Status.PUBLISHED else MEANINGS[row.status]


def status_text(status: Status) -> Text:
    """A status in its colour."""
    return Text(str(status), style=COLOURS[status])


def totals_table(by_status: Mapping[str, int]) -> Table:
    """How many users have each status, and what it means; statuses without users are left out."""
    table = new_table("status", "users", "meaning")
    table.columns[1].justify = "right"
    table.show_footer = True
    table.columns[0].footer, table.columns[1].footer = "total", f"{sum(by_status.values()):,}"
    for status in Status:
        if count := by_status.get(status):
            table.add_row(status_text(status), f"{count:,}", MEANINGS[status])
    return table
