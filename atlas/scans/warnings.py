"""The sentences about a scan that its row and its status carry. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from atlas.domain.scans import Scan
from atlas.domain.statuses import Status
from atlas.scans.lanes import MAX_OUTAGE_SECONDS
from atlas.scans.messages import Closing

MAX_WARNINGS = 10
MORE_WARNINGS = "Exchange returned more warnings than these."
NO_PAGE_SEEN = (
    "BookingsAuthEnabled requires every visitor to sign in, and no page was open to anonymous visitors: this scan "
    "cannot tell who has no page. A user who is signInRequired without a URL may or may not have one."
)
BOOKINGS_DOWN = "Bookings does not respond: the scan waits and tries again."


NOT_STARTED = "A scan was due while this one was running, and did not start: "
MAX_NOT_STARTED = 5
"""The newest due times are kept: a scan that runs for days may miss many."""


def with_scan_not_started(scan: Scan, due: datetime) -> Scan:
    """A running scan with the warning that another one was due; the same due time is reported once."""
    at = due.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    advice = "Scan less often (SCAN_SCHEDULE) or raise PROBE_CONCURRENCY, while throttling stays low."
    others = [warning for warning in scan.warnings if not warning.startswith(NOT_STARTED)]
    not_started = [warning for warning in scan.warnings if warning.startswith(NOT_STARTED)]
    not_started = list(dict.fromkeys([*not_started, f"{NOT_STARTED}{at} UTC. {advice}"]))
    return replace(scan, warnings=(*others, *not_started[-MAX_NOT_STARTED:]))


def exchange_warning(organization: str | None, mailboxes: str | None, policies: str | None) -> str | None:
    """One warning about everything that Exchange did not return: the first problem, and what is not known as a result.

    ``mailboxes`` is the problem of their listing, ``policies`` that of their EWS settings.
    """
    problem = mailboxes or organization or policies
    if not problem:
        return None
    unknown = []
    if mailboxes:
        unknown.append("capabilities")
    if mailboxes or policies:
        unknown.append("mailbox policies")
    if organization:
        unknown.append("BookingsAuthEnabled and the organisation's policy")
    graph = "Mailbox GUIDs come from Microsoft Graph. " if mailboxes else ""
    return f"{problem.rstrip('.')}. {graph}Not known in this scan: {', '.join(unknown)}."


def closing_warnings(closing: Closing) -> list[str]:
    """What the result of a scan leaves open."""
    hours = round(MAX_OUTAGE_SECONDS / 3600)
    sentences = (
        (
            closing.counts.unrecorded,
            "users could not be probed or their rows not written; the log says why. Their rows are unchanged.",
        ),
        (
            closing.counts.not_requested,
            f"users were recorded as unknown without a request, because Bookings did not respond for {hours} hours in "
            "total. Start another scan when it does. If its pages work in a browser, run `atlas doctor --calibrate`: "
            "NOT_SET_UP_MARKERS may lack a word.",
        ),
        (
            closing.missed,
            "users are licensed although Microsoft Graph left them out of its listing. Their rows are unchanged.",
        ),
        (
            closing.malformed,
            "stored rows cannot be read and are left out of lists, because no probe has replaced them.",
        ),
        (closing.unconfirmed, "users were not listed, and Microsoft Graph did not say whether they are gone."),
    )
    warnings = [f"{count} {sentence}" for count, sentence in sentences if count]
    return [*warnings, NO_PAGE_SEEN] if _saw_no_page(closing) else warnings


def limit_warnings(warnings: Iterable[str]) -> list[str]:
    """Each warning once, and no more of them than a status and a column can hold."""
    distinct = list(dict.fromkeys(warnings))
    limited = [warning for warning in distinct if warning != MORE_WARNINGS][:MAX_WARNINGS]
    return limited if len(limited) == len(distinct) else [*limited, MORE_WARNINGS]


def _saw_no_page(closing: Closing) -> bool:
    """Whether sign-in is forced and no page was open, so that nothing is known about who has none."""
    statuses = closing.counts.by_status.keys()
    is_hidden = closing.error is None and closing.sign_in_forced and statuses
    return bool(is_hidden) and not {Status.PUBLISHED, Status.NO_PUBLIC_TYPES} & statuses
