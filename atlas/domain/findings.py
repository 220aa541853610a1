"""Where two pieces of evidence disagree, or a page is of no use: shown beside the status, never changing it."""

from enum import StrEnum

from atlas.domain.mailboxes import Mailbox
from atlas.domain.pages import PageAnswers
from atlas.domain.statuses import Evidence


class Finding(StrEnum):
    """Names are fixed by the product contract, section 3."""

    CAPABILITY_CONTRADICTS_PAGE = "capabilityContradictsPage"
    NOTHING_BOOKABLE = "nothingBookable"


def findings_of(evidence: Evidence) -> tuple[Finding, ...]:
    """What is odd about this user's evidence, in the order of the names above."""
    match evidence:
        case Evidence(mailbox=Mailbox(has_capability=False), page=PageAnswers()):
            contradiction: tuple[Finding, ...] = (Finding.CAPABILITY_CONTRADICTS_PAGE,)
        case _:
            contradiction = ()
    nothing = isinstance(evidence.page, PageAnswers) and evidence.page.public_types and evidence.bookable is False
    return (*contradiction, Finding.NOTHING_BOOKABLE) if nothing else contradiction
