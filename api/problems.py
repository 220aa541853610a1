"""Errors as RFC 9457 problem documents: one table from each failure to what the caller receives."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlsplit

import azure.functions as func

from api.http_headers import RESPONSE_HEADERS
from api.models.problems import INTERNAL_ERROR, PROBLEMS, ProblemDocument, ProblemError
from api.orchestrations import OrchestrationsUnavailable
from atlas.domain.page_urls import InvalidPageUrl
from atlas.domain.time_windows import InvalidTimeWindow
from atlas.domain.time_zones import UnknownTimeZone
from atlas.domain.user_references import InvalidUserReference
from atlas.live_queries import TooManyQueries
from atlas.microsoft365.failures import NotUnderstood, Refused, TenantFailure, Throttled, Unreachable
from atlas.pages.free_times import AmbiguousTitle
from atlas.pages.observation import NoSuchUser, UserExcluded
from atlas.scans.lifecycle import ScanLockContended, ScanNotRunning, ScanStopping
from atlas.settings import InvalidSettings
from atlas.tables.store import StorageFailure

log = logging.getLogger(__name__)

RETRY_SECONDS = 30


@dataclass(eq=False)  # not frozen: re-raising an exception sets its traceback
class Problem(Exception):
    """A problem that the caller receives: a code of ``PROBLEMS``, and a sentence."""

    code: str
    detail: str
    errors: tuple[tuple[str, str], ...] = ()
    """Pairs of a parameter and what a valid value is."""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> HTTPStatus:
        """The HTTP status of the code."""
        return PROBLEMS[self.code][0]

    @classmethod
    def of_field(cls, code: str, name: str, detail: str) -> Self:
        """A problem with one parameter."""
        return cls(code, f"{name} {detail}", ((name, detail),))


def invalid_parameter(name: str, detail: str) -> Problem:
    """A 400 that names the parameter."""
    return invalid_parameters([(name, detail)])


def invalid_parameters(errors: Sequence[tuple[str, str]]) -> Problem:
    """A 400 that names every invalid parameter and what a valid value is."""
    return Problem("invalidParameter", "; ".join(f"{name} {detail}" for name, detail in errors), tuple(errors))


INVALID_FIELDS: Mapping[type[Exception], str] = {
    InvalidUserReference: "user",
    InvalidPageUrl: "user",
    AmbiguousTitle: "meetingType",
    UnknownTimeZone: "timeZone",
}
"""The parameter that is invalid if a rule of the product rejects a value."""


def problem_of(error: Exception) -> Problem | None:
    """The problem document for a failure of the product; ``None`` for a bug."""
    match error:
        case Problem():
            return error
        case InvalidTimeWindow(field=name):
            return invalid_parameter(name, str(error))
        case _ if type(error) in INVALID_FIELDS:
            return invalid_parameter(INVALID_FIELDS[type(error)], str(error))
        case TenantFailure():
            return _tenant_problem(error)
        case _:
            return _own_problem(error)


def _own_problem(error: Exception) -> Problem | None:
    match error:
        case InvalidSettings(problems=problems):
            return Problem("notConfigured", " ".join(problems))
        case NoSuchUser():
            return Problem("userNotFound", str(error))
        case UserExcluded():
            return Problem("excluded", str(error))
        case ScanNotRunning():
            return Problem("scanNotRunning", "the scan has ended, so it cannot be cancelled")
        case TooManyQueries(wait_seconds=wait_seconds):
            return retry_later("tooManyRequests", "too many live requests; see the Retry-After header", wait_seconds)
        case StorageFailure() | OrchestrationsUnavailable() | ScanStopping() | ScanLockContended():
            return retry_later("upstreamUnavailable", str(error))
        case _:
            return None


def _tenant_problem(failure: TenantFailure) -> Problem:
    match failure:
        case Throttled(wait_seconds=wait_seconds):
            return retry_later("upstreamThrottled", str(failure), wait_seconds)
        case Refused():
            return Problem("upstreamRefused", str(failure))
        case NotUnderstood():
            return Problem("upstreamNotUnderstood", str(failure))
        case Unreachable() | _:
            return retry_later("upstreamUnavailable", str(failure))


def retry_later(code: str, detail: str, wait_seconds: float | None = None) -> Problem:
    """A problem with ``Retry-After``."""
    retry_after = str(max(1, round(RETRY_SECONDS if wait_seconds is None else wait_seconds)))
    return Problem(code, detail, headers={"Retry-After": retry_after})


type Route = Callable[..., Awaitable[func.HttpResponse]]


def returns_problems(route: Route) -> Route:
    """A route that turns failures into problem documents; a bug is logged and becomes a 500."""

    @wraps(route)
    async def respond(req: func.HttpRequest, **bindings: Any) -> func.HttpResponse:
        try:
            return await route(req, **bindings)
        except Exception as error:  # without this, the host would return 500 with a stack trace
            problem = problem_of(error)
            if problem is None:
                log.exception("the route %s failed", route.__name__)  # not its path, which may name a person
                problem = Problem(INTERNAL_ERROR, "this is an error in the app; see its log")
            return problem_response(problem, urlsplit(req.url).path)

    return respond


def problem_response(problem: Problem, instance: str) -> func.HttpResponse:
    """A problem as an HTTP response; ``errors`` is present only if there are any."""
    document = ProblemDocument(
        type="about:blank",
        title=problem.status.phrase,
        status=int(problem.status),
        detail=problem.detail,
        instance=instance,
        code=problem.code,
        **(
            {"errors": [ProblemError(field=name, detail=text) for name, text in problem.errors]}
            if problem.errors
            else {}
        ),
    )
    return func.HttpResponse(
        document.model_dump_json(by_alias=True, exclude_unset=True),
        status_code=problem.status,
        headers={**RESPONSE_HEADERS, **problem.headers},
        mimetype="application/problem+json",
    )
