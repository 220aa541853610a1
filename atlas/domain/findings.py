"""Findings: evidence that disagrees, or a page that cannot be used. They never change the status."""

from enum import StrEnum

from atlas.domain.mailboxes import Mailbox
from atlas.domain.pages import PageFound, SignInRequired
from atlas.domain.policy import Verdict
from atlas.domain.statuses import Evidence


class Finding(StrEnum):
    """The values are a contract, listed in docs/administrator.md."""

    POLICY_CONTRADICTS_PAGE = "policyContradictsPage"
    POLICY_CONFLICT = "policyConflict"
    CAPABILITY_CONTRADICTS_PAGE = "capabilityContradictsPage"
    NOTHING_BOOKABLE = "nothingBookable"


def findings_of(evidence: Evidence) -> tuple[Finding, ...]:
    """The findings of this evidence, in the order of the names above."""
    responds = isinstance(evidence.page, PageFound)
    exists = isinstance(evidence.page, PageFound | SignInRequired)
    lacks_capability = isinstance(evidence.mailbox, Mailbox) and evidence.mailbox.has_capability is False
    offers = isinstance(evidence.page, PageFound) and bool(evidence.page.public_types)
    found = {
        Finding.POLICY_CONTRADICTS_PAGE: exists and evidence.policy.verdict is Verdict.OFF,
        Finding.POLICY_CONFLICT: evidence.policy.is_conflict,
        Finding.CAPABILITY_CONTRADICTS_PAGE: responds and lacks_capability,
        Finding.NOTHING_BOOKABLE: offers and evidence.bookable is False,
    }
    return tuple(finding for finding, holds in found.items() if holds)
