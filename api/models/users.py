"""A user's page: what callers may request, and what they receive."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from api.models.lists import DEFAULT_PAGE_SIZE, FORMAT, MAX_PAGE_SIZE, Format, Page, PageSize
from api.models.parameters import Expected, Flag, Path, Query, Text, names_schema, parse_names
from api.models.responses import (
    ADVANCED,
    IMPORTANT,
    DisplayName,
    LocalMoment,
    Moment,
    Response,
    ScanId,
    UserId,
    UserPrincipalName,
    labelled,
    labels_of,
)
from atlas.domain.advice import advice_for_user
from atlas.domain.findings import Finding
from atlas.domain.page_urls import anonymous_url
from atlas.domain.statuses import Status
from atlas.domain.time_windows import TimeWindow, time_window
from atlas.domain.time_zones import time_zone
from atlas.domain.user_filters import UserFilter, UserOrder
from atlas.domain.user_rows import MeetingType as StoredMeetingType
from atlas.domain.user_rows import UserRow
from atlas.pages.free_times import FreeTimes, NoFreeTimes
from atlas.pages.lookup import LookupResult, Source

MAX_USER_REFERENCE_LENGTH = 2000
STORED_STATUSES = tuple(status for status in Status if status is not Status.NOT_LICENSED)
"""The statuses of rows: only a lookup reports that a user has no licence."""
STATUS_LABELS = labelled(labels_of(Status))
NOT_FOUND = "notFound"
LOOKUP_STATUS_LABELS = labelled({**labels_of(Status), NOT_FOUND: "Not found"})
LookupStatus = Annotated[str, WithJsonSchema({"type": "string", "enum": [*map(str, Status), NOT_FOUND]})]
"""A status, or ``notFound``."""
STORED_STATUS_LABELS = labelled(
    {status: label for status, label in labels_of(Status).items() if status in STORED_STATUSES}
)


def _statuses(text: Any) -> frozenset[Status]:
    return frozenset(parse_names(STORED_STATUSES, text))


def _order(text: Any) -> UserOrder:
    (order,) = parse_names(UserOrder, text)
    return order


class UserPath(Path):
    """Which user."""

    user: Annotated[str, Expected(f"at most {MAX_USER_REFERENCE_LENGTH} characters")] = Field(
        title="User",
        description="The user principal name, the object ID, or the pasted address of the booking page.",
        max_length=MAX_USER_REFERENCE_LENGTH,
    )

    @property
    def text(self) -> str:
        """What the caller wrote; the Functions host has decoded it once."""
        return unquote(self.user)


class AvailabilityQuery(Query):
    """The availability to request for one user."""

    fresh: Flag = Field(
        default=False,
        title="Fresh",
        description="Whether to query Microsoft 365 now and write the row, instead of reading the row.",
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
        "UTC", title="Time Zone", description="The IANA or Windows name of the time zone of all times."
    )
    meeting_type: Annotated[
        Text | None, Expected("the ID of a public meeting type, or its title if that is unique")
    ] = Field(
        None,
        title="Meeting Type",
        description="The ID of a meeting type, or its title if that is unique. By default, the first public one.",
        json_schema_extra={"pattern": r"\S"},
    )

    if_not_found: Literal["status"] | None = Field(
        None,
        title="If Not Found",
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
    """What to report about one user's page."""

    availability: Flag = Field(
        default=True,
        title="With Availability",
        description="Whether to request when the user can be booked, which is always a live request.",
    )


class FilterQuery(Query):
    """Which users to list."""

    statuses: Annotated[
        frozenset[Status] | None,
        BeforeValidator(_statuses),
        Expected(f"one or more of {', '.join(STORED_STATUSES)}, separated by commas"),
        WithJsonSchema(names_schema(STORED_STATUSES, STORED_STATUS_LABELS)),
    ] = Field(
        None,
        alias="status",
        title="Status",
        description="Only users with one of these statuses, separated by commas. By default, all but gone.",
    )
    domain: Annotated[str | None, Expected("the domain of user principal names, such as contoso.com")] = Field(
        None,
        title="Domain",
        description="Only users whose user principal name has this domain.",
        pattern=r"^[\w-]+(\.[\w-]+)+$",
        max_length=255,
    )
    enabled: Flag | None = Field(None, title="Account Enabled", description="Only users who can, or cannot, sign in.")
    user_type: Annotated[Literal["Member", "Guest"] | None, BeforeValidator(lambda text: str(text).capitalize())] = (
        Field(None, title="User Type", description="Only members, or only guests.")
    )
    search: Annotated[
        Text | None,
        Expected("the start of a user principal name, a display name or a word in it, at most 100 characters"),
    ] = Field(
        None,
        title="Search",
        description="The start of the user principal name, the display name or a word in it, in upper or lower case.",
        max_length=100,
        json_schema_extra={"pattern": r"\S"},
    )
    department: Annotated[Text | None, Expected("the name of a department, at most 100 characters")] = Field(
        None,
        title="Department",
        description="Only users of this department, in upper or lower case.",
        max_length=100,
        json_schema_extra={"pattern": r"\S"},
    )
    limit: PageSize | None = Field(
        None,
        title="Page Size",
        description=f"The maximum number of items, from 1 to {MAX_PAGE_SIZE}.",
        json_schema_extra={"default": DEFAULT_PAGE_SIZE},
    )
    continuation: Annotated[Text | None, Expected("the continuation of an earlier response")] = Field(
        None, title="Continuation", description="The continuation of the previous page, to request the one after it."
    )

    @property
    def filter(self) -> UserFilter:
        """The filter for rows."""
        return UserFilter(self.statuses, self.domain, self.enabled, self.user_type, self.search, self.department)


class UsersQuery(FilterQuery):
    """Which users to list, in which order and in which format."""

    order: Annotated[
        UserOrder,
        BeforeValidator(_order),
        Expected(f"one of {', '.join(UserOrder)}"),
        WithJsonSchema({"type": "string", "enum": [*map(str, UserOrder)]}),
    ] = Field(
        UserOrder.USER_ID,
        title="Order",
        description="What the users are sorted by, ascending. CSV is always sorted by the user ID.",
        json_schema_extra={"default": str(UserOrder.USER_ID)},
    )

    form: Format | None = FORMAT


class MeetingType(Response):
    """One kind of meeting that a page offers."""

    model_config = ConfigDict(title="Meeting Type")

    id: str = Field(title="Meeting Type ID", description="The ID of the meeting type on its page.")
    title: str = Field(title="Title", description="The title that visitors see.")
    duration_minutes: int | None = Field(
        title="Duration In Minutes", description="The length of a meeting of this type."
    )
    is_online: bool | None = Field(title="Is Online", description="Whether the meeting is held online.")
    url: str = Field(title="Meeting Type URL", description="Where visitors book a meeting of this type.")

    @classmethod
    def of(cls, stored: StoredMeetingType) -> Self:
        """The meeting type of a row."""
        return cls(
            id=stored.type_id,
            title=stored.title,
            duration_minutes=stored.duration_minutes,
            is_online=stored.is_online,
            url=stored.url,
        )


class User(Response):
    """What is known about the booking page of one user."""

    model_config = ConfigDict(title="User")

    user_id: UserId
    user_principal_name: UserPrincipalName
    display_name: DisplayName
    department: str | None = Field(title="Department", description="The department of the user.")
    account_enabled: bool | None = Field(title="Account Enabled", description="Whether the user can sign in.")
    user_type: str | None = Field(title="User Type", description="Member or Guest.")
    recipient_type: str | None = Field(
        title="Recipient Type",
        description="The kind of mailbox, as Exchange names it.",
        json_schema_extra={**ADVANCED},
    )
    primary_smtp_address: str | None = Field(
        title="Primary SMTP Address", description="The main email address of the mailbox."
    )
    mailbox_guid: str | None = Field(
        title="Mailbox GUID",
        description="The ID of the mailbox, which is part of the page's URL.",
        json_schema_extra={**ADVANCED},
    )
    status: Status = Field(
        title="Status",
        description="Whether there is a page, and if not, why not.",
        json_schema_extra={**IMPORTANT, **STATUS_LABELS},
    )
    reason: str | None = Field(title="Reason", description="Why the page has this status, in words.")
    url: str | None = Field(
        title="Page URL",
        description="The URL of the booking page; empty if there is no page.",
        json_schema_extra={**IMPORTANT},
    )
    anonymous_url: str | None = Field(
        title="Anonymous Page URL",
        description="The URL of the same page for visitors who do not sign in.",
        json_schema_extra={**IMPORTANT},
    )
    meeting_types: list[MeetingType] | None = Field(
        title="Meeting Types", description="The public meeting types; empty if the page was never read."
    )
    bookable: bool | None = Field(title="Bookable", description="Whether anything can be booked in the next 7 days.")
    policy_verdict: str | None = Field(
        title="Policy Verdict",
        description="Whether policy allows the user a page: on, off, ewsDisabled or unknown.",
    )
    policy_reason: str | None = Field(
        title="Policy Reason", description="The setting that determines the verdict, and what is uncertain about it."
    )
    findings: list[Finding] = Field(title="Findings", description="What needs attention on this page.")
    last_known_status: Status | None = Field(
        title="Last Known Status",
        description="The last status that was known for certain.",
        json_schema_extra={**ADVANCED, **STATUS_LABELS},
    )
    last_known_at: Moment | None = Field(
        title="Last Known At", description="When that status was observed.", json_schema_extra={**ADVANCED}
    )
    checked_at: Moment | None = Field(title="Checked At", description="When the user was last checked.")
    changed_at: Moment | None = Field(
        title="Changed At", description="When the status or the URL last changed.", json_schema_extra={**ADVANCED}
    )
    scan_id: ScanId

    @classmethod
    def of(cls, row: UserRow) -> Self:
        """The user of a row."""
        return cls(**user_members(row))


def user_members(row: UserRow) -> dict[str, Any]:
    """The members of ``User``, for it and the responses that extend it."""
    return {
        "user_id": row.user.user_id,
        "user_principal_name": row.user.upn,
        "display_name": row.user.display_name,
        "department": row.user.department,
        "account_enabled": row.user.account_enabled,
        "user_type": row.user.user_type,
        "recipient_type": row.recipient_type,
        "primary_smtp_address": row.primary_smtp_address,
        "mailbox_guid": row.mailbox_guid,
        "status": row.status,
        "reason": row.reason,
        "url": row.url,
        "anonymous_url": anonymous_url(row.url) if row.url else None,
        "meeting_types": None if row.meeting_types is None else [*map(MeetingType.of, row.meeting_types)],
        "bookable": row.bookable,
        "policy_verdict": row.policy and str(row.policy.verdict),
        "policy_reason": row.policy and row.policy.reason,
        "findings": list(row.findings),
        "last_known_status": row.last_known_status,
        "last_known_at": row.last_known_at,
        "checked_at": row.checked_at,
        "changed_at": row.changed_at,
        "scan_id": row.scan_id,
    }


class AvailabilityItem(Response):
    """One period of time, as the Bookings service returns it."""

    model_config = ConfigDict(title="Availability Item")

    status: str = Field(title="Status", description="The status of the period, as the Bookings service names it.")
    start: LocalMoment = Field(title="Start", description="When the period starts, with the offset of the time zone.")
    end: LocalMoment = Field(title="End", description="When the period ends, with the offset of the time zone.")


class FreeTime(Response):
    """One period of time that can be booked."""

    model_config = ConfigDict(title="Free Time")

    start: LocalMoment = Field(
        title="Start", description="When the free time starts, with the offset of the time zone."
    )
    end: LocalMoment = Field(title="End", description="When the free time ends, with the offset of the time zone.")


class Availability(Response):
    """When the user can be booked."""

    model_config = ConfigDict(title="Availability")

    start: LocalMoment = Field(alias="from", title="From", description="The start of the requested time.")
    end: LocalMoment = Field(alias="to", title="To", description="The end of the requested time.")
    time_zone: str = Field(title="Time Zone", description="The time zone of all these times.")
    meeting_type: MeetingType | None = Field(
        title="Meeting Type", description="The meeting type of the free times; empty if there is no public one."
    )
    items: list[AvailabilityItem] = Field(
        title="Items", description="All periods, as the Bookings service returns them.", json_schema_extra={**ADVANCED}
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

    model_config = ConfigDict(title="Availability Problem")

    code: str = Field(title="Code", description="A code for why the availability is not known.")
    detail: str = Field(title="Detail", description="A sentence that says why.")


class BookingPage(User):
    """What is known about the booking page of one user, without availability."""

    model_config = ConfigDict(title="Booking Page")

    # A lookup with ifNotFound=status also returns a user who does not exist, about whom nothing else is known.
    user_id: UserId | None  # type: ignore[assignment]
    user_principal_name: UserPrincipalName | None  # type: ignore[assignment]
    status: LookupStatus = Field(  # type: ignore[assignment]
        title="Status",
        description="Whether there is a page, and if not, why not.",
        json_schema_extra={**IMPORTANT, **LOOKUP_STATUS_LABELS},
    )
    findings: list[Finding] | None = Field(  # type: ignore[assignment]
        title="Findings", description="What needs attention on this page."
    )
    fix: str | None = Field(
        title="Fix", description="What would change the status: steps and PowerShell, one per line."
    )
    source: Source | None = Field(
        title="Source",
        description="Whether the response comes from the row or from a live query.",
        json_schema_extra={**ADVANCED, **labelled(labels_of(Source))},
    )


class Lookup(BookingPage):
    """What is known about the booking page of one user."""

    model_config = ConfigDict(title="Booking Page")

    availability: Availability | None = Field(title="Availability", description="When the user can be booked.")
    availability_problem: AvailabilityProblem | None = Field(
        title="Availability Problem",
        description="Why the availability is not known.",
    )

    @classmethod
    def found(cls, found: LookupResult, times: FreeTimes | NoFreeTimes, zone_name: str, bookings_url: str) -> Self:
        """What a lookup found."""
        return cls(
            **user_members(found.row),
            fix=advice_for_user(found.row, bookings_url),
            source=found.source,
            **availability_members(times, zone_name),
        )

    @classmethod
    def not_found(cls) -> Self:
        """A user who does not exist."""
        nothing: dict[str, Any] = dict.fromkeys(cls.model_fields)
        return cls(**{**nothing, "status": NOT_FOUND})


class AvailabilityLookup(Response):
    """When one user can be booked."""

    model_config = ConfigDict(title="Availability Of User")

    user_id: UserId | None
    user_principal_name: UserPrincipalName | None
    status: LookupStatus = Field(
        title="Status",
        description="Whether there is a page, and if not, why not.",
        json_schema_extra={**IMPORTANT, **LOOKUP_STATUS_LABELS},
    )
    url: str | None = Field(
        title="Page URL",
        description="The URL of the booking page; empty if there is no page.",
        json_schema_extra={**IMPORTANT},
    )
    availability: Availability | None = Field(title="Availability", description="When the user can be booked.")
    availability_problem: AvailabilityProblem | None = Field(
        title="Availability Problem",
        description="Why the availability is not known.",
    )

    @classmethod
    def found(cls, found: LookupResult, times: FreeTimes | NoFreeTimes, zone_name: str) -> Self:
        """What a lookup found."""
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
    """The two members that report availability, of which one is ``None``."""
    if isinstance(times, NoFreeTimes):
        return {
            "availability": None,
            "availability_problem": AvailabilityProblem(code=times.code, detail=times.detail),
        }
    return {"availability": Availability.of(times, zone_name), "availability_problem": None}


class UserList(Page[User]):
    """One page of users."""

    model_config = ConfigDict(title="Users")

    value: list[User] = Field(title="Users", description="The users on this page of the list.")
