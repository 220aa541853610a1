"""The result that a scan must find for each user, derived from the kind of user: the rules of docs/administrator.md."""

from dataclasses import dataclass, replace

from local.simulator import policy
from local.simulator.meeting_types import public_count
from local.simulator.options import Organization
from local.simulator.user_kinds import (
    OUTCOMES,
    UNDETERMINED,
    UNREADABLE_MAILBOXES,
    UNREADABLE_USERS,
    Mailbox,
    Outcome,
    Page,
    Record,
)
from local.simulator.users import SimulatedUser

_WORKING = {Outcome.PUBLIC, Outcome.NONE_PUBLIC}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the scan can use."""

    exchange: bool = True
    """False: EXCHANGE_EVIDENCE is off or Exchange refuses; GUIDs come from Graph, capability and policy are unknown."""
    mailbox_policy: bool = True
    """False: mailbox policies are not read, so that only an organisation's block counts."""
    mailbox: bool = True
    """False: Exchange's record of the mailbox cannot be read; the GUID comes from Graph, the capability is unknown."""
    availability: bool = True
    """False: PROBE_AVAILABILITY is off."""

    @property
    def mailbox_known(self) -> bool:
        """Exchange's record of the mailbox can be used."""
        return self.exchange and self.mailbox


EVERYTHING = Evidence()


@dataclass(frozen=True, slots=True)
class Expected:
    """The expected result for one user."""

    status: str
    reason: str | None = None
    """First word of the reason of an `unknown`."""
    mailbox_guid: str | None = None
    """With hyphens; None if there is none, or it cannot be determined."""
    domain: str | None = None
    """Domain in the page's URL, lower case."""
    url_path: str | None = None
    """Path of the page's URL; None if the row must have no URL."""
    bookable: bool | None = None
    """None if it is not requested or cannot be determined."""
    public_types: int | None = None
    """How many public meeting types the page offers; None without a working page."""
    policy_verdict: str = "unknown"
    findings: tuple[str, ...] = ()


def outcome_of(page: Page, organization: Organization, *, hides_pages: bool = False) -> Outcome:
    """What the response to `services` means for a page of this kind, in this organisation."""
    outcome = OUTCOMES[page]
    if organization.bookings_auth_enabled and outcome in _WORKING:
        return Outcome.NO_PAGE if hides_pages else Outcome.SIGN_IN
    return outcome


def expected(
    user: SimulatedUser, organization: Organization, evidence: Evidence = EVERYTHING, *, hides_pages: bool = False
) -> Expected:
    """The result that a scan must find for one user."""
    if not user.is_licensed:
        return Expected("notLicensed")
    if user.record in UNREADABLE_USERS:
        return Expected("unknown", Outcome.NOT_UNDERSTOOD)
    evidence = _readable(user, evidence)
    verdict = _verdict(user, organization, evidence)
    if not user.has_mailbox:
        return Expected(
            "noMailbox", policy_verdict="off" if _organization_blocks(organization, evidence) else "unknown"
        )
    if user.mailbox is Mailbox.GUID_NOT_IN_GRAPH and not evidence.mailbox_known:
        return Expected("unknown", Outcome.NOT_UNDERSTOOD)
    outcome = outcome_of(user.page, organization, hides_pages=hides_pages)
    domain = _url_domain(user, evidence)
    has_url = outcome in _WORKING or outcome is Outcome.SIGN_IN
    bare_guid = user.mailbox_guid.replace("-", "")
    return Expected(
        status=_status(user, organization, evidence, outcome, verdict),
        reason=outcome.value if outcome in UNDETERMINED else None,
        mailbox_guid=user.mailbox_guid,
        domain=domain,
        url_path=f"/bookwithme/user/{bare_guid}@{domain}" if has_url else None,
        bookable=_bookable(user, outcome, evidence),
        public_types=_public_types(user.page, outcome),
        policy_verdict=verdict,
        findings=_findings(user, organization, evidence, outcome, verdict),
    )


def _readable(user: SimulatedUser, evidence: Evidence) -> Evidence:
    """The evidence without Exchange's records of this user that are malformed."""
    if user.record in UNREADABLE_MAILBOXES:
        return replace(evidence, mailbox=False, mailbox_policy=False)
    if user.record is Record.INVALID_POLICY:
        return replace(evidence, mailbox_policy=False)
    return evidence


def _status(user: SimulatedUser, organization: Organization, evidence: Evidence, outcome: Outcome, verdict: str) -> str:
    if outcome in UNDETERMINED:
        return "unknown"
    by_page = {Outcome.PUBLIC: "published", Outcome.NONE_PUBLIC: "noPublicTypes", Outcome.SIGN_IN: "signInRequired"}
    if outcome in by_page:
        return by_page[outcome]
    without_page = (
        (evidence.mailbox_known and not user.has_capability, "noCapability"),
        (verdict == "off", "switchedOff"),
        (evidence.exchange and organization.bookings_auth_enabled, "signInRequired"),
    )
    return next((status for holds, status in without_page if holds), "notSetUp")


def _verdict(user: SimulatedUser, organization: Organization, evidence: Evidence) -> str:
    if not evidence.exchange:
        return "unknown"
    ours = policy.of_organization(organization)
    if evidence.mailbox_policy:
        return policy.verdict(ours, policy.MAILBOX_SETTINGS[user.policy])
    return "off" if _organization_blocks(organization, evidence) else "unknown"


def _organization_blocks(organization: Organization, evidence: Evidence) -> bool:
    alone = policy.verdict(policy.of_organization(organization), policy.EwsSettings(enabled=True))
    return evidence.exchange and alone == "off"


def _url_domain(user: SimulatedUser, evidence: Evidence) -> str:
    address = user.primary_smtp if evidence.mailbox_known else user.mail or user.upn
    return address.rpartition("@")[2].lower()


def _bookable(user: SimulatedUser, outcome: Outcome, evidence: Evidence) -> bool | None:
    if outcome is not Outcome.PUBLIC or not evidence.availability or user.page is Page.AVAILABILITY_FAILS:
        return None
    return user.page is not Page.NOTHING_FREE


def _public_types(page: Page, outcome: Outcome) -> int | None:
    return public_count(page) if outcome in _WORKING else None


def _findings(
    user: SimulatedUser, organization: Organization, evidence: Evidence, outcome: Outcome, verdict: str
) -> tuple[str, ...]:
    works = outcome in _WORKING
    ours, theirs = policy.of_organization(organization), policy.MAILBOX_SETTINGS[user.policy]
    reads_policies = evidence.exchange and evidence.mailbox_policy
    found = {
        "policyContradictsPage": verdict == "off" and (works or outcome is Outcome.SIGN_IN),
        "policyConflict": reads_policies and policy.conflicts(ours, theirs),
        "capabilityContradictsPage": evidence.mailbox_known and works and not user.has_capability,
        "nothingBookable": _bookable(user, outcome, evidence) is False,
    }
    return tuple(name for name, holds in found.items() if holds)
