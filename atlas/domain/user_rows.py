"""What is kept about one user, and how a new look at the evidence turns the old row into the next."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from atlas.domain import policy
from atlas.domain.findings import Finding, findings_of
from atlas.domain.mailboxes import Mailbox, NoMailbox
from atlas.domain.page_urls import domain_of, meeting_type_url, page_url
from atlas.domain.pages import NoPage, PageFound, PublicType, SignInRequired
from atlas.domain.statuses import Evidence, Status, Verdict, decide
from atlas.domain.users import LicensedUser


@dataclass(frozen=True, slots=True)
class MeetingType:
    """A public meeting type with its own address."""

    type_id: str
    title: str
    duration_minutes: int | None
    is_online: bool | None
    url: str


@dataclass(frozen=True, slots=True)
class UserRow:
    """One row of the table ``PersonalBookings`` (docs/tables.md). ``None`` means not known."""

    user: LicensedUser
    status: Status
    checked_at: datetime
    reason: str | None = None
    recipient_type: str | None = None
    primary_smtp_address: str | None = None
    mailbox_guid: str | None = None
    url: str | None = None
    meeting_types: tuple[MeetingType, ...] | None = None
    bookable: bool | None = None
    policy_verdict: policy.Verdict | None = None
    policy_reason: str | None = None
    policy_cause: policy.Cause | None = None
    policy_scope: policy.Scope | None = None
    policy_entries: tuple[str, ...] = ()
    """Entries of the deciding EWS list that name personal bookings."""
    policy_further: tuple[policy.Obstacle, ...] = ()
    """What decides next, once that is changed."""
    findings: tuple[Finding, ...] = ()
    last_known_status: Status | None = None
    last_known_at: datetime | None = None
    changed_at: datetime | None = None
    scan_id: str | None = None
    """The scan that wrote the row last; a look-up leaves it as it is."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at one licensed user: who, what was learned, and when."""

    user: LicensedUser
    evidence: Evidence
    at: datetime
    bookings_url: str


def next_row(previous: UserRow | None, observation: Observation, scan_id: str | None) -> UserRow:
    """The row after a look. An ``unknown`` keeps the last known status, its time, the URL and the meeting types.

    ``scan_id`` is ``None`` for a look-up. ``changed_at`` is carried over: ``changes.change_between`` tells changes.
    """
    row = _with_verdict(_with_mailbox(previous, observation), previous, observation)
    return replace(
        row,
        changed_at=previous.changed_at if previous else None,
        scan_id=scan_id or (previous.scan_id if previous else None),
    )


def gone_row(previous: UserRow, reason: str, at: datetime, scan_id: str | None) -> UserRow:
    """The row of a user who was licensed before, and is not any more."""
    return replace(
        previous,
        status=Status.GONE,
        reason=reason,
        url=None,
        meeting_types=None,
        bookable=None,
        policy_verdict=None,
        policy_reason=None,
        policy_cause=None,
        policy_scope=None,
        policy_entries=(),
        policy_further=(),
        findings=(),
        last_known_status=Status.GONE,
        last_known_at=at,
        checked_at=at,
        scan_id=scan_id or previous.scan_id,
    )


def _with_mailbox(previous: UserRow | None, observation: Observation) -> UserRow:
    """What is known of the mailbox. Microsoft Graph tells its GUID alone: what Exchange told of it before stands."""
    row = UserRow(observation.user, Status.UNKNOWN, observation.at)
    mailbox = observation.evidence.mailbox
    if isinstance(mailbox, NoMailbox):
        return replace(row, recipient_type=mailbox.recipient_type)
    if isinstance(mailbox, Mailbox):
        row = replace(
            row,
            mailbox_guid=str(mailbox.guid),
            recipient_type=mailbox.recipient_type,
            primary_smtp_address=mailbox.primary_smtp_address,
        )
    if previous and row.mailbox_guid in (None, previous.mailbox_guid):
        row = replace(
            row,
            mailbox_guid=previous.mailbox_guid,
            recipient_type=row.recipient_type or previous.recipient_type,
            primary_smtp_address=row.primary_smtp_address or previous.primary_smtp_address,
        )
    return row


def _with_verdict(row: UserRow, previous: UserRow | None, observation: Observation) -> UserRow:
    verdict = _carried_over_decision(row, previous, observation.evidence) or decide(observation.evidence)
    row = replace(
        row,
        status=verdict.status,
        reason=verdict.reason,
        policy_verdict=observation.evidence.policy.verdict,
        policy_reason=observation.evidence.policy.reason,
        policy_cause=observation.evidence.policy.cause,
        policy_scope=observation.evidence.policy.scope,
        policy_entries=observation.evidence.policy.entries,
        policy_further=observation.evidence.policy.further,
        findings=findings_of(observation.evidence),
    )
    if verdict.status is Status.UNKNOWN:
        return _with_last_known(row, previous)
    url = _url_of(row, observation)
    return replace(
        row,
        url=url,
        meeting_types=_meeting_types(url, observation.evidence),
        bookable=observation.evidence.bookable,
        last_known_status=verdict.status,
        last_known_at=observation.at,
    )


def _carried_over_decision(row: UserRow, previous: UserRow | None, evidence: Evidence) -> Verdict | None:
    """What Exchange told before of a mailbox without a page, where it was asked again and did not tell.

    Else a question that failed would turn ``noCapability`` and its like into ``notSetUp``.
    """
    if previous is None or not evidence.exchange_incomplete or row.mailbox_guid != previous.mailbox_guid:
        return None
    if not isinstance(evidence.page, NoPage) or previous.url is not None:
        return None
    mailbox = evidence.mailbox
    untold = (
        (
            Status.NO_CAPABILITY,
            isinstance(mailbox, Mailbox) and mailbox.has_capability is None,
            "the mailbox lacked BPOS_S_BookingsAddOn",
        ),
        (
            Status.SWITCHED_OFF,
            evidence.policy.verdict is policy.Verdict.UNKNOWN,
            "a policy turned personal bookings off",
        ),
        (Status.SIGN_IN_REQUIRED, evidence.sign_in_forced is None, "BookingsAuthEnabled hid every page"),
    )
    decided = decide(evidence).status
    for status, is_untold, sentence in untold:
        if decided is status:  # told anew, and it comes first
            return None
        if is_untold and previous.last_known_status is status:
            return Verdict(status, f"{sentence} when Exchange last told")
    return None


def _with_last_known(row: UserRow, previous: UserRow | None) -> UserRow:
    if previous is None:
        return row
    return replace(
        row,
        url=previous.url,
        meeting_types=previous.meeting_types,
        last_known_status=previous.last_known_status,
        last_known_at=previous.last_known_at,
    )


def _url_of(row: UserRow, observation: Observation) -> str | None:
    """Only a page that answered or asked for sign-in has an address to give."""
    if row.mailbox_guid is None or not isinstance(observation.evidence.page, PageFound | SignInRequired):
        return None
    domain = (
        domain_of(row.primary_smtp_address) or domain_of(observation.user.mail) or domain_of(observation.user.upn) or ""
    )
    return page_url(observation.bookings_url, UUID(row.mailbox_guid), domain)


def meeting_types_of(url: str, public_types: Iterable[PublicType]) -> tuple[MeetingType, ...]:
    """The public meeting types of the page at ``url``, each with its own address."""
    return tuple(_meeting_type(url, public_type) for public_type in public_types)


def _meeting_types(url: str | None, evidence: Evidence) -> tuple[MeetingType, ...] | None:
    if url is None or not isinstance(evidence.page, PageFound):
        return None
    return meeting_types_of(url, evidence.page.public_types)


def _meeting_type(url: str, public_type: PublicType) -> MeetingType:
    return MeetingType(
        public_type.type_id,
        public_type.title,
        public_type.duration_minutes,
        public_type.is_online,
        meeting_type_url(url, public_type.type_id),
    )
