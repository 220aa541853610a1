"""Changes to users' booking pages: what callers may request, and what they receive."""

from typing import Annotated, Self

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from api.models.lists import DEFAULT_PAGE_SIZE, FeedPage, PageSize
from api.models.parameters import Expected, Query, Text, names_schema, parse_names
from api.models.responses import (
    IMPORTANT,
    ChangeCursor,
    DisplayName,
    Moment,
    Response,
    ScanId,
    UserId,
    UserPrincipalName,
    enum_labels,
    labels_of,
)
from api.models.users import STATUS_LABELS
from atlas.domain.changes import Change as UserChange
from atlas.domain.changes import ChangeKind
from atlas.domain.page_urls import anonymous_url
from atlas.domain.statuses import Status
from atlas.tables.change_feed import ServedChange

KIND_LABELS = enum_labels({**labels_of(ChangeKind), ChangeKind.URL_CHANGED: "URL changed"})


class FeedQuery(Query):
    """The query parameters of every list of changes."""

    since: Annotated[Text | None, Expected("the cursor of an earlier response")] = Field(
        None,
        description="The cursor of an earlier response: returns the changes after it. If omitted, returns at most the "
        "newest change, and a cursor to continue from.",
    )
    limit: PageSize = DEFAULT_PAGE_SIZE


class ChangesQuery(FeedQuery):
    """The query parameters of the changes of users."""

    kinds: Annotated[
        frozenset[ChangeKind] | None,
        BeforeValidator(lambda text: frozenset(parse_names(ChangeKind, text))),
        Expected(f"one or more of {', '.join(ChangeKind)}, separated by commas"),
        WithJsonSchema(names_schema(ChangeKind, KIND_LABELS)),
    ] = Field(
        None,
        alias="kind",
        title="Kind",
        description="Return only changes of these kinds, separated by commas. If omitted, all kinds are returned.",
    )

    def includes(self, change: UserChange) -> bool:
        """Whether a change is of a kind that is requested."""
        return self.kinds is None or change.kind in self.kinds


class Change(Response):
    """One change of the booking page of one user."""

    cursor: ChangeCursor
    at: Moment = Field(description="When the change was observed.")
    kind: ChangeKind = Field(description="What changed.", json_schema_extra={**IMPORTANT, **KIND_LABELS})
    user_id: UserId
    user_principal_name: UserPrincipalName
    display_name: DisplayName
    department: str | None = Field(description="The department of the user.")
    primary_smtp_address: str | None = Field(description="The main email address of the mailbox.")
    from_status: Status | None = Field(
        description="The status before; empty for a new user.", json_schema_extra={**STATUS_LABELS}
    )
    to_status: Status = Field(description="The status now.", json_schema_extra={**IMPORTANT, **STATUS_LABELS})
    url: str | None = Field(
        title="Page URL",
        description="The URL of the booking page now; empty if there is no page.",
        json_schema_extra={**IMPORTANT},
    )
    anonymous_url: str | None = Field(
        title="Anonymous Page URL", description="The URL of the same page for visitors who do not sign in."
    )
    previous_url: str | None = Field(title="Previous Page URL", description="The page's previous URL.")
    scan_id: ScanId

    @classmethod
    def of(cls, served: ServedChange[UserChange]) -> Self:
        """A change, with the cursor that continues after it."""
        change = served.change
        return cls(
            cursor=served.cursor,
            at=change.at,
            kind=change.kind,
            user_id=change.user_id,
            user_principal_name=change.upn,
            display_name=change.display_name,
            department=change.department,
            primary_smtp_address=change.primary_smtp_address,
            from_status=change.from_status,
            to_status=change.to_status,
            url=change.url,
            anonymous_url=anonymous_url(change.url) if change.url else None,
            previous_url=change.previous_url,
            scan_id=change.scan_id,
        )


class ChangeList(FeedPage[Change]):
    """Changes, oldest first."""

    model_config = ConfigDict(title="Changes")

    value: list[Change] = Field(title="Changes", description="The changes on this page of the list.")
