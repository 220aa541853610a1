"""Whether a scan may keep what it knows about a page that has been ``notSetUp`` for long, instead of requesting it.

Only if ``NOT_SET_UP_RECHECK_DAYS`` allows it, and only while everything else that the scan knows about the user, all of
which comes from the census and costs no request, still leads to the same row.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from atlas.domain.mailboxes import Mailbox
from atlas.domain.pages import NoPage
from atlas.domain.policy import PolicyVerdict
from atlas.domain.statuses import Evidence, Status, decide
from atlas.domain.user_rows import UserRow

SETTLED_AFTER = timedelta(days=14)
"""How long a page must have been ``notSetUp``: people often open Bookings soon after they get the licence."""


@dataclass(frozen=True, slots=True)
class Known:
    """A stored row, and the evidence that a scan has without requesting the page."""

    row: UserRow
    evidence: Evidence
    now: datetime
    recheck_after: timedelta
    """Zero: every scan requests every page."""


type Condition = Callable[[Known], bool]

CONDITIONS: tuple[tuple[str, Condition], ...] = (
    ("the row is notSetUp", lambda known: known.row.status is Status.NOT_SET_UP),
    (
        "it has been for 14 days",
        lambda known: known.row.status_since is not None and known.now - known.row.status_since >= SETTLED_AFTER,
    ),
    ("the row is not old enough", lambda known: known.now - known.row.checked_at < known.recheck_after),
    ("the clock did not go back", lambda known: known.row.checked_at <= known.now),
    ("Exchange was read completely", lambda known: not known.evidence.exchange_incomplete),
    ("the mailbox is the same", lambda known: _mailbox_is_same(known)),
    ("the policy is the same", lambda known: _rests_on(known.row.policy) == _rests_on(known.evidence.policy)),
    ("no other rule applies", lambda known: decide(_without_page(known.evidence)).status is Status.NOT_SET_UP),
)
"""Every one must hold, or the page is requested."""


def may_keep(known: Known) -> bool:
    """Whether the page need not be requested."""
    return all(holds(known) for _, holds in CONDITIONS)


def _mailbox_is_same(known: Known) -> bool:
    mailbox = known.evidence.mailbox
    return isinstance(mailbox, Mailbox) and str(mailbox.guid) == known.row.mailbox_guid


def _without_page(evidence: Evidence) -> Evidence:
    return replace(evidence, page=NoPage(404))


def _rests_on(policy: PolicyVerdict | None) -> object:
    """The parts of a verdict that do not depend on the time: everything except the sentences."""
    return policy and (policy.verdict, policy.cause, policy.scope, policy.setting, policy.value, policy.entries)
