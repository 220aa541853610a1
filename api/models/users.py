"""Users and their pages, as the last scan or a lookup found them: what callers may request, and what they receive."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from api.models.lists import CONTINUATION, FORMAT, LIMIT, Continuation, Format, Page, PageSize
from api.models.parameters import Expected, Flag, Query, Text, names_schema, parse_names
from api.models.responses import (
    ADVANCED,
    IMPORTANT,
    DisplayName,
    Moment,
    Response,
    ScanId,
    UserId,
    UserPrincipalName,
    enum_labels,
    labels_of,
)
from atlas.domain.findings import Finding
from atlas.domain.statuses import Status
from atlas.domain.user_filters import UserFilter, UserOrder
from atlas.domain.user_rows import MeetingType as StoredMeetingType
from atlas.domain.user_rows import UserRow
from atlas.report.documents import user_document
from atlas.tables.personal_bookings import meeting_type_dict

STORED_STATUSES = tuple(status for status in Status if status is not Status.NOT_LICENSED)
"""The statuses of rows: only a lookup reports that a user has no licence."""
STATUS_LABELS = enum_labels(labels_of(Status))
NOT_FOUND = "notFound"
AnyStatus = Annotated[
    str,
    WithJsonSchema({"type": "string", "enum": [*map(str, Status), NOT_FOUND]}),
    Field(
        title="Status",
        description="Whether there is a page, and if not, why not.",
        json_schema_extra={**IMPORTANT, **enum_labels({**labels_of(Status), NOT_FOUND: "Not found"})},
    ),
]
"""A status, or ``notFound``."""
PageUrl = Annotated[
    str | None,
    Field(
        title="Page URL",
        description="The URL of the booking page; empty if there is no page.",
        json_schema_extra={**IMPORTANT},
    ),
]
STORED_STATUS_LABELS = enum_labels(
    {status: label for status, label in labels_of(Status).items() if status in STORED_STATUSES}
)


def _statuses(text: Any) -> frozenset[Status]:
    return frozenset(parse_names(STORED_STATUSES, text))


def _order(text: Any) -> UserOrder:
    (order,) = parse_names(UserOrder, text)
    return order


class FilterQuery(Query):
    """The filters of users."""

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
        description="Only users whose user principal name has this domain.",
        pattern=r"^[\w-]+(\.[\w-]+)+$",
        max_length=255,
    )
    enabled: Flag | None = Field(None, title="Account Enabled", description="Only users who can, or cannot, sign in.")
    user_type: Annotated[Literal["Member", "Guest"] | None, BeforeValidator(lambda text: str(text).capitalize())] = (
        Field(None, description="Only members, or only guests.")
    )
    search: Annotated[
        Text | None,
        Expected("the start of a user principal name, a display name or a word in it, at most 100 characters"),
    ] = Field(
        None,
        description="The start of the user principal name, the display name or a word in it, in upper or lower case.",
        max_length=100,
        json_schema_extra={"pattern": r"\S"},
    )
    department: Annotated[Text | None, Expected("the name of a department, at most 100 characters")] = Field(
        None,
        description="Only users of this department, in upper or lower case.",
        max_length=100,
        json_schema_extra={"pattern": r"\S"},
    )
    limit: PageSize | None = LIMIT
    continuation: Continuation | None = CONTINUATION

    @property
    def filter(self) -> UserFilter:
        """The filter for rows."""
        return UserFilter(self.statuses, self.domain, self.enabled, self.user_type, self.search, self.department)


class UsersQuery(FilterQuery):
    """The query parameters of the list of users."""

    order: Annotated[
        UserOrder,
        BeforeValidator(_order),
        Expected(f"one of {', '.join(UserOrder)}"),
        WithJsonSchema({"type": "string", "enum": [*map(str, UserOrder)]}),
    ] = Field(
        UserOrder.USER_ID,
        description="What the users are sorted by, ascending. CSV is always sorted by the user ID.",
        json_schema_extra={"default": str(UserOrder.USER_ID)},
    )

    form: Format | None = FORMAT


class MeetingType(Response):
    """One kind of meeting that a page offers."""

    id: str = Field(title="Meeting Type ID", description="The ID of the meeting type on its page.")
    title: str = Field(description="The title that visitors see.")
    duration_minutes: int | None = Field(
        title="Duration In Minutes", description="The length of a meeting of this type."
    )
    is_online: bool | None = Field(description="Whether the meeting is held online.")
    url: str = Field(title="Meeting Type URL", description="Where visitors book a meeting of this type.")

    @classmethod
    def of(cls, stored: StoredMeetingType) -> Self:
        """The meeting type of a row."""
        return cls.model_validate(meeting_type_dict(stored))


class AnyUser(Response):
    """What is known about the booking page of a user, who need not exist."""

    user_id: UserId | None
    user_principal_name: UserPrincipalName | None
    display_name: DisplayName
    department: str | None = Field(description="The department of the user.")
    account_enabled: bool | None = Field(description="Whether the user can sign in.")
    user_type: str | None = Field(description="Member or Guest.")
    recipient_type: str | None = Field(
        description="The kind of mailbox, as Exchange names it.", json_schema_extra={**ADVANCED}
    )
    primary_smtp_address: str | None = Field(description="The main email address of the mailbox.")
    mailbox_guid: str | None = Field(
        description="The ID of the mailbox, which is part of the page's URL.", json_schema_extra={**ADVANCED}
    )
    status: AnyStatus
    reason: str | None = Field(description="Why the page has this status, in words.")
    url: PageUrl
    anonymous_url: str | None = Field(
        title="Anonymous Page URL",
        description="The URL of the same page for visitors who do not sign in.",
        json_schema_extra={**IMPORTANT},
    )
    meeting_types: list[MeetingType] | None = Field(
        description="The public meeting types; empty if the page was never read."
    )
    bookable: bool | None = Field(description="Whether anything can be booked in the next 7 days.")
    policy_verdict: str | None = Field(
        description="Whether policy allows the user a page: on, off, ewsDisabled or unknown."
    )
    policy_reason: str | None = Field(
        description="The setting that determines the verdict, and what is uncertain about it."
    )
    findings: list[Finding] | None = Field(description="What needs attention on this page.")
    last_known_status: Status | None = Field(
        description="The last status that was known for certain.", json_schema_extra={**ADVANCED, **STATUS_LABELS}
    )
    last_known_at: Moment | None = Field(description="When that status was observed.", json_schema_extra={**ADVANCED})
    checked_at: Moment | None = Field(description="When the user was last checked.")
    changed_at: Moment | None = Field(
        description="When the status or the URL last changed.", json_schema_extra={**ADVANCED}
    )
    scan_id: ScanId


class User(AnyUser):
    """What is known about the booking page of one user."""

    user_id: UserId
    user_principal_name: UserPrincipalName
    status: Status = Field(
        description="Whether there is a page, and if not, why not.", json_schema_extra={**IMPORTANT, **STATUS_LABELS}
    )
    findings: list[Finding] = Field(description="What needs attention on this page.")

    @classmethod
    def of(cls, row: UserRow) -> Self:
        """The user of a row."""
        return cls.model_validate(user_document(row))


class UserList(Page[User]):
    """One page of users."""

    model_config = ConfigDict(title="Users")

    value: list[User] = Field(title="Users", description="The users on this page of the list.")
