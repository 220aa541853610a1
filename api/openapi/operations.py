"""Every route: what may be requested, and what is returned."""

from dataclasses import dataclass
from http import HTTPStatus

from api.models.adoption import Adoption
from api.models.changes import ChangeList, ChangesQuery
from api.models.health import Health
from api.models.lookups import AvailabilityLookup, AvailabilityQuery, BookingsQuery, Lookup, UserPath
from api.models.parameters import NoPath, NoQuery, Path, Query
from api.models.policy import Policy
from api.models.problems import PROBLEMS
from api.models.scans import Scan, ScanList, ScanPath, ScanQuery, ScansQuery
from api.models.shared_pages import (
    SharedPageChangeList,
    SharedPageChangesQuery,
    SharedPageDetails,
    SharedPageFilterQuery,
    SharedPageList,
    SharedPagePath,
    SharedPagesQuery,
    UserSharedPageList,
)
from api.models.users import FilterQuery, UserList, UsersQuery
from api.openapi.schemas import Model, Schema

JSON = "application/json"
CSV = "text/csv"
HTML = "text/html"
PROBLEM_JSON = "application/problem+json"

OK = HTTPStatus.OK
ACCEPTED = HTTPStatus.ACCEPTED
UNAVAILABLE = HTTPStatus.SERVICE_UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Returns:
    """What is returned with one status."""

    status: HTTPStatus
    description: str
    model: Model | None
    """``None``: a JSON object of its own kind."""
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One route and method."""

    method: str
    path: str
    """After ``/api``, with the names of its parameters in braces, as the route is registered."""
    operation_id: str
    summary: str
    description: str
    returns: tuple[Returns, ...]
    path_parameters: type[Path] = NoPath
    query: type[Query] = NoQuery
    problems: tuple[str, ...] = ()
    """The codes of ``PROBLEMS`` that this route may return, in addition to those that every route may return."""
    media_types: tuple[str, ...] = (JSON,)
    has_body: bool = False
    """Whether request and response have bodies of a protocol of their own, in JSON."""
    is_open: bool = False
    """Whether it requires neither a key nor a token."""


ANY_ROUTE = ("notConfigured",)
CLOSED_ROUTE = ("unauthenticated", "forbidden", "invalidParameter")
"""An unknown parameter is an invalid one."""
TABLES = ("upstreamUnavailable",)
TENANT = ("upstreamRefused", "upstreamNotUnderstood", "upstreamThrottled", "upstreamUnavailable")

HEADERS: dict[str, Schema] = {
    "Location": {"type": "string", "description": "The URL of the scan."},
    "Retry-After": {"type": "integer", "description": "The number of seconds to wait before the next request."},
}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "get",
        "/users/{user}/bookings",
        "GetUserBookings",
        summary="Get the booking page of a user",
        description="Returns whether a user has a booking page, its URL, and when the user can be booked.",
        path_parameters=UserPath,
        query=BookingsQuery,
        returns=(Returns(OK, "What is known about the booking page.", Lookup),),
        problems=("userNotFound", "excluded", "tooManyRequests", *TENANT),
    ),
    Operation(
        "get",
        "/users/{user}/availability",
        "GetUserAvailability",
        summary="Get the availability of a user",
        description="Returns when a user can be booked, with the status and the URL of the booking page.",
        path_parameters=UserPath,
        query=AvailabilityQuery,
        returns=(Returns(OK, "When the user can be booked.", AvailabilityLookup),),
        problems=("userNotFound", "excluded", "tooManyRequests", *TENANT),
    ),
    Operation(
        "get",
        "/users",
        "ListUsers",
        summary="List users",
        description="Lists every user who is licensed for Bookings, with the booking page and its status.",
        query=UsersQuery,
        returns=(Returns(OK, "One page of users, or the complete list as CSV.", UserList),),
        problems=("invalidContinuation", "tooManyRequests", *TABLES),
        media_types=(JSON, CSV),
    ),
    Operation(
        "get",
        "/users.csv",
        "ExportUsers",
        summary="Export users",
        description="Returns the same users as CSV, with the columns of the table PersonalBookings.",
        query=FilterQuery,
        returns=(Returns(OK, "The complete list, or one part of it with a Link header to the next.", None),),
        problems=("invalidContinuation", "tooManyRequests", *TABLES),
        media_types=(CSV,),
    ),
    Operation(
        "get",
        "/changes",
        "ListChanges",
        summary="List changes",
        description="Lists what changed after a cursor, oldest first; without a cursor, at most the newest change.",
        query=ChangesQuery,
        returns=(Returns(OK, "What changed, and the cursor to continue from.", ChangeList),),
        problems=("invalidCursor", *TABLES),
    ),
    Operation(
        "get",
        "/shared-pages",
        "ListSharedPages",
        summary="List shared pages",
        description="Lists the shared booking pages of the tenant, who has access to each, and what is wrong with it.",
        query=SharedPagesQuery,
        returns=(Returns(OK, "One page of shared pages, or the complete list as CSV.", SharedPageList),),
        problems=("invalidContinuation", "tooManyRequests", *TABLES),
        media_types=(JSON, CSV),
    ),
    Operation(
        "get",
        "/shared-pages.csv",
        "ExportSharedPages",
        summary="Export shared pages",
        description="Returns the same shared pages as CSV, with columns of the table SharedBookings.",
        query=SharedPageFilterQuery,
        returns=(Returns(OK, "The complete list, or one part of it with a Link header to the next.", None),),
        problems=("invalidContinuation", "tooManyRequests", *TABLES),
        media_types=(CSV,),
    ),
    Operation(
        "get",
        "/shared-pages/{id}",
        "GetSharedPage",
        summary="Get a shared page",
        description="Returns one shared booking page with its staff, services, holders of access and findings.",
        path_parameters=SharedPagePath,
        returns=(Returns(OK, "The shared page.", SharedPageDetails),),
        problems=("sharedPageNotFound", *TABLES),
    ),
    Operation(
        "get",
        "/users/{user}/shared-pages",
        "ListUserSharedPages",
        summary="List the shared pages of a user",
        description="Lists the shared booking pages that a user can open, by which right or group, and in which role.",
        path_parameters=UserPath,
        returns=(Returns(OK, "The shared pages of the user.", UserSharedPageList),),
        problems=("userNotFound", "excluded", *TENANT),
    ),
    Operation(
        "get",
        "/shared-page-changes",
        "ListSharedPageChanges",
        summary="List changes of shared pages",
        description="Lists what changed about shared pages after a cursor, oldest first; without a cursor, at most the "
        "newest change.",
        query=SharedPageChangesQuery,
        returns=(Returns(OK, "What changed, and the cursor to continue from.", SharedPageChangeList),),
        problems=("invalidCursor", *TABLES),
    ),
    Operation(
        "post",
        "/scans",
        "StartScan",
        summary="Start a scan",
        description="Starts a scan of the whole tenant, or returns the one that is running.",
        returns=(Returns(ACCEPTED, "The scan, and its URL.", Scan, headers=("Location", "Retry-After")),),
        problems=TABLES,
    ),
    Operation(
        "get",
        "/scans",
        "ListScans",
        summary="List scans",
        description="Lists recent scans, newest first, or the scans that ended after a cursor, the first to end first.",
        query=ScansQuery,
        returns=(Returns(OK, "The scans, and the cursor to continue from.", ScanList),),
        problems=("invalidCursor", *TABLES),
    ),
    Operation(
        "get",
        "/scans/{id}",
        "GetScan",
        summary="Get a scan",
        description="Returns how far a scan has progressed, or how it ended.",
        path_parameters=ScanPath,
        query=ScanQuery,
        returns=(
            Returns(OK, "The scan.", Scan),
            Returns(ACCEPTED, "The scan, which is still running.", Scan, headers=("Location", "Retry-After")),
        ),
        problems=("scanNotFound", *TABLES),
    ),
    Operation(
        "delete",
        "/scans/{id}",
        "CancelScan",
        summary="Cancel a scan",
        description="Stops a scan; the rows it has written stay.",
        path_parameters=ScanPath,
        returns=(Returns(ACCEPTED, "The cancelled scan.", Scan),),
        problems=("scanNotFound", "scanNotRunning", *TABLES),
    ),
    Operation(
        "post",
        "/mcp",
        "CallTools",
        summary="Call the tools for agents",
        description="Serves agents with read-only tools over the Model Context Protocol (Streamable HTTP, stateless).",
        returns=(
            Returns(OK, "The result of the request, or its error.", None),
            Returns(ACCEPTED, "The message was a notification, to which there is no result.", None),
            Returns(HTTPStatus.BAD_REQUEST, "The message is invalid, or of a revision that is not supported.", None),
            Returns(HTTPStatus.NOT_FOUND, "There is no such method.", None),
            Returns(HTTPStatus.NOT_ACCEPTABLE, "The Accept header does not include application/json.", None),
            Returns(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is larger than 64 KiB.", None),
            Returns(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body is not application/json.", None),
        ),
        has_body=True,
    ),
    Operation(
        "get",
        "/policy",
        "GetPolicy",
        summary="Get the policy of the organisation",
        description="Returns whether the organisation allows personal bookings, why, and how to change that.",
        returns=(Returns(OK, "The policy, as far as Exchange returned it.", Policy),),
        problems=("tooManyRequests",),
    ),
    Operation(
        "get",
        "/adoption",
        "GetAdoption",
        summary="Get the adoption of booking pages",
        description="Returns how many users have set up their pages, by domain and by department.",
        returns=(Returns(OK, "What the last scan has counted.", Adoption),),
        problems=TABLES,
    ),
    Operation(
        "get",
        "/report",
        "GetReport",
        summary="Get the report page",
        description="Returns a page that shows all of this in a browser. It holds no data and reads the other routes.",
        returns=(Returns(OK, "The page.", None),),
        media_types=(HTML,),
        is_open=True,
    ),
    Operation(
        "get",
        "/health",
        "GetHealth",
        summary="Get the health of the app",
        description="Returns whether the app is healthy, without secrets or personal data.",
        returns=(
            Returns(OK, "The app is healthy or degraded.", Health),
            Returns(UNAVAILABLE, "The app is unhealthy.", Health),
        ),
        is_open=True,
    ),
    Operation(
        "get",
        "/swagger.json",
        "GetDescription",
        summary="Get this description",
        description="Returns this description of the routes, which the connector is built from.",
        returns=(Returns(OK, "An OpenAPI 2.0 document.", None),),
    ),
)


def problems_of(operation: Operation) -> dict[HTTPStatus, dict[str, str]]:
    """The problems that an operation may return: by status, each code with its meaning."""
    codes = (*ANY_ROUTE, *(() if operation.is_open else CLOSED_ROUTE), *operation.problems)
    by_status: dict[HTTPStatus, dict[str, str]] = {}
    for code, (status, meaning) in PROBLEMS.items():
        if code in codes:
            by_status.setdefault(status, {})[code] = meaning
    return by_status
