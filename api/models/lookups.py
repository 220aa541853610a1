"""Lookups of one user: what callers may request, and what they receive."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote

from pydantic import ConfigDict, Field

from api.models.parameters import Expected, Flag, Path, Query, Text
from api.models.responses import (
    ADVANCED,
    IMPORTANT,
    LocalMoment,
    Response,
    UserId,
    UserPrincipalName,
    enum_labels,
    labels_of,
)
from api.models.users import NOT_FOUND, AnyStatus, AnyUser, MeetingType, PageUrl
from atlas.domain.time_windows import TimeWindow, time_window
from atlas.domain.time_zones import time_zone
from atlas.pages.free_times import FreeTimes, NoFreeTimes
from atlas.pages.lookup import LookupResult, Source
from atlas.report.documents import user_details_document

MAX_USER_REFERENCE_LENGTH = 2000


class UserPath(Path):
    """The user in the path of a route."""

    user: Annotated[str, Expected(f"at most {MAX_USER_REFERENCE_LENGTH} characters")] = Field(
        description="The user principal name, the object ID, or the pasted address of the booking page.",
        max_length=MAX_USER_REFERENCE_LENGTH,
    )

    @property
    def text(self) -> str:
        """The text of the caller, which the Functions host has decoded once."""
        return unquote(self.user)


class AvailabilityQuery(Query):
    """The availability to request for one user."""

    fresh: Flag = Field(
        default=False, description="Whether to query Microsoft 365 now and write the row, instead of reading the row."
    )
    start: Annotated[Text | None, Expected("an ISO 8601 time such as 2026-11-23T08:00:00Z")] = Field(
        None,
        alias="from",
        title="From",
        description="The start of the requested time, in ISO 8601; without an offset it is in the time zone. "
        "By default, now.",
    )
    end: Annotated[Text | None, Expected("an ISO 8601 time such as 2026-11-30T08:00:00Z")] = Field(
        None,
        alias="to",
        title="To",
        description="The end of the requested time, at most 62 days after its start. By default, 7 days after it.",
    )
    time_zone: Annotated[Text, Expected("an IANA or Windows time zone name")] = Field(
        "UTC", description="The IANA or Windows name of the time zone of all times."
    )
    meeting_type: Annotated[
        Text | None, Expected("the ID of a public meeting type, or its title if that is unique")
    ] = Field(
        None,
        description="The ID of a meeting type, or its title if that is unique. By default, the first public one.",
        json_schema_extra={"pattern": r"\S"},
    )

    if_not_found: Literal["status"] | None = Field(
        None,
        description="With the value status, a user who does not exist is returned with the status notFound instead of "
        "an error.",
    )

    @property
    def requested_time(self) -> tuple[str | None, str | None, str]:
        """The requested time as the caller wrote it; the same text means the same time, a few seconds later."""
        return self.start, self.end, self.time_zone

    def window(self, now: datetime) -> TimeWindow:
        """The requested time. Raises ``InvalidTimeWindow`` or ``UnknownTimeZone``."""
        return time_window(self.start, self.end, time_zone(self.time_zone), now)


class BookingsQuery(AvailabilityQuery):
    """The query parameters of a lookup."""

    availability: Flag = Field(
        default=True,
        title="With Availability",
        description="Whether to request when the user can be booked, which is always a live request.",
    )


class AvailabilityItem(Response):
    """One period of time, as the Bookings service returns it."""

    status: str = Field(description="The status of the period, as the Bookings service names it.")
    start: LocalMoment = Field(description="When the period starts, with the offset of the time zone.")
    end: LocalMoment = Field(description="When the period ends, with the offset of the time zone.")


class FreeTime(Response):
    """One period of time that can be booked."""

    start: LocalMoment = Field(description="When the free time starts, with the offset of the time zone.")
    end: LocalMoment = Field(description="When the free time ends, with the offset of the time zone.")


class Availability(Response):
    """The times at which the user can be booked."""

    start: LocalMoment = Field(alias="from", title="From", description="The start of the requested time.")
    end: LocalMoment = Field(alias="to", title="To", description="The end of the requested time.")
    time_zone: str = Field(description="The time zone of all these times.")
    meeting_type: MeetingType | None = Field(
        description="The meeting type of the free times; empty if there is no public one."
    )
    items: list[AvailabilityItem] = Field(
        description="All periods, as the Bookings service returns them.", json_schema_extra={**ADVANCED}
    )
    free: list[FreeTime] = Field(
        title="Free Times",
        description="What can be booked, merged and in order of time.",
        json_schema_extra={**IMPORTANT},
    )

    @classmethod
    def of(cls, times: FreeTimes, zone_name: str) -> Self:
        """These free times, in the time zone of the window."""
        zone = times.window.zone
        return cls(
            start=times.window.start.astimezone(zone),
            end=times.window.end.astimezone(zone),
            time_zone=zone_name,
            meeting_type=times.meeting_type and MeetingType.of(times.meeting_type),
            items=[
                AvailabilityItem(status=item.status, start=item.start.astimezone(zone), end=item.end.astimezone(zone))
                for item in times.items
            ],
            free=[FreeTime(start=slot.start.astimezone(zone), end=slot.end.astimezone(zone)) for slot in times.free],
        )


class AvailabilityProblem(Response):
    """Why the availability is not known."""

    code: str = Field(description="A code for why the availability is not known.")
    detail: str = Field(description="A sentence that says why.")


class BookingPage(AnyUser):
    """What is known about the booking page of one user, without availability."""

    fix: str | None = Field(description="What would change the status: steps and PowerShell, one per line.")
    source: Source | None = Field(
        description="Whether the response comes from the row or from a live query.",
        json_schema_extra={**ADVANCED, **enum_labels(labels_of(Source))},
    )


class Lookup(BookingPage):
    """What is known about the booking page of one user."""

    model_config = ConfigDict(title="Booking Page")

    availability: Availability | None = Field(description="When the user can be booked.")
    availability_problem: AvailabilityProblem | None = Field(description="Why the availability is not known.")

    @classmethod
    def found(cls, found: LookupResult, times: FreeTimes | NoFreeTimes, zone_name: str, bookings_url: str) -> Self:
        """Convert the result of a lookup."""
        return cls(
            **user_details_document(found.row, bookings_url),
            source=found.source,
            **availability_members(times, zone_name),
        )

    @classmethod
    def not_found(cls) -> Self:
        """A user who does not exist."""
        nothing: dict[str, Any] = dict.fromkeys(cls.model_fields)
        return cls(**{**nothing, "status": NOT_FOUND})


class AvailabilityLookup(Response):
    """The availability of one user."""

    model_config = ConfigDict(title="Availability Of User")

    user_id: UserId | None
    user_principal_name: UserPrincipalName | None
    status: AnyStatus
    url: PageUrl
    availability: Availability | None = Field(description="When the user can be booked.")
    availability_problem: AvailabilityProblem | None = Field(description="Why the availability is not known.")

    @classmethod
    def found(cls, found: LookupResult, times: FreeTimes | NoFreeTimes, zone_name: str) -> Self:
        """Convert the result of a lookup."""
        return cls(
            user_id=found.row.user.user_id,
            user_principal_name=found.row.user.upn,
            status=found.row.status,
            url=found.row.url,
            **availability_members(times, zone_name),
        )

    @classmethod
    def not_found(cls) -> Self:
        """A user who does not exist."""
        nothing: dict[str, Any] = dict.fromkeys(cls.model_fields)
        return cls(**{**nothing, "status": NOT_FOUND})


def availability_members(times: FreeTimes | NoFreeTimes, zone_name: str) -> dict[str, Any]:
    """Return ``availability`` and ``availabilityProblem``. One of them is ``None``."""
    if isinstance(times, NoFreeTimes):
        return {"availability": None, "availability_problem": AvailabilityProblem(code=times.code, detail=times.detail)}
    return {"availability": Availability.of(times, zone_name), "availability_problem": None}
