"""Evidence in, status and reason out: the rules of docs/administrator.md in their order."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from atlas.domain import policy
from atlas.domain.mailboxes import Mailbox, MailboxEvidence, NoMailbox
from atlas.domain.pages import NoPage, PageEvidence, PageFound, SignInRequired
from atlas.domain.policy import PolicyVerdict, judge_policy
from atlas.domain.unknown import Unknown


class Status(StrEnum):
    """What is said of one user's personal page; names are fixed: docs/administrator.md lists them."""

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


NOT_LEARNED = judge_policy(None, None)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was learned about one licensed user, each part a value, a known absence or an ``Unknown``."""

    mailbox: MailboxEvidence
    page: PageEvidence | None = None
    """``None``: not asked, because there is no mailbox to ask for or its GUID is not known."""
    sign_in_forced: bool | None = None
    """The tenant's ``BookingsAuthEnabled``; ``None``: not known."""
    bookable: bool | None = None
    """Whether anything can be booked in the next 7 days; ``None``: not asked, or not learned."""
    policy: PolicyVerdict = NOT_LEARNED
    """What the EWS settings of organisation and mailbox say."""
    exchange_incomplete: bool = False
    """Whether Exchange was asked and did not tell, so that what it told before still stands."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The status, and why it is so where that needs words."""

    status: Status
    reason: str | None = None


type Rule = Callable[[Evidence], Verdict | None]


def decide(evidence: Evidence) -> Verdict:
    """The verdict of the first rule that holds."""
    return next(verdict for rule in RULES if (verdict := rule(evidence)))


def _no_mailbox(evidence: Evidence) -> Verdict | None:
    if isinstance(evidence.mailbox, NoMailbox):
        return Verdict(Status.NO_MAILBOX, "no mailbox in Exchange Online")
    return None


def _mailbox_unknown(evidence: Evidence) -> Verdict | None:
    return Verdict(Status.UNKNOWN, str(evidence.mailbox)) if isinstance(evidence.mailbox, Unknown) else None


def _page_decides(evidence: Evidence) -> Verdict | None:
    match evidence.page:
        case PageFound(public_types=()):
            return Verdict(Status.NO_PUBLIC_TYPES, "no public meeting type")
        case PageFound():
            return Verdict(Status.PUBLISHED)
        case SignInRequired():
            return Verdict(Status.SIGN_IN_REQUIRED, "its visitors have to sign in")
        case Unknown() as unknown:
            return Verdict(Status.UNKNOWN, str(unknown))
        case _:
            return None


def _capability_missing(evidence: Evidence) -> Verdict | None:
    if isinstance(evidence.mailbox, Mailbox) and evidence.mailbox.has_capability is False:
        return Verdict(Status.NO_CAPABILITY, "the mailbox lacks BPOS_S_BookingsAddOn")
    return None


def _switched_off(evidence: Evidence) -> Verdict | None:
    if evidence.policy.verdict is policy.Verdict.OFF:
        return Verdict(Status.SWITCHED_OFF, evidence.policy.reason)
    return None


def _sign_in_forced(evidence: Evidence) -> Verdict | None:
    if evidence.sign_in_forced:
        return Verdict(
            Status.SIGN_IN_REQUIRED, "BookingsAuthEnabled hides every page from anonymous visitors, so there may be one"
        )
    return None


def _not_set_up(evidence: Evidence) -> Verdict | None:
    if isinstance(evidence.page, NoPage):
        return Verdict(Status.NOT_SET_UP, f"its owner has not opened Bookings yet (answer {evidence.page.status})")
    return None


RULES: tuple[Rule, ...] = (
    _no_mailbox,
    _mailbox_unknown,
    _page_decides,
    _capability_missing,
    _switched_off,
    _sign_in_forced,
    _not_set_up,
)
