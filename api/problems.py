"""Errors as RFC 9457 problem documents: one table from what went wrong to what a caller is told."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlsplit

import azure.functions as func

from api.orchestrations import OrchestrationsUnavailable
from atlas.domain.page_urls import InvalidPageUrl
from atlas.domain.time_windows import InvalidTimeWindow
from atlas.domain.time_zones import UnknownTimeZone
from atlas.domain.user_references import InvalidUserReference
from atlas.microsoft365.failures import NotUnderstood, Refused, TenantFailure, Throttled, Unreachable
from atlas.pages.free_times import AmbiguousTitle
from atlas.pages.observation import NoSuchUser
from atlas.scans.lifecycle import ScanNotRunning
from atlas.settings import InvalidSettings
from atlas.tables.store import StorageFailure

log = logging.getLogger(__name__)

RETRY_SECONDS = 30


@dataclass(eq=False)  # not frozen: what passes an exception on may set its traceback
class Problem(Exception):
    """What a caller is told: a code of docs/api.md, section "Problems", and a sentence."""

    status: HTTPStatus
    code: str
    detail: str
    errors: tuple[tuple[str, str], ...] = ()
    """Pairs of field and what would be right."""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_field(cls, code: str, name: str, detail: str) -> Self:
        """A 400 of this code about one field."""
        return cls(HTTPStatus.BAD_REQUEST, code, f"{name} {detail}", ((name, detail),))


def invalid_parameter(name: str, detail: str) -> Problem:
    """A 400 that names the field."""
    return invalid_parameters([(name, detail)])


def invalid_parameters(errors: Sequence[tuple[str, str]]) -> Problem:
    """A 400 that names every wrong field with what would be right."""
    told = "; ".join(f"{name} {detail}" for name, detail in errors)
    return Problem(HTTPStatus.BAD_REQUEST, "invalidParameter", told, tuple(errors))


INVALID_FIELDS: Mapping[type[Exception], str] = {
    InvalidUserReference: "user",
    InvalidPageUrl: "user",
    AmbiguousTitle: "meetingType",
    UnknownTimeZone: "timeZone",
}
"""Which field is wrong where a rule of the product refuses a value."""


def problem_of(error: Exception) -> Problem | None:
    """What a caller is told of a failure of the product; ``None`` for a bug."""
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
            return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "notConfigured", " ".join(problems))
        case NoSuchUser():
            return Problem(HTTPStatus.NOT_FOUND, "userNotFound", str(error))
        case ScanNotRunning():
            return Problem(HTTPStatus.CONFLICT, "scanNotRunning", "the scan has ended; there is nothing to stop")
        case StorageFailure() | OrchestrationsUnavailable():
            return _unavailable("upstreamUnavailable", str(error))
        case _:
            return None


def _tenant_problem(failure: TenantFailure) -> Problem:
    match failure:
        case Throttled(wait_seconds=wait_seconds):
            return _unavailable("upstreamThrottled", str(failure), wait_seconds)
        case Unreachable():
            return _unavailable("upstreamUnavailable", str(failure))
        case Refused():
            return Problem(HTTPStatus.BAD_GATEWAY, "upstreamRefused", str(failure))
        case NotUnderstood():
            return Problem(HTTPStatus.BAD_GATEWAY, "upstreamNotUnderstood", str(failure))
        case _:
            return _unavailable("upstreamUnavailable", str(failure))


def _unavailable(code: str, detail: str, wait_seconds: float | None = None) -> Problem:
    retry_after = str(max(1, round(RETRY_SECONDS if wait_seconds is None else wait_seconds)))
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, code, detail, headers={"Retry-After": retry_after})


type Door = Callable[..., Awaitable[func.HttpResponse]]


def returns_problems(door: Door) -> Door:
    """A door whose failures are problem documents; what is nobody's fault but ours is logged and told as a 500."""

    @wraps(door)
    async def answer(req: func.HttpRequest, **bindings: Any) -> func.HttpResponse:
        try:
            return await door(req, **bindings)
        except Exception as error:
            problem = problem_of(error)
            if problem is None:
                log.exception("the door %s failed", door.__name__)  # its path may name a person
                problem = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "this is a defect; the log says more")
            return problem_response(problem, urlsplit(req.url).path)

    return answer


def problem_response(problem: Problem, instance: str) -> func.HttpResponse:
    """A problem as an HTTP answer."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": int(problem.status),
        "detail": problem.detail,
        "instance": instance,
        "code": problem.code,
    }
    if problem.errors:
        document["errors"] = [{"field": name, "detail": detail} for name, detail in problem.errors]
    return func.HttpResponse(
        json.dumps(document, ensure_ascii=False),
        status_code=problem.status,
        headers={"Cache-Control": "no-store", **problem.headers},
        mimetype="application/problem+json",
    )
