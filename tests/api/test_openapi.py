"""The description covers every route of the app, and its objects have the members that clients rely on."""

import runpy
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from api.models.problems import INTERNAL_ERROR, PROBLEMS
from api.models.scans import Scan
from api.openapi.document import all_definitions, swagger_document
from api.openapi.operations import OPERATIONS, problems_of
from atlas.domain.scans import Scan as StoredScan
from atlas.domain.scans import ScanState
from tests.openapi_responses import assert_response_is_described

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)

# The members that clients rely on, in their order.
CONTRACT = {
    "User": "userId, userPrincipalName, displayName, department, accountEnabled, userType, recipientType, "
    "primarySmtpAddress, mailboxGuid, status, reason, url, anonymousUrl, meetingTypes, bookable, policyVerdict, "
    "policyReason, findings, lastKnownStatus, lastKnownAt, checkedAt, changedAt, scanId",
    "MeetingType": "id, title, durationMinutes, isOnline, url",
    "Lookup/availability": "from, to, timeZone, meetingType, items, free",
    "AvailabilityItem": "status, start, end",
    "FreeTime": "start, end",
    "AvailabilityLookup": "userId, userPrincipalName, status, url, availability, availabilityProblem",
    "Lookup/availabilityProblem": "code, detail",
    "UserList": "value, continuation, nextLink",
    "ScanList": "value, continuation, nextLink, cursor",
    "Change": "cursor, at, kind, userId, userPrincipalName, displayName, department, primarySmtpAddress, fromStatus, "
    "toStatus, url, anonymousUrl, previousUrl, scanId",
    "ChangeList": "value, continuation, nextLink, cursor",
    "Scan": "id, state, trigger, startedAt, finishedAt, usersListed, usersProbed, byStatus, throttledWaits, "
    "estimatedEnd, warnings, error",
    "Health": "status, checks, lastScan",
    "Health/checks": "signIn, graph, exchange, bookings, tables",
    "Health/checks/graph": "ok, detail",
    "Health/lastScan": "id, state, finishedAt, ageSeconds",
    "Policy": "verdict, reason, setting, value, fix, ewsAllowedAppIds, bookings, owaPolicies, cis139, openQuestions, "
    "checkedAt",
    "Adoption": "scanId, countedAt, total, domains, otherDomains, departments, otherDepartments",
    "Adoption/total": "licensed, hasPage, offersMeetings, onlyDefaultTypes",
    "GroupCounted": "licensed, hasPage, offersMeetings, onlyDefaultTypes, name",
    "OwaPolicy": "identity, isDefault, bookingsMailboxCreationEnabled, bookingsMailboxDomain",
    "ProblemDocument": "type, title, status, detail, instance, code, errors",
    "ProblemError": "field, detail",
}
CONTRACT |= {
    "SharedPage": "id, displayName, accountId, accountEnabled, hiddenFromAddressLists, createdAt, createdBy, "
    "creatorProblem, published, publicUrl, staffCount, serviceCount, knownTo, holders, findings, state, checkedAt, "
    "changedAt, scanId",
    "Holder": "kind, userId, userPrincipalName, displayName, access, viaGroup, enabled, licensed, memberCount",
    "Staff": "displayName, emailAddress, role",
    "Service": "id, title, durationMinutes, hidden",
    "SharedPageFinding": "name, severity, evidence, fix",
    "SharedPageList": "value, continuation, nextLink",
    "UserSharedPage": "id, displayName, publicUrl, published, access, viaGroup, role",
    "UserSharedPageList": "value, continuation, nextLink",
    "SharedPageChange": "cursor, at, kind, pageId, displayName, publicUrl, userPrincipalName, access, scanId",
    "SharedPageChangeList": "value, continuation, nextLink, cursor",
}
CONTRACT["SharedPageDetails"] = f"{CONTRACT['SharedPage']}, staff, services, findingDetails"
CONTRACT["Lookup"] = f"{CONTRACT['User']}, fix, source, availability, availabilityProblem"

# The codes that clients rely on, by status.
CODES = {
    400: "invalidParameter, invalidCursor, invalidContinuation",
    401: "unauthenticated",
    403: "forbidden, excluded",
    404: "userNotFound, scanNotFound, sharedPageNotFound, routeNotFound",
    405: "methodNotAllowed",
    409: "scanNotRunning",
    429: "tooManyRequests",
    502: "upstreamRefused, upstreamNotUnderstood",
    503: "upstreamThrottled, upstreamUnavailable, notConfigured",
}
OPTIONAL = {"errors"}


def schema_of(place: str) -> dict[str, Any]:
    """A definition, or an object in one."""
    name, *path = place.split("/")
    schema = all_definitions()[name]
    for member in path:
        schema = schema["properties"][member]
    return schema


@cache
def routes() -> set[tuple[str, str]]:
    """Method and path of every route that the app registers, except the one behind all others."""
    app = runpy.run_path(str(ROOT / "function_app.py"))["app"]  # a new one: an app returns its functions only once
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


def test_every_route_is_described_and_no_other() -> None:
    assert {(operation.method, operation.path) for operation in OPERATIONS} == routes()


@pytest.mark.parametrize("place", CONTRACT)
def test_an_object_has_the_members_of_the_contract(place: str) -> None:
    described = schema_of(place)

    assert list(described["properties"]) == CONTRACT[place].split(", ")
    assert set(described["required"]) == set(described["properties"]) - OPTIONAL


def test_every_definition_is_in_the_contract() -> None:
    assert all_definitions().keys() <= CONTRACT.keys()


def test_the_codes_are_those_of_the_contract() -> None:
    known = {code: int(status) for code, (status, _) in PROBLEMS.items() if code != INTERNAL_ERROR}

    assert known == {code: status for status, codes in CODES.items() for code in codes.split(", ")}


def test_operations_name_known_codes() -> None:
    assert {code for operation in OPERATIONS for code in operation.problems} <= PROBLEMS.keys()


def test_only_the_report_and_health_need_no_sign_in() -> None:
    assert [operation.path for operation in OPERATIONS if 401 not in problems_of(operation)] == ["/report", "/health"]


PROBLEM = {
    "type": "about:blank",
    "title": "Bad Request",
    "status": 400,
    "detail": "limit: must be a whole number",
    "instance": "/api/scans",
    "code": "invalidParameter",
}
LIST = {"value": [], "continuation": None, "nextLink": None, "cursor": "MDE3OTUyNTAxMzIxNjA"}
PROBLEM_HEADERS = {"Content-Type": "application/problem+json"}
PENDING_SCAN = Scan.of(StoredScan("s", ScanState.PENDING, "http", NOW)).model_dump(mode="json", by_alias=True)


@pytest.mark.parametrize(
    ("method", "path", "response"),
    [
        ("GET", "/api/scans", httpx.Response(200, json=LIST)),
        ("GET", "/api/scans", httpx.Response(200, json={**LIST, "value": [PENDING_SCAN]})),
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
def test_a_described_response_passes_the_check(method: str, path: str, response: httpx.Response) -> None:
    assert_response_is_described(method, path, response)


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
        ("POST", "/api/scans", httpx.Response(202, json=PENDING_SCAN)),
        ("GET", "/api/n", httpx.Response(404, text="not found")),
        ("PUT", "/api/scans", httpx.Response(404, json={"code": "routeNotFound"}, headers=PROBLEM_HEADERS)),
    ],
)
def test_an_undescribed_response_fails_the_check(method: str, path: str, response: httpx.Response) -> None:
    with pytest.raises(AssertionError):
        assert_response_is_described(method, path, response)
