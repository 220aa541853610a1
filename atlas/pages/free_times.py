"""When the owner of a page can be booked: asked live, of one public meeting type, between two moments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from atlas.domain.availability import AvailabilityItem, Slot, clip, free_slots
from atlas.domain.pages import PageFound
from atlas.domain.statuses import Status
from atlas.domain.time_windows import TimeWindow
from atlas.domain.unknown import Reason
from atlas.domain.user_rows import MeetingType, UserRow, meeting_types_of
from atlas.microsoft365.deadlines import deadline_after, within
from atlas.microsoft365.failures import NotUnderstood, TenantFailure
from atlas.pages.evidence import duration_of
from atlas.resources import Resources

TIMEOUT_SECONDS = 10
"""After a user was asked for; a row that answers leaves all the time there is."""
TIMEOUT_SECONDS_ALONE = 27
LEAD_IN = timedelta(days=1)
"""The first stretch may be called free though it begins inside a busy one: we ask from earlier, and cut it off."""
PROBLEM_CODES = {
    Reason.THROTTLED: "upstreamThrottled",
    Reason.UNREACHABLE: "upstreamUnavailable",
    Reason.REFUSED: "upstreamRefused",
    Reason.NOT_UNDERSTOOD: "upstreamNotUnderstood",
}


@dataclass(frozen=True, slots=True)
class FreeTimes:
    """What a page shows between two moments, and what of it can be booked."""

    window: TimeWindow
    meeting_type: MeetingType | None
    """``None``: the page offers no public one, so nothing can be booked."""
    items: tuple[AvailabilityItem, ...]
    free: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class NoFreeTimes:
    """Why nothing is told: a code, and a sentence."""

    code: str
    detail: str


class AmbiguousTitle(ValueError):
    """Several public meeting types have this title."""


NOT_PUBLIC = NoFreeTimes(
    "notPublic",
    "the page offers no public meeting type of this id or title; of a private one an anonymous visitor cannot be told",
)


async def get_free_times(
    resources: Resources, row: UserRow, window: TimeWindow, wanted: str | None, *, is_private_link: bool, is_live: bool
) -> FreeTimes | NoFreeTimes:
    """The free times of the page in this row, of the meeting type wanted (an id or a title), else of the first one.

    Never raises for a service that fails. Raises ``AmbiguousTitle``.
    """
    if is_private_link:
        return NOT_PUBLIC
    if problem := _why_not_asked(row):
        return problem
    deadline = deadline_after(TIMEOUT_SECONDS if is_live else TIMEOUT_SECONDS_ALONE)
    try:
        return await within(deadline, _ask(resources, row, window, wanted))
    except TenantFailure as failure:
        return NoFreeTimes(PROBLEM_CODES[failure.reason], str(failure))


async def _ask(resources: Resources, row: UserRow, window: TimeWindow, wanted: str | None) -> FreeTimes | NoFreeTimes:
    """The free times by the meeting types of the row; where those are not the page's any more, by those of now."""
    meeting_type = chosen(row.meeting_types or (), wanted)
    if meeting_type or not wanted:
        try:
            return await _times(resources, row, window, meeting_type)
        except NotUnderstood:
            if not row.meeting_types:
                raise
    page = await resources.pages.get_page(UUID(row.mailbox_guid))
    if not isinstance(page, PageFound):
        return NoFreeTimes("noPage", "the page is not there any more")
    meeting_type = chosen(meeting_types_of(row.url or "", page.public_types), wanted)
    return NOT_PUBLIC if wanted and meeting_type is None else await _times(resources, row, window, meeting_type)


async def _times(resources: Resources, row: UserRow, window: TimeWindow, meeting_type: MeetingType | None) -> FreeTimes:
    type_id = meeting_type.type_id if meeting_type else None
    asked = await resources.pages.get_availability(UUID(row.mailbox_guid), type_id, window.start - LEAD_IN, window.end)
    items = clip(asked, window.start, window.end)
    if meeting_type is None:
        return FreeTimes(window, None, items, ())
    not_before = max(resources.clock(), window.start)
    return FreeTimes(
        window, meeting_type, items, free_slots(items, duration_of(meeting_type.duration_minutes), not_before)
    )


def chosen(types: Sequence[MeetingType], wanted: str | None) -> MeetingType | None:
    """The first type, or the one of this id or, in any case, title; ``None`` where there is none."""
    if wanted is None:
        return types[0] if types else None
    by_id = [item for item in types if item.type_id.lower() == wanted.lower()]
    found = by_id or [item for item in types if item.title.strip().lower() == wanted.strip().lower()]
    if len(found) > 1:
        raise AmbiguousTitle(f"{len(found)} public meeting types have this title; give the id of one of them")
    return found[0] if found else None


def _why_not_asked(row: UserRow) -> NoFreeTimes | None:
    if row.status is Status.SIGN_IN_REQUIRED:
        return NoFreeTimes("signInRequired", "the page tells nothing to a visitor who is not signed in")
    if row.mailbox_guid is None or row.meeting_types is None:
        return NoFreeTimes("noPage", f"there is no page to ask: {row.status}{f', {row.reason}' if row.reason else ''}")
    return None
