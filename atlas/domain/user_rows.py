"""The row stored about one user, and how a new observation turns the previous row into the next."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from atlas.domain.findings import Finding, findings_of
from atlas.domain.mailboxes import Mailbox, NoMailbox
from atlas.domain.page_urls import domain_of, meeting_type_url, page_url
from atlas.domain.pages import NoPage, PageFound, PublicType, SignInRequired
from atlas.domain.policy import PolicyVerdict, Verdict
from atlas.domain.scans import started_at_of
from atlas.domain.statuses import Decision, Evidence, Status, decide
from atlas.domain.users import LicensedUser


@dataclass(frozen=True, slots=True)
class MeetingType:
    """A public meeting type with its own address; as JSON, it has the shape that docs/api.md describes."""

    type_id: Annotated[str, Field(alias="id")]
    title: str
    duration_minutes: Annotated[int | None, Field(alias="durationMinutes")]
    is_online: Annotated[bool | None, Field(alias="isOnline")]
    url: str


@dataclass(frozen=True, slots=True)
class UserRow:
    """One row of the table ``PersonalBookings`` (docs/tables.md). ``None`` means not known."""

    user: LicensedUser
    status: Status
    checked_at: datetime
    """The time just before the first request for the evidence."""
    reason: str | None = None
    recipient_type: str | None = None
    primary_smtp_address: str | None = None
    mailbox_guid: str | None = None
    url: str | None = None
    meeting_types: tuple[MeetingType, ...] | None = None
    bookable: bool | None = None
    policy: PolicyVerdict | None = None
    findings: tuple[Finding, ...] = ()
    last_known_status: Status | None = None
    last_known_at: datetime | None = None
    changed_at: datetime | None = None
    scan_id: str | None = None
    """The newest scan that recorded the user; lookups leave it unchanged."""
    status_since: datetime | None = None
    """When the last known status was first observed."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What was found out about one licensed user, and when."""

    user: LicensedUser
    evidence: Evidence
    at: datetime
    """The time just before the first request."""
    bookings_url: str


def next_row(previous: UserRow | None, observation: Observation, scan_id: str | None) -> UserRow:
    """The row after an observation. ``unknown`` keeps the last known status, its time, the URL and the meeting types.

    ``scan_id`` is ``None`` for a lookup. An observation that is older than the row changes nothing but its ``scan_id``.
    A scan lists users long before it probes them, so what a lookup has stored about the user meanwhile is newer.
    ``changed_at`` is carried over: ``changes.change_between`` detects changes.
    """
    if previous and observation.at < previous.checked_at:
        return replace(previous, scan_id=_newest_scan(previous, scan_id))
    if previous and _is_newer_than_listing(previous, scan_id):
        if previous.status is Status.GONE:
            return replace(previous, scan_id=_newest_scan(previous, scan_id))
        observation = replace(observation, user=previous.user)
    row = _with_decision(_with_mailbox(previous, observation), previous, observation)
    return replace(
        row,
        status_since=_status_since(row, previous),
        changed_at=previous.changed_at if previous else None,
        scan_id=_newest_scan(previous, scan_id),
    )


def kept_row(previous: UserRow, user: LicensedUser, scan_id: str) -> UserRow:
    """The row of a user whose page a scan did not request, because what is known is recent enough."""
    user = previous.user if _is_newer_than_listing(previous, scan_id) else user
    return replace(previous, user=user, scan_id=_newest_scan(previous, scan_id))


def gone_row(previous: UserRow, reason: str, at: datetime, scan_id: str | None) -> UserRow:
    """The row of a user who is no longer licensed, as the directory reported at ``at``; not if the row is newer.

    It keeps only what is needed to recognise the user who returns.
    """
    if at < previous.checked_at:
        return replace(previous, scan_id=_newest_scan(previous, scan_id))
    user = LicensedUser(previous.user.user_id, previous.user.upn, previous.user.display_name)
    return UserRow(
        user=user,
        status=Status.GONE,
        checked_at=at,
        reason=reason,
        last_known_status=Status.GONE,
        last_known_at=at,
        changed_at=previous.changed_at,
        scan_id=_newest_scan(previous, scan_id),
    )


def _status_since(row: UserRow, previous: UserRow | None) -> datetime | None:
    """Carried over while the last known status stays the same; ``unknown`` in between does not interrupt it."""
    if previous and previous.last_known_status is row.last_known_status:
        return previous.status_since or previous.last_known_at or row.last_known_at
    return row.last_known_at


def _is_newer_than_listing(previous: UserRow, scan_id: str | None) -> bool:
    """Whether the row was written since the scan started, and so after Microsoft Graph listed the user."""
    started_at = started_at_of(scan_id) if scan_id else None
    return started_at is not None and previous.checked_at > started_at


def _newest_scan(previous: UserRow | None, scan_id: str | None) -> str | None:
    """The later of two scans: their IDs begin with the time at which they started."""
    known = [one for one in (previous.scan_id if previous else None, scan_id) if one]
    return max(known, default=None)


def _with_mailbox(previous: UserRow | None, observation: Observation) -> UserRow:
    """What is known about the mailbox. Graph reports only its GUID; the rest is carried over from Exchange."""
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


def _with_decision(row: UserRow, previous: UserRow | None, observation: Observation) -> UserRow:
    evidence = observation.evidence
    decision = _carried_over_decision(row, previous, evidence) or decide(evidence)
    row = replace(
        row,
        status=decision.status,
        reason=decision.reason,
        policy=evidence.policy,
        findings=findings_of(evidence),
    )
    if decision.status is Status.UNKNOWN:
        return _with_last_known(row, previous)
    url = _url_of(row, observation)
    return replace(
        row,
        url=url,
        meeting_types=_meeting_types(url, evidence),
        bookable=evidence.bookable,
        last_known_status=decision.status,
        last_known_at=observation.at,
    )


def _carried_over_decision(row: UserRow, previous: UserRow | None, evidence: Evidence) -> Decision | None:
    """The previous status of a mailbox without a page, if it depended on settings that Exchange did not return.

    Without it, a failed request would turn ``noCapability`` and the like into ``notSetUp``.
    """
    if previous is None or not evidence.exchange_incomplete or row.mailbox_guid != previous.mailbox_guid:
        return None
    if not isinstance(evidence.page, NoPage) or previous.url is not None:
        return None
    mailbox = evidence.mailbox
    not_known_now = (
        (
            Status.NO_CAPABILITY,
            isinstance(mailbox, Mailbox) and mailbox.has_capability is None,
            "the mailbox lacked the capability BPOS_S_BookingsAddOn",
        ),
        (Status.SWITCHED_OFF, evidence.policy.verdict is Verdict.UNKNOWN, "a policy turned personal bookings off"),
        (Status.SIGN_IN_REQUIRED, evidence.sign_in_forced is None, "BookingsAuthEnabled hid every page"),
    )
    decided = decide(evidence).status
    for status, is_not_known, sentence in not_known_now:
        if decided is status:  # observed again, and it comes first
            return None
        if is_not_known and previous.last_known_status is status:
            return Decision(status, f"when Exchange could last be read, {sentence}")
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
    """Only a page that responded or required sign-in has an address to report."""
    if not isinstance(observation.evidence.page, PageFound | SignInRequired):
        return None
    return url_to_try(row, observation.bookings_url)


def url_to_try(row: UserRow, bookings_url: str) -> str | None:
    """Where the user's page is, if there is one; ``None`` if the mailbox is not known."""
    if row.mailbox_guid is None:
        return None
    domain = domain_of(row.primary_smtp_address) or domain_of(row.user.mail) or domain_of(row.user.upn) or ""
    try:
        return page_url(bookings_url, UUID(row.mailbox_guid), domain)
    except ValueError:  # a row whose GUID was changed by hand
        return None


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
