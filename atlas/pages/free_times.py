"""When the owner of a page can be booked between two times: requested live, for one public meeting type."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from atlas.domain.availability import AvailabilityItem, Slot
from atlas.domain.pages import PageFound
from atlas.domain.statuses import Status
from atlas.domain.time_windows import TimeWindow
from atlas.domain.unknown import Reason
from atlas.domain.user_rows import MeetingType, UserRow, meeting_types_of
from atlas.microsoft365.deadlines import deadline_after, within
from atlas.microsoft365.failures import NotUnderstood, TenantFailure
from atlas.pages.availability import bookable_slots, get_availability
from atlas.resources import Resources

TIMEOUT_SECONDS = 10
"""Limit for reading the free times after a live lookup of the user."""
TIMEOUT_SECONDS_WITHOUT_LOOKUP = 27
"""Limit if the user came from the stored row, without a live lookup. Callers get a response within 30 s."""
PROBLEM_CODES = {
    Reason.THROTTLED: "upstreamThrottled",
    Reason.UNREACHABLE: "upstreamUnavailable",
    Reason.REFUSED: "upstreamRefused",
    Reason.NOT_UNDERSTOOD: "upstreamNotUnderstood",
}


@dataclass(frozen=True, slots=True)
class FreeTimes:
    """The availability of a page between two times, and the part of it that can be booked."""

    window: TimeWindow
    meeting_type: MeetingType | None
    """``None``: the page offers no public meeting type, so nothing can be booked."""
    items: tuple[AvailabilityItem, ...]
    free: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class NoFreeTimes:
    """Why there is no availability: a code, and a sentence."""

    code: str
    detail: str


class AmbiguousTitle(ValueError):
    """Several public meeting types have this title."""


NOT_PUBLIC = NoFreeTimes(
    "notPublic",
    "the page offers no public meeting type with this ID or title; private ones cannot be seen by anonymous visitors",
)


async def get_free_times(
    resources: Resources,
    row: UserRow,
    window: TimeWindow,
    id_or_title: str | None,
    *,
    is_private_link: bool,
    is_live: bool,
) -> FreeTimes | NoFreeTimes:
    """The free times of the page in this row, for the meeting type with this ID or title, by default the first one.

    ``is_live``: the row comes from a live lookup, which leaves less time. A failure of Bookings is returned as
    ``NoFreeTimes``. Raises ``AmbiguousTitle``.
    """
    if is_private_link:
        return NOT_PUBLIC
    if problem := _why_not_available(row):
        return problem
    deadline = deadline_after(TIMEOUT_SECONDS if is_live else TIMEOUT_SECONDS_WITHOUT_LOOKUP)
    try:
        return await within(deadline, _get_free_times(resources, row, window, id_or_title))
    except TenantFailure as failure:
        return NoFreeTimes(PROBLEM_CODES[failure.reason], str(failure))


async def _get_free_times(
    resources: Resources, row: UserRow, window: TimeWindow, id_or_title: str | None
) -> FreeTimes | NoFreeTimes:
    """The free times, using the meeting types of the row, or those of the live page if the stored ones are outdated."""
    meeting_type = choose_meeting_type(row.meeting_types or (), id_or_title)
    if meeting_type or not id_or_title:
        try:
            return await _times(resources, row, window, meeting_type)
        except NotUnderstood:
            if not row.meeting_types:
                raise
    page = await resources.pages.get_page(UUID(row.mailbox_guid))
    if not isinstance(page, PageFound):
        return NoFreeTimes("noPage", "the page no longer exists")
    meeting_type = choose_meeting_type(meeting_types_of(row.url or "", page.public_types), id_or_title)
    return NOT_PUBLIC if id_or_title and meeting_type is None else await _times(resources, row, window, meeting_type)


async def _times(resources: Resources, row: UserRow, window: TimeWindow, meeting_type: MeetingType | None) -> FreeTimes:
    type_id = meeting_type.type_id if meeting_type else None
    items = await get_availability(resources, UUID(row.mailbox_guid), type_id, window.start, window.end)
    if meeting_type is None:
        return FreeTimes(window, None, items, ())
    not_before = max(resources.clock(), window.start)
    return FreeTimes(window, meeting_type, items, bookable_slots(items, meeting_type.duration_minutes, not_before))


def choose_meeting_type(types: Sequence[MeetingType], id_or_title: str | None) -> MeetingType | None:
    """The first type, or the one with this ID or title, ignoring case; ``None`` if there is none."""
    if id_or_title is None:
        return types[0] if types else None
    by_id = [item for item in types if item.type_id.lower() == id_or_title.lower()]
    found = by_id or [item for item in types if item.title.strip().lower() == id_or_title.strip().lower()]
    if len(found) > 1:
        raise AmbiguousTitle(f"{len(found)} public meeting types have this title; give the ID of one of them")
    return found[0] if found else None


def _why_not_available(row: UserRow) -> NoFreeTimes | None:
    if row.status is Status.SIGN_IN_REQUIRED:
        return NoFreeTimes("signInRequired", "the page shows nothing to visitors who are not signed in")
    if row.mailbox_guid is None or row.meeting_types is None:
        return NoFreeTimes("noPage", f"there is no page: {row.status}{f', {row.reason}' if row.reason else ''}")
    return None
