"""Looks up one user for a caller, within the caller's limit: for the routes of users and the tools of agents."""

from api.models.lookups import AvailabilityQuery
from atlas.domain.events import availability_queried
from atlas.domain.page_urls import PageAddress
from atlas.domain.user_references import UserReference, parse_user_reference
from atlas.pages.free_times import FreeTimes, NoFreeTimes, get_free_times
from atlas.pages.lookup import LookupResult, Source, lookup
from atlas.wiring import Opened

NOT_REQUESTED = NoFreeTimes("notAsked", "the request says availability=false")


async def look_up_user(
    opened: Opened, caller: str, user: str, query: AvailabilityQuery, *, with_availability: bool
) -> tuple[LookupResult, FreeTimes | NoFreeTimes]:
    """What is known about a user and, if requested, when the user can be booked.

    Raises what ``lookup`` raises, ``InvalidUserReference``, ``InvalidTimeWindow`` and ``UnknownTimeZone``.
    """
    resources, subject = opened.resources, parse_user_reference(user)
    query.window(resources.clock())
    admit = opened.live_limit.request_admitter(caller)
    if query.fresh or with_availability:
        admit()
    found = await lookup(resources, opened.live, subject, admit, fresh=query.fresh)
    if not with_availability:
        return found, NOT_REQUESTED
    times = await _free_times(opened, query, subject, found)
    user_id = found.row.user.user_id
    resources.emit(availability_queried(resources.tenant_id, caller, user_id, known=isinstance(times, FreeTimes)))
    return found, times


async def _free_times(
    opened: Opened, query: AvailabilityQuery, subject: UserReference, found: LookupResult
) -> FreeTimes | NoFreeTimes:
    """The free times in the requested time; callers who request the same share one query."""
    resources, row = opened.resources, found.row
    address = subject if isinstance(subject, PageAddress) else None
    meeting_type = query.meeting_type or (address.meeting_type_id if address else None)
    is_private_link = address is not None and address.is_private_link
    return await opened.live.share(
        ("availability", row.user.user_id, row.checked_at, query.requested_time, meeting_type, is_private_link),
        lambda: get_free_times(
            resources,
            row,
            query.window(resources.clock()),
            meeting_type,
            is_private_link=is_private_link,
            is_live=found.source is Source.LIVE,
        ),
    )
