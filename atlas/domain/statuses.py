"""Decides a status and its reason from evidence: the rules of docs/administrator.md, in order."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from atlas.domain.mailboxes import Mailbox, MailboxEvidence, NoMailbox
from atlas.domain.pages import NoPage, PageEvidence, PageFound, SignInRequired
from atlas.domain.policy import PolicyVerdict, Verdict, judge_policy
from atlas.domain.unknown import Unknown


class Status(StrEnum):
    """The status of a user's personal page. The values are a contract, listed in docs/administrator.md."""

    PUBLISHED = "published"
    NO_PUBLIC_TYPES = "noPublicTypes"
    NOT_SET_UP = "notSetUp"
    SWITCHED_OFF = "switchedOff"
    NO_CAPABILITY = "noCapability"
    NO_MAILBOX = "noMailbox"
    SIGN_IN_REQUIRED = "signInRequired"
    UNKNOWN = "unknown"
    NOT_LICENSED = "notLicensed"
    GONE = "gone"


POLICY_NOT_KNOWN = judge_policy(None, None)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything found out about one licensed user; each part is a value, a known absence or an ``Unknown``."""

    mailbox: MailboxEvidence
    page: PageEvidence | None = None
    """``None``: not requested, because there is no mailbox or its GUID is not known."""
    sign_in_forced: bool | None = None
    """The organisation's ``BookingsAuthEnabled``; ``None``: not known."""
    bookable: bool | None = None
    """Whether anything can be booked in the next 7 days; ``None``: not checked, or not known."""
    policy: PolicyVerdict = POLICY_NOT_KNOWN
    """The verdict on the EWS settings of the organisation and the mailbox."""
    exchange_incomplete: bool = False
    """Exchange was queried, and part of its data could not be read, so its earlier results remain valid."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The status, and its reason if it needs one."""

    status: Status
    reason: str | None = None


type Rule = Callable[[Evidence], Decision | None]


def decide(evidence: Evidence) -> Decision:
    """The decision of the first rule that applies."""
    return next(decision for rule in RULES if (decision := rule(evidence)))


def _no_mailbox(evidence: Evidence) -> Decision | None:
    if isinstance(evidence.mailbox, NoMailbox):
        return Decision(Status.NO_MAILBOX, "the user has no mailbox in Exchange Online")
    return None


def _mailbox_unknown(evidence: Evidence) -> Decision | None:
    return Decision(Status.UNKNOWN, str(evidence.mailbox)) if isinstance(evidence.mailbox, Unknown) else None


def _page_decides(evidence: Evidence) -> Decision | None:
    match evidence.page:
        case PageFound(public_types=()):
            return Decision(Status.NO_PUBLIC_TYPES, "the page offers no public meeting type")
        case PageFound():
            return Decision(Status.PUBLISHED)
        case SignInRequired():
            return Decision(Status.SIGN_IN_REQUIRED, "the page requires visitors to sign in")
        case Unknown() as unknown:
            return Decision(Status.UNKNOWN, str(unknown))
        case _:
            return None


def _capability_missing(evidence: Evidence) -> Decision | None:
    if isinstance(evidence.mailbox, Mailbox) and evidence.mailbox.has_capability is False:
        return Decision(Status.NO_CAPABILITY, "the mailbox lacks the capability BPOS_S_BookingsAddOn")
    return None


def _switched_off(evidence: Evidence) -> Decision | None:
    if evidence.policy.verdict is Verdict.OFF:
        return Decision(Status.SWITCHED_OFF, evidence.policy.reason)
    return None


def _sign_in_forced(evidence: Evidence) -> Decision | None:
    if evidence.sign_in_forced:
        return Decision(
            Status.SIGN_IN_REQUIRED,
            "BookingsAuthEnabled hides every page from anonymous visitors, so there may be a page",
        )
    return None


def _not_set_up(evidence: Evidence) -> Decision | None:
    if isinstance(evidence.page, NoPage):
        return Decision(Status.NOT_SET_UP, NOT_SET_UP_REASONS[evidence.policy.verdict].format(evidence.page.status))
    return None


NOT_SET_UP_REASONS = {
    Verdict.ON: "no page was found (response {}): the owner has not opened Bookings yet",
    Verdict.EWS_DISABLED: (
        "no page was found (response {}); EwsEnabled is False, and it is not known whether that forbids a page"
    ),
    Verdict.UNKNOWN: "no page was found (response {}); it is not known whether a policy forbids one",
}
"""A cause that was not observed is never stated: only verdict ``on`` rules out that a policy forbids the page."""

RULES: tuple[Rule, ...] = (
    _no_mailbox,
    _mailbox_unknown,
    _page_decides,
    _capability_missing,
    _switched_off,
    _sign_in_forced,
    _not_set_up,
)
