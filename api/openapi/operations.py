"""Every route, one entry each: what may be asked, and what is answered."""

from dataclasses import dataclass
from http import HTTPStatus

from api.openapi.schemas import Schema, number, text, truth
from atlas.domain.statuses import Status

JSON = "application/json"
CSV = "text/csv"
PROBLEM_JSON = "application/problem+json"

OK = HTTPStatus.OK
ACCEPTED = HTTPStatus.ACCEPTED
UNAVAILABLE = HTTPStatus.SERVICE_UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a caller may ask with: in the path, where it is required, or in the query, where it is not."""

    name: str
    schema: Schema
    place: str = "query"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered with one status."""

    status: HTTPStatus
    description: str
    shape: str | None
    """The name of its shape; ``None``: a JSON object of its own kind."""
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
    answers: tuple[Answer, ...]
    parameters: tuple[Parameter, ...] = ()
    problems: tuple[str, ...] = ()
    """The codes of ``PROBLEMS`` that it may answer, beside those of every route."""
    media_types: tuple[str, ...] = (JSON,)
    is_open: bool = False
    """Whether it asks for no key and no token."""


PROBLEMS: dict[str, tuple[HTTPStatus, str]] = {
    "invalidParameter": (HTTPStatus.BAD_REQUEST, "A parameter is wrong; errors names it."),
    "invalidCursor": (HTTPStatus.BAD_REQUEST, "The cursor is none that a list of changes gave."),
    "invalidContinuation": (HTTPStatus.BAD_REQUEST, "The continuation is none that this list gave."),
    "unauthenticated": (HTTPStatus.UNAUTHORIZED, "The key or the token is missing or wrong."),
    "forbidden": (HTTPStatus.FORBIDDEN, "The token has no app role that allows this."),
    "userNotFound": (HTTPStatus.NOT_FOUND, "There is no such user."),
    "scanNotFound": (HTTPStatus.NOT_FOUND, "There is no scan of this id, or it was forgotten."),
    "sharedPageNotFound": (HTTPStatus.NOT_FOUND, "There is no shared page of this id."),
    "routeNotFound": (HTTPStatus.NOT_FOUND, "There is no such route."),
    "methodNotAllowed": (HTTPStatus.METHOD_NOT_ALLOWED, "The route does not know this method."),
    "scanNotRunning": (HTTPStatus.CONFLICT, "The scan has ended; there is nothing to stop."),
    "tooManyRequests": (HTTPStatus.TOO_MANY_REQUESTS, "Too many requests; Retry-After says when to come again."),
    "upstreamRefused": (HTTPStatus.BAD_GATEWAY, "Microsoft 365 does not let the app ask."),
    "upstreamNotUnderstood": (HTTPStatus.BAD_GATEWAY, "Microsoft 365 gave an answer that is not known."),
    "upstreamThrottled": (UNAVAILABLE, "Microsoft 365 asks to be left alone; Retry-After says how long."),
    "upstreamUnavailable": (UNAVAILABLE, "Microsoft 365 or the storage does not answer."),
    "notConfigured": (UNAVAILABLE, "Settings are missing or wrong; detail names them."),
}
"""The codes of docs/api.md, section "Problems", each with its status."""

OF_EVERY_ROUTE = ("notConfigured",)
OF_EVERY_CLOSED_ROUTE = ("unauthenticated", "forbidden", "invalidParameter")
"""A misspelt parameter is a wrong one too."""
OF_TABLES = ("upstreamUnavailable",)
OF_THE_TENANT = ("upstreamRefused", "upstreamNotUnderstood", "upstreamThrottled", "upstreamUnavailable")

HEADERS: dict[str, Schema] = {
    "Location": {"type": "string", "description": "The address that tells how far the scan is."},
    "Retry-After": {"type": "integer", "description": "After how many seconds to ask again."},
}

STORED_STATUSES = tuple(str(status) for status in Status if status is not Status.NOT_LICENSED)
"""What a row may say: of a user without a licence only a look-up tells."""

NOT_BLANK = r"\S"
DOMAIN_NAME = r"^[\w-]+(\.[\w-]+)+$"

USER = Parameter(
    "user",
    text("User", "The user principal name, the object id, or the pasted address of the booking page."),
    place="path",
)
SCAN = Parameter("id", text("Scan ID", "The id of the scan."), place="path")
FRESH = Parameter("fresh", truth("Fresh", "Whether to ask Microsoft 365 now.", default=False))
AVAILABILITY = Parameter(
    "availability", truth("With Availability", "Whether to tell when the user can be booked.", default=True)
)
FROM = Parameter("from", text("From", "The beginning of the time to look at (ISO 8601); now where it is not given."))
TO = Parameter("to", text("To", "The end of the time to look at (ISO 8601); 7 days later where it is not given."))
TIME_ZONE = Parameter(
    "timeZone", text("Time Zone", "The IANA or Windows name of the time zone of all times.", default="UTC")
)
MEETING_TYPE = Parameter(
    "meetingType",
    text("Meeting Type", "The id or the title of a meeting type; the first public one by default.", pattern=NOT_BLANK),
)
STATUS = Parameter(
    "status",
    {
        "type": "array",
        "collectionFormat": "csv",
        "items": {"type": "string", "enum": list(STORED_STATUSES)},
        "x-ms-summary": "Status",
        "description": "Only users in one of these statuses.",
    },
)
DOMAIN = Parameter(
    "domain",
    text("Domain", "Only users whose user principal name is of this domain.", maxLength=255, pattern=DOMAIN_NAME),
)
ENABLED = Parameter("enabled", truth("Account Enabled", "Only users who may, or may not, sign in."))
USER_TYPE = Parameter("userType", text("User Type", "Only members, or only guests.", enum=["Member", "Guest"]))
SEARCH = Parameter(
    "search",
    text(
        "Search",
        "The beginning of the user principal name, the display name or a word of it.",
        maxLength=100,
        pattern=NOT_BLANK,
    ),
)
LIMIT = Parameter(
    "limit", number("Page Size", "How many items at most, from 1 to 1000.", minimum=1, maximum=1000, default=100)
)
CONTINUATION = Parameter("continuation", text("Continuation", "What the page before gave, for the one after it."))
FORMAT = Parameter(
    "format", text("Format", "The media type of the answer, where Accept does not say it.", enum=["json", "csv"])
)
SINCE = Parameter("since", text("Since", "The cursor of an earlier answer: what changed after it."))
ASYNC = Parameter(
    "async", truth("Asynchronous", "Whether to answer 202 while the scan runs, and 200 at its end.", default=False)
)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "get",
        "/users/{user}/bookings",
        "GetUserBookings",
        summary="Get the booking page of a user",
        description="Tells whether a user has a booking page, its address, and when the user can be booked.",
        parameters=(USER, FRESH, AVAILABILITY, FROM, TO, TIME_ZONE, MEETING_TYPE),
        answers=(Answer(OK, "What is known about the booking page.", "LookUp"),),
        problems=("userNotFound", *OF_THE_TENANT),
    ),
    Operation(
        "get",
        "/users",
        "ListUsers",
        summary="List users",
        description="Lists every user who is licensed for Bookings, with the booking page and its status.",
        parameters=(STATUS, DOMAIN, ENABLED, USER_TYPE, SEARCH, LIMIT, CONTINUATION, FORMAT),
        answers=(Answer(OK, "One page of users, or as CSV the whole list.", "UserList"),),
        problems=("invalidContinuation", *OF_TABLES),
        media_types=(JSON, CSV),
    ),
    Operation(
        "get",
        "/changes",
        "ListChanges",
        summary="List changes",
        description="Lists what changed after a cursor, oldest first; without a cursor, at most the newest change.",
        parameters=(SINCE, LIMIT),
        answers=(Answer(OK, "What changed, and the cursor to go on from.", "ChangeList"),),
        problems=("invalidCursor", *OF_TABLES),
    ),
    Operation(
        "post",
        "/scans",
        "StartScan",
        summary="Start a scan",
        description="Starts a scan of the whole tenant; while one runs, the answer is that one.",
        answers=(Answer(ACCEPTED, "The scan, and where to follow it.", "Scan", headers=("Location", "Retry-After")),),
        problems=OF_TABLES,
    ),
    Operation(
        "get",
        "/scans",
        "ListScans",
        summary="List scans",
        description="Lists recent scans, newest first.",
        parameters=(LIMIT,),
        answers=(Answer(OK, "Recent scans.", "ScanList"),),
        problems=OF_TABLES,
    ),
    Operation(
        "get",
        "/scans/{id}",
        "GetScan",
        summary="Get a scan",
        description="Tells how far a scan is, or how it ended.",
        parameters=(SCAN, ASYNC),
        answers=(
            Answer(OK, "The scan.", "Scan"),
            Answer(ACCEPTED, "The scan, which still runs.", "Scan", headers=("Location", "Retry-After")),
        ),
        problems=("scanNotFound", *OF_TABLES),
    ),
    Operation(
        "delete",
        "/scans/{id}",
        "CancelScan",
        summary="Cancel a scan",
        description="Stops a scan; what it has learned stays.",
        parameters=(SCAN,),
        answers=(Answer(ACCEPTED, "The scan, which is cancelled.", "Scan"),),
        problems=("scanNotFound", "scanNotRunning", *OF_TABLES),
    ),
    Operation(
        "get",
        "/policy",
        "GetPolicy",
        summary="Get the policy of the organisation",
        description="Tells whether the organisation allows personal bookings, what decides that, and what changes it.",
        answers=(Answer(OK, "The policy, as far as Exchange tells it.", "Policy"),),
    ),
    Operation(
        "get",
        "/health",
        "GetHealth",
        summary="Get the health of the app",
        description="Tells whether the app can do its work; it names no secret and no person.",
        answers=(
            Answer(OK, "The app can do its work.", "Health"),
            Answer(UNAVAILABLE, "The app can not do its work.", "Health"),
        ),
        is_open=True,
    ),
    Operation(
        "get",
        "/swagger.json",
        "GetDescription",
        summary="Get this description",
        description="Answers this description of the routes, from which the connector is built.",
        answers=(Answer(OK, "An OpenAPI 2.0 document.", None),),
    ),
)


def problems_of(operation: Operation) -> dict[HTTPStatus, dict[str, str]]:
    """The problems that an operation may answer: by status, each code with what it means."""
    codes = (*OF_EVERY_ROUTE, *(() if operation.is_open else OF_EVERY_CLOSED_ROUTE), *operation.problems)
    by_status: dict[HTTPStatus, dict[str, str]] = {}
    for code, (status, meaning) in PROBLEMS.items():
        if code in codes:
            by_status.setdefault(status, {})[code] = meaning
    return by_status
