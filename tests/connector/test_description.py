"""The description tells of every route of the app and of every member of its shapes, and of no other."""

import runpy
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from api.changes import ChangesQuery
from api.openapi.document import swagger_document
from api.openapi.operations import OPERATIONS, PROBLEMS, STORED_STATUSES, Operation, problems_of
from api.openapi.shapes import SHAPES
from api.queries import NoQuery, Query
from api.scans import ScanQuery, ScansQuery
from api.shapes import health_shape, scan_shape, user_shape
from api.users import STORED_STATUSES as READ_FROM_ROWS
from api.users import BookingsQuery, UsersQuery
from atlas.domain.changes import ChangeKind
from atlas.domain.findings import Finding
from atlas.domain.scans import Scan, ScanState
from atlas.domain.statuses import Status
from atlas.domain.user_rows import MeetingType, UserRow
from atlas.domain.users import LicensedUser
from atlas.health.checks import Check, Health, HealthStatus
from tests.openapi_responses import assert_answer_is_described, assert_is_described

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)

# The shapes, word for word.
CONTRACT = {
    "User": "userId, userPrincipalName, displayName, department, accountEnabled, userType, recipientType, "
    "primarySmtpAddress, mailboxGuid, status, reason, url, anonymousUrl, meetingTypes, bookable, policyVerdict, "
    "policyReason, findings, lastKnownStatus, lastKnownAt, checkedAt, changedAt, scanId",
    "MeetingType": "id, title, durationMinutes, isOnline, url",
    "Availability": "from, to, timeZone, meetingType, items, free",
    "AvailabilityItem": "status, start, end",
    "FreeTime": "start, end",
    "AvailabilityProblem": "code, detail",
    "UserList": "value, continuation, nextLink",
    "ScanList": "value, continuation, nextLink",
    "Change": "cursor, at, kind, userId, userPrincipalName, displayName, fromStatus, toStatus, url, previousUrl, "
    "scanId",
    "ChangeList": "value, continuation, nextLink, cursor",
    "Scan": "id, state, trigger, startedAt, finishedAt, usersListed, usersProbed, byStatus, throttledWaits, "
    "estimatedEnd, warnings, error",
    "Health": "status, checks, lastScan",
    "Checks": "signIn, graph, exchange, bookings, tables",
    "Check": "ok, detail",
    "LastScan": "id, state, finishedAt, ageSeconds",
    "Policy": "verdict, reason, setting, value, fix, ewsAllowedAppIds, bookings, owaPolicies, cis139, openQuestions, "
    "checkedAt",
    "OwaPolicy": "identity, isDefault, bookingsMailboxCreationEnabled, bookingsMailboxDomain",
    "Problem": "type, title, status, detail, instance, code, errors",
    "ProblemError": "field, detail",
}
CONTRACT["LookUp"] = f"{CONTRACT['User']}, fix, source, availability, availabilityProblem"

# Shapes that others hold, and where.
INNER = {
    "Availability": ("LookUp", "availability"),
    "AvailabilityProblem": ("LookUp", "availabilityProblem"),
    "Checks": ("Health", "checks"),
    "Check": ("Health", "checks", "graph"),
    "LastScan": ("Health", "lastScan"),
    "OwaPolicy": ("Policy", "owaPolicies"),
    "ProblemError": ("Problem", "errors"),
}

# The codes of docs/api.md, section "Problems", by status.
CODES = {
    400: "invalidParameter, invalidCursor, invalidContinuation",
    401: "unauthenticated",
    403: "forbidden",
    404: "userNotFound, scanNotFound, sharedPageNotFound, routeNotFound",
    405: "methodNotAllowed",
    409: "scanNotRunning",
    429: "tooManyRequests",
    502: "upstreamRefused, upstreamNotUnderstood",
    503: "upstreamThrottled, upstreamUnavailable, notConfigured",
}
OPTIONAL = {"errors"}

USER = LicensedUser("309c31f7-7a97-4ef7-8eb0-f515f6d11ecd", "adele@contoso.com")


def shape(name: str) -> dict[str, Any]:
    """A shape of the description, by its own name or where another holds it."""
    if name in SHAPES:
        return SHAPES[name]
    outer, *path = INNER[name]
    found = SHAPES[outer]
    for member in path:
        found = found["properties"][member]
        found = found.get("items", found)
    return found


@cache
def routes() -> set[tuple[str, str]]:
    """Method and path of every route that the app registers, but for the one that catches what is no route."""
    app = runpy.run_path(str(ROOT / "function_app.py"))["app"]  # one of our own: an app tells its functions only once
    triggers = [
        binding
        for function in app.get_functions()
        for binding in function.get_bindings()
        if binding.type == "httpTrigger" and ":" not in binding.route and "*" not in binding.route
    ]
    return {(method.value.lower(), f"/{trigger.route}") for trigger in triggers for method in trigger.methods}


@pytest.mark.parametrize("access", ["key", "entra"])
def test_the_document_is_openapi_2(access: str) -> None:
    document = swagger_document("atlas.example", "https", access)

    validate(document)
    assert (document["host"], document["basePath"], document["schemes"]) == ("atlas.example", "/api", ["https"])
    assert len(document["security"]) == 1


def test_every_route_is_described_and_every_description_is_a_route() -> None:
    assert {(operation.method, operation.path) for operation in OPERATIONS} == routes()


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation.operation_id for operation in OPERATIONS]

    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("name", CONTRACT)
def test_a_shape_has_the_members_of_the_contract(name: str) -> None:
    described = shape(name)

    assert list(described["properties"]) == CONTRACT[name].split(", ")
    assert set(described["required"]) == set(described["properties"]) - OPTIONAL


def test_every_shape_is_one_of_the_contract() -> None:
    assert set(SHAPES) | set(INNER) == set(CONTRACT)


def test_the_problems_are_those_of_the_contract() -> None:
    assert {code: int(status) for code, (status, _) in PROBLEMS.items()} == {
        code: status for status, codes in CODES.items() for code in codes.split(", ")
    }


def test_every_problem_that_an_operation_names_is_known() -> None:
    named = {code for operation in OPERATIONS for code in operation.problems}

    assert named <= set(PROBLEMS)


def test_a_closed_route_tells_of_sign_in_and_an_open_one_does_not() -> None:
    told = {operation.path: 401 in problems_of(operation) for operation in OPERATIONS}

    assert [path for path, of_sign_in in told.items() if not of_sign_in] == ["/health"]


@pytest.mark.parametrize(
    ("place", "names"),
    [
        (("User", "status"), Status),
        (("User", "lastKnownStatus"), Status),
        (("Change", "kind"), ChangeKind),
        (("Change", "toStatus"), Status),
        (("Scan", "state"), ScanState),
        (("Health", "status"), HealthStatus),
    ],
)
def test_names_come_from_the_domain(place: tuple[str, str], names: type[StrEnum]) -> None:
    assert SHAPES[place[0]]["properties"][place[1]]["enum"] == [*names]
    assert SHAPES["User"]["properties"]["findings"]["items"]["enum"] == [*Finding]


# What each route reads from its query; a route that is not here reads nothing.
QUERIES: dict[str, type[Query]] = {
    "GetUserBookings": BookingsQuery,
    "ListUsers": UsersQuery,
    "ListChanges": ChangesQuery,
    "ListScans": ScansQuery,
    "GetScan": ScanQuery,
}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.operation_id)
def test_the_parameters_are_those_that_the_route_reads(operation: Operation) -> None:
    fields = QUERIES.get(operation.operation_id, NoQuery).model_fields
    described = {parameter.name: parameter.schema for parameter in operation.parameters if parameter.place == "query"}
    defaults = {name: schema["default"] for name, schema in described.items() if "default" in schema}

    assert list(described) == [field.alias or name for name, field in fields.items()]
    assert defaults == {
        field.alias or name: field.default if field.default is not None else 100
        for name, field in fields.items()
        if field.default is not None or name == "limit"
    }


def test_a_list_may_be_asked_for_every_status_of_a_row() -> None:
    assert STORED_STATUSES == READ_FROM_ROWS


def a_row() -> UserRow:
    """A row of which only what is always known is known."""
    return UserRow(USER, Status.UNKNOWN, NOW, "throttled")


def test_what_is_told_of_a_user_of_whom_nothing_is_known_is_described() -> None:
    assert_is_described(SHAPES["User"], user_shape(a_row()), "a user")


def test_what_is_told_of_a_user_of_whom_much_is_known_is_described() -> None:
    row = replace(
        a_row(),
        status=Status.PUBLISHED,
        reason=None,
        url="https://outlook.office.com/bookwithme/user/efe6719b094f45a89d4c2a6b2b950fc4@contoso.com",
        meeting_types=(MeetingType("a", "Coffee", None, None, "https://outlook.office.com/x"),),
        findings=(Finding.NOTHING_BOOKABLE,),
        bookable=False,
        last_known_status=Status.PUBLISHED,
        last_known_at=NOW,
        changed_at=NOW,
        scan_id="scan-20261121T083000000-a0acee44",
    )

    assert_is_described(SHAPES["User"], user_shape(row), "a user")


@pytest.mark.parametrize("by_status", [None, {"published": 2, "gone": 1}])
def test_what_is_told_of_a_scan_is_described(by_status: dict[str, int] | None) -> None:
    scan = Scan("scan-20261121T083000000-a0acee44", ScanState.RUNNING, "http", NOW, by_status=by_status)

    assert_is_described(SHAPES["Scan"], scan_shape(scan), "a scan")


@pytest.mark.parametrize("state", [None, ScanState.COMPLETED])
def test_what_is_told_of_the_health_is_described(state: ScanState | None) -> None:
    well = Check(ok=True, detail="answers")
    last = state and Scan("scan-20261121T083000000-a0acee44", state, "timer", NOW, finished_at=NOW)
    health = Health(HealthStatus.DEGRADED, well, well, Check(ok=None, detail="not asked"), well, well, last, NOW)

    assert_is_described(SHAPES["Health"], health_shape(health, NOW), "the health")


PROBLEM = {
    "type": "about:blank",
    "title": "Bad Request",
    "status": 400,
    "detail": "limit: should be a whole number",
    "instance": "/api/scans",
    "code": "invalidParameter",
}
LIST = {"value": [], "continuation": None, "nextLink": None}
PROBLEM_HEADERS = {"Content-Type": "application/problem+json"}


@pytest.mark.parametrize(
    ("method", "path", "response"),
    [
        ("GET", "/api/scans", httpx.Response(200, json=LIST)),
        ("GET", "/api/scans", httpx.Response(400, json=PROBLEM, headers=PROBLEM_HEADERS)),
        (
            "GET",
            "/api/users",
            httpx.Response(200, text="UserId\r\n", headers={"Content-Type": "text/csv; charset=utf-8"}),
        ),
        ("GET", "/api/n", httpx.Response(404, json={"code": "routeNotFound"}, headers=PROBLEM_HEADERS)),
        ("PUT", "/api/scans", httpx.Response(405, json={"code": "methodNotAllowed"}, headers=PROBLEM_HEADERS)),
    ],
)
def test_an_answer_that_is_described_passes(method: str, path: str, response: httpx.Response) -> None:
    assert_answer_is_described(method, path, response)


@pytest.mark.parametrize(
    ("method", "path", "response"),
    [
        ("GET", "/api/scans", httpx.Response(200, json={**LIST, "more": 1})),
        ("GET", "/api/scans", httpx.Response(200, json={"value": []})),
        ("GET", "/api/scans", httpx.Response(200, json={**LIST, "value": None})),
        ("GET", "/api/scans", httpx.Response(200, text="[]", headers={"Content-Type": "text/csv"})),
        ("GET", "/api/scans", httpx.Response(202, json=LIST)),
        ("GET", "/api/scans", httpx.Response(500, json={**PROBLEM, "status": 500}, headers=PROBLEM_HEADERS)),
        ("GET", "/api/scans", httpx.Response(400, json={**PROBLEM, "code": "x"}, headers=PROBLEM_HEADERS)),
        ("GET", "/api/scans", httpx.Response(400, json={**PROBLEM, "status": 404}, headers=PROBLEM_HEADERS)),
        ("GET", "/api/scans", httpx.Response(400, json=PROBLEM)),
        ("POST", "/api/scans", httpx.Response(202, json=scan_shape(Scan("s", ScanState.PENDING, "http", NOW)))),
        ("GET", "/api/n", httpx.Response(404, text="not found")),
        ("PUT", "/api/scans", httpx.Response(404, json={"code": "routeNotFound"}, headers=PROBLEM_HEADERS)),
    ],
)
def test_an_answer_that_is_not_described_does_not_pass(method: str, path: str, response: httpx.Response) -> None:
    with pytest.raises(AssertionError):
        assert_answer_is_described(method, path, response)
