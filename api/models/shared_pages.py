"""Shared pages: what callers may request, and what they receive."""

from typing import Annotated, Self
from urllib.parse import unquote

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from api.models.changes import FeedQuery
from api.models.lists import CONTINUATION, FORMAT, LIMIT, Continuation, FeedPage, Format, Page, PageSize
from api.models.parameters import Expected, Flag, Path, Query, Text, names_schema, parse_names
from api.models.responses import ADVANCED, IMPORTANT, ChangeCursor, Moment, Response, ScanId, enum_labels, labels_of
from atlas.domain.shared_pages.access import AccessRight
from atlas.domain.shared_pages.access_of_users import UserSharedPage as StoredUserSharedPage
from atlas.domain.shared_pages.changes import SharedChangeKind
from atlas.domain.shared_pages.changes import SharedPageChange as StoredChange
from atlas.domain.shared_pages.documents import page_details_document, page_document, user_page_document
from atlas.domain.shared_pages.filters import SharedPageFilter
from atlas.domain.shared_pages.findings import Severity
from atlas.domain.shared_pages.holders import HolderKind
from atlas.domain.shared_pages.rows import PageState, SharedFinding, SharedPageRow, Source
from atlas.tables.change_feed import ServedChange

MAX_ID_LENGTH = 400
KIND_LABELS = enum_labels(labels_of(SharedChangeKind))
FINDING_LABELS = enum_labels(labels_of(SharedFinding))

PageId = Annotated[
    str, Field(title="Page ID", description="The primary address of the page.", json_schema_extra={**IMPORTANT})
]
PageName = Annotated[str | None, Field(title="Display Name", description="The name of the page.")]
PublicUrl = Annotated[
    str | None,
    Field(
        title="Public URL",
        description="The address that customers book at; empty if it is not known.",
        json_schema_extra={**IMPORTANT},
    ),
]


class SharedPagePath(Path):
    """The shared page in the path of a route."""

    id: Annotated[str, Expected(f"at most {MAX_ID_LENGTH} characters")] = Field(
        title="Page ID",
        description="An address of the page, or the object ID of its account.",
        max_length=MAX_ID_LENGTH,
    )

    @property
    def text(self) -> str:
        """The text of the caller, which the Functions host has decoded once."""
        return unquote(self.id)


class SharedPageFilterQuery(Query):
    """The filters of shared pages."""

    published: Flag | None = Field(None, description="Only pages that are, or are not, published for customers.")
    finding: Annotated[SharedFinding | None, Expected(f"one of {', '.join(SharedFinding)}")] = Field(
        None, description="Only pages with this finding.", json_schema_extra={**FINDING_LABELS}
    )
    search: Annotated[
        Text | None, Expected("the start of an address, a display name or a word in it, at most 100 characters")
    ] = Field(
        None,
        description="The start of an address, the display name or a word in it, in upper or lower case.",
        max_length=100,
        json_schema_extra={"pattern": r"\S"},
    )
    state: Annotated[PageState | None, Expected("present or gone")] = Field(
        None,
        description="Only pages that exist, or only those that were deleted. By default, those that exist.",
        json_schema_extra={**enum_labels(labels_of(PageState))},
    )
    limit: PageSize | None = LIMIT
    continuation: Continuation | None = CONTINUATION

    @property
    def filter(self) -> SharedPageFilter:
        """The filter of these parameters."""
        return SharedPageFilter(self.state, self.published, self.finding, self.search)


class SharedPagesQuery(SharedPageFilterQuery):
    """The query parameters of the list of shared pages."""

    form: Format | None = FORMAT


class SharedPageChangesQuery(FeedQuery):
    """The query parameters of the changes of shared pages."""

    kinds: Annotated[
        frozenset[SharedChangeKind] | None,
        BeforeValidator(lambda text: frozenset(parse_names(SharedChangeKind, text))),
        Expected(f"one or more of {', '.join(SharedChangeKind)}, separated by commas"),
        WithJsonSchema(names_schema(SharedChangeKind, KIND_LABELS)),
    ] = Field(
        None,
        alias="kind",
        title="Kind",
        description="Return only changes of these kinds, separated by commas. If omitted, all kinds are returned.",
    )

    def includes(self, change: StoredChange) -> bool:
        """Whether a change is of a kind that is requested."""
        return self.kinds is None or change.kind in self.kinds


class Holder(Response):
    """A user or group with access to a shared page."""

    kind: HolderKind = Field(
        description="Whether this is a user or a group.", json_schema_extra={**enum_labels(labels_of(HolderKind))}
    )
    user_id: str | None = Field(description="The object ID of the user or group.")
    user_principal_name: str | None = Field(
        description="The name that the user signs in with; of a group, its address."
    )
    display_name: str | None = Field(description="The name of the user or group.")
    access: list[AccessRight] = Field(description="The rights: fullAccess, sendAs, sendOnBehalf.")
    via_group: str | None = Field(
        description="The group through which the user has access; empty for access of their own."
    )
    enabled: bool | None = Field(title="Account Enabled", description="Whether the user can sign in.")
    licensed: bool | None = Field(description="Whether the user is licensed for Bookings.")
    member_count: int | None = Field(description="How many users a group has.")


class SharedPage(Response):
    """One shared booking page."""

    id: PageId
    display_name: PageName
    account_id: str | None = Field(
        description="The object ID of the account that belongs to the page.", json_schema_extra={**ADVANCED}
    )
    account_enabled: bool | None = Field(description="Whether the page's own account can sign in.")
    hidden_from_address_lists: bool | None = Field(
        description="Whether the page is hidden from the organisation's address lists."
    )
    created_at: Moment | None = Field(description="When the page was created.")
    created_by: str | None = Field(description="The user principal name of who created the page.")
    creator_problem: str | None = Field(description="Why it is not known who created the page.")
    published: bool | None = Field(description="Whether customers can book.", json_schema_extra={**IMPORTANT})
    public_url: PublicUrl
    staff_count: int | None = Field(description="How many people are on the staff.")
    service_count: int | None = Field(description="How many services the page offers.")
    known_to: list[Source] = Field(
        description="The sources that know the page: exchange, graph or both.", json_schema_extra={**ADVANCED}
    )
    holders: list[Holder] = Field(description="The users and groups with access to the page.")
    findings: list[SharedFinding] = Field(
        description="What needs attention on this page.", json_schema_extra={**IMPORTANT}
    )
    state: PageState = Field(
        description="Whether the page exists or was deleted.", json_schema_extra={**enum_labels(labels_of(PageState))}
    )
    checked_at: Moment = Field(description="When the page was last checked.")
    changed_at: Moment | None = Field(
        description="When something about the page last changed.", json_schema_extra={**ADVANCED}
    )
    scan_id: ScanId

    @classmethod
    def of(cls, row: SharedPageRow) -> Self:
        """The page of a row."""
        return cls.model_validate(page_document(row))


class Staff(Response):
    """One member of the staff of a shared page."""

    model_config = ConfigDict(title="Staff Member")

    display_name: str | None = Field(description="The name of the member.")
    email_address: str | None = Field(description="The email address of the member.")
    role: str | None = Field(description="The role of the member, as Microsoft Graph names it.")


class Service(Response):
    """One service of a shared page."""

    id: str = Field(title="Service ID", description="The ID of the service.")
    title: str = Field(description="The name of the service.")
    duration_minutes: int | None = Field(title="Duration In Minutes", description="How long the service takes.")
    hidden: bool | None = Field(description="Whether customers cannot see the service.")


class SharedPageFinding(Response):
    """One finding on a shared page."""

    model_config = ConfigDict(title="Finding")

    name: SharedFinding = Field(description="The name of the finding.", json_schema_extra={**FINDING_LABELS})
    severity: Severity = Field(description="How serious it is.", json_schema_extra={**enum_labels(labels_of(Severity))})
    evidence: str = Field(description="What was found, as a sentence.")
    fix: str = Field(description="What an administrator can do about it.")


class SharedPageDetails(SharedPage):
    """One shared booking page with its staff, services and findings in full."""

    staff: list[Staff] = Field(description="The people on the staff.")
    services: list[Service] = Field(description="What can be booked.")
    finding_details: list[SharedPageFinding] = Field(
        description="The findings with their evidence and what to do about them."
    )

    @classmethod
    def of(cls, row: SharedPageRow) -> Self:
        """The page of a row."""
        return cls.model_validate(page_details_document(row))


class SharedPageList(Page[SharedPage]):
    """One page of shared pages."""

    model_config = ConfigDict(title="Shared Pages")

    value: list[SharedPage] = Field(title="Shared Pages", description="The shared pages on this page of the list.")


class UserSharedPage(Response):
    """One way in which a user can open a shared page."""

    model_config = ConfigDict(title="User's Shared Page")

    id: PageId
    display_name: PageName
    public_url: PublicUrl
    published: bool | None = Field(description="Whether customers can book.")
    access: list[AccessRight] = Field(
        description="The rights to the mailbox of the page; an empty list for staff without any."
    )
    via_group: str | None = Field(
        description="The group through which the user has access; empty for access of their own."
    )
    role: str | None = Field(description="The role of the user on the staff of the page; empty if they are not on it.")

    @classmethod
    def of(cls, page: StoredUserSharedPage) -> Self:
        """One page of a user."""
        return cls.model_validate(user_page_document(page))


class UserSharedPageList(Page[UserSharedPage]):
    """The shared pages that a user can open."""

    model_config = ConfigDict(title="User's Shared Pages")

    value: list[UserSharedPage] = Field(title="Shared Pages", description="The pages, one for each way to open them.")


class SharedPageChange(Response):
    """One change of one shared page."""

    cursor: ChangeCursor
    at: Moment = Field(description="When the change was observed.")
    kind: SharedChangeKind = Field(description="What changed.", json_schema_extra={**IMPORTANT, **KIND_LABELS})
    page_id: PageId
    display_name: PageName
    public_url: PublicUrl
    user_principal_name: str | None = Field(
        description="Whose access was granted or revoked; of a group, its address or name.",
        json_schema_extra={**IMPORTANT},
    )
    access: list[AccessRight] = Field(description="The rights that were granted or revoked.")
    scan_id: ScanId

    @classmethod
    def of(cls, served: ServedChange[StoredChange]) -> Self:
        """A change, with the cursor behind it."""
        change = served.change
        return cls(
            cursor=served.cursor,
            at=change.at,
            kind=change.kind,
            page_id=change.page_id,
            display_name=change.display_name,
            public_url=change.public_url,
            user_principal_name=change.holder,
            access=list(change.access),
            scan_id=change.scan_id,
        )


class SharedPageChangeList(FeedPage[SharedPageChange]):
    """Changes of shared pages, oldest first."""

    model_config = ConfigDict(title="Shared Page Changes")

    value: list[SharedPageChange] = Field(title="Changes", description="The changes on this page of the list.")
