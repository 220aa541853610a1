"""Problem documents (RFC 9457) and the codes that they carry (docs/api.md)."""

from http import HTTPStatus

from pydantic import ConfigDict, Field

from api.models.responses import Response

INTERNAL_ERROR = "internal"

PROBLEMS: dict[str, tuple[HTTPStatus, str]] = {
    "invalidParameter": (HTTPStatus.BAD_REQUEST, "A parameter is invalid; see errors."),
    "invalidContinuation": (HTTPStatus.BAD_REQUEST, "The continuation is not one that this list returned."),
    "invalidCursor": (HTTPStatus.BAD_REQUEST, "The cursor is not one that an earlier response returned."),
    "unauthenticated": (HTTPStatus.UNAUTHORIZED, "The key or the token is missing or invalid."),
    "forbidden": (HTTPStatus.FORBIDDEN, "The token lacks an app role; see detail."),
    "excluded": (HTTPStatus.FORBIDDEN, "The settings exclude this user."),
    "userNotFound": (HTTPStatus.NOT_FOUND, "Microsoft Entra has no such user, or no user is known to own this page."),
    "scanNotFound": (HTTPStatus.NOT_FOUND, "There is no scan with this ID, or it has expired."),
    "sharedPageNotFound": (HTTPStatus.NOT_FOUND, "There is no shared page with this ID."),
    "routeNotFound": (HTTPStatus.NOT_FOUND, "There is no such route."),
    "methodNotAllowed": (
        HTTPStatus.METHOD_NOT_ALLOWED,
        "The route does not support this method; see the Allow header.",
    ),
    "scanNotRunning": (HTTPStatus.CONFLICT, "The scan has ended, so it cannot be cancelled."),
    "tooManyRequests": (HTTPStatus.TOO_MANY_REQUESTS, "Too many live requests; Retry-After says when to try again."),
    INTERNAL_ERROR: (HTTPStatus.INTERNAL_SERVER_ERROR, "An error in the app; see its log."),
    "upstreamRefused": (HTTPStatus.BAD_GATEWAY, "Microsoft 365 refused a request; see detail for what is missing."),
    "upstreamNotUnderstood": (
        HTTPStatus.BAD_GATEWAY,
        "Microsoft 365 returned a response that the app does not understand.",
    ),
    "upstreamThrottled": (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Microsoft 365 is throttling the app; Retry-After says when to try again.",
    ),
    "upstreamUnavailable": (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Microsoft 365, Table Storage or Durable Functions did not respond.",
    ),
    "notConfigured": (HTTPStatus.SERVICE_UNAVAILABLE, "Settings are missing or invalid; see detail."),
}
"""Every code with its status and its meaning."""


class ProblemError(Response):
    """One invalid parameter."""

    model_config = ConfigDict(title="Error")

    field: str = Field(description="The name of the parameter.")
    detail: str = Field(description="What a valid value is.")


class ProblemDocument(Response):
    """A problem document (RFC 9457)."""

    model_config = ConfigDict(title="Problem")

    type: str = Field(description="The kind of problem, as a URL.")
    title: str = Field(description="The name of the HTTP status.")
    status: int = Field(title="HTTP Status", description="The HTTP status.")
    detail: str = Field(description="A sentence that says what went wrong.")
    instance: str = Field(description="The path of the request.")
    code: str = Field(description="A code for what went wrong.")
    errors: list[ProblemError] = Field(
        default=[], description="The invalid parameters; only responses with status 400 have them."
    )
