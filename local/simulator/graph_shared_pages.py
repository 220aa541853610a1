"""Shared pages, groups and the audit log in Microsoft Graph: docs/microsoft-365.md, sections 2.6, 6.1 and 6.3."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from local.simulator import ids
from local.simulator.graph_responses import problem, unknown_resource
from local.simulator.graph_users import PROPERTIES
from local.simulator.http_messages import Request, Response
from local.simulator.shared_pages import LARGE_GROUP_MEMBERS, SharedPage, SharedPageKind, SimulatedGroup, was_audited
from local.simulator.state import SimulatorState

_OPERATION = "New-SchedulingMailbox"
_DEFAULT_TOP = 100


class GraphSharedPages:
    """Responds about shared pages, and about what is needed to explain them."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state
        self._queries: dict[str, tuple[datetime, datetime]] = {}
        self._polls: dict[str, int] = {}
        self._query_numbers = itertools.count()
        self._key = ids.key_of(state.plan.seed, "audit queries")

    def operation_of(self, parts: Sequence[str]) -> str | None:
        """businesses, business, group, members or audit; None for any other path."""
        match parts:
            case ["solutions", "bookingBusinesses"]:
                return "businesses"
            case ["solutions", "bookingBusinesses", *_]:
                return "business"
            case ["groups", _]:
                return "group"
            case ["groups", _, "transitiveMembers", *_]:
                return "members"
            case ["security", "auditLog", "queries", *_]:
                return "audit"
            case _:
                return None

    def respond(self, request: Request, parts: Sequence[str]) -> Response:
        """The response to one of these operations."""
        match parts:
            case ["solutions", "bookingBusinesses"]:
                return self._list()
            case ["solutions", "bookingBusinesses", key, *rest]:
                return self._one(key, *rest[:1])
            case ["groups", key]:
                return self._group(key)
            case ["groups", key, _, *cast]:
                return self._members(request, key, is_cast=bool(cast))
            case _:
                return self._audit(request, parts[3:])

    def _audit(self, request: Request, rest: Sequence[str]) -> Response:
        version = request.path.strip("/").partition("/")[0]
        match rest:
            case [] if request.method == "POST":
                return self._start_query(request, version)
            case []:
                return self._list_queries(version)
            case [query_id]:
                return self._query(query_id)
            case [query_id, "records"]:
                return self._records(request, version, query_id)
            case _:
                return problem(self._state, 400, "BadRequest", "This request is not simulated.")

    def _list(self) -> Response:
        """GET /solutions/bookingBusinesses: without paging, and cut off at the limit."""
        limit = self._state.behaviour.graph.businesses_limit
        listed = self._state.shared_pages.in_graph()[:limit]
        value: list[Any] = [{"id": page.address, "displayName": page.display_name} for page in listed]
        return Response(200, {"@odata.context": self._context("solutions/bookingBusinesses"), "value": value})

    def _one(self, key: str, part: str | None = None) -> Response:
        """GET /solutions/bookingBusinesses/{id}, or its staffMembers or services."""
        page = self._state.shared_pages.find(key)
        if page is None or not page.in_graph:
            message = "The specified object was not found in the store."
            return problem(self._state, 404, "ErrorItemNotFound", message)
        match part:
            case None:
                return Response(200, _business(page))
            case "staffMembers":
                return Response(200, {"value": _staff(page)})
            case "services":
                return Response(200, {"value": _services(page)})
            case _:
                return problem(self._state, 400, "BadRequest", f"Resource not found for the segment '{part}'.")

    def account(self, user_id: str) -> Mapping[str, Any] | None:
        """The user object in Entra that belongs to a shared page."""
        page = self._state.shared_pages.find(user_id) if "@" not in user_id else None
        if page is None or not page.in_exchange:
            return None
        return {
            "id": page.account_id,
            "userPrincipalName": page.address,
            "displayName": page.display_name,
            "department": None,
            "mail": page.address,
            "accountEnabled": page.account_disabled is False,
            "userType": "Member",
            "assignedPlans": [],
        }

    def _group(self, key: str) -> Response:
        """GET /groups/{id}."""
        group = self._state.shared_pages.group(key)
        if group is None:
            return unknown_resource(self._state, key)
        return Response(200, {"id": group.group_id, "displayName": group.display_name, "mail": group.address})

    def _members(self, request: Request, key: str, *, is_cast: bool) -> Response:
        """GET /groups/{id}/transitiveMembers; with /microsoft.graph.user, which is an advanced query, users only."""
        group = self._state.shared_pages.group(key)
        if group is None:
            return unknown_resource(self._state, key)
        is_eventual = request.headers.get("ConsistencyLevel", "").lower() == "eventual"
        if is_cast and not (is_eventual and request.query.get("$count") == "true"):
            message = "OData cast on this relationship requires ConsistencyLevel and $count."
            return problem(self._state, 400, "Request_UnsupportedQuery", message)
        skip, top = int(request.query.get("$skiptoken", "0")), int(request.query.get("$top", _DEFAULT_TOP))
        members = self._members_of(group)
        body: dict[str, Any] = {"value": members[skip : skip + top]}
        if is_cast:
            body["@odata.count"] = group.member_count
        if len(members) > skip + top:
            body["@odata.nextLink"] = self._next_link(request, skip + top)
        return Response(200, body)

    def _start_query(self, request: Request, version: str) -> Response:
        """POST /security/auditLog/queries."""
        if version not in self._state.behaviour.graph.audit_versions:
            return problem(self._state, 404, "UnknownError", "")
        body = request.json()
        try:
            period = tuple(datetime.fromisoformat(body[name]) for name in ("filterStartDateTime", "filterEndDateTime"))
        except (KeyError, TypeError, ValueError):
            return problem(self._state, 400, "BadRequest", "The period is not valid.")
        if body.get("recordTypeFilters") != ["exchangeAdmin"] or body.get("operationFilters") != [_OPERATION]:
            return problem(self._state, 400, "BadRequest", "This query is not simulated.")
        query_id = ids.guid_of(self._key, next(self._query_numbers))
        self._queries[query_id] = (period[0], period[1])
        return Response(201, {"id": query_id, "status": "notStarted", "displayName": body.get("displayName")})

    def _list_queries(self, version: str) -> Response:
        """GET /security/auditLog/queries."""
        if version not in self._state.behaviour.graph.audit_versions:
            return problem(self._state, 404, "UnknownError", "")
        return Response(200, {"value": [{"id": query_id} for query_id in self._queries]})

    def _query(self, query_id: str) -> Response:
        """GET /security/auditLog/queries/{id}: it takes a while."""
        if query_id not in self._queries:
            return unknown_resource(self._state, query_id)
        polls = self._polls[query_id] = self._polls.get(query_id, 0) + 1
        status = "succeeded" if polls > self._state.behaviour.graph.audit_polls else "running"
        return Response(200, {"id": query_id, "status": status})

    def _records(self, request: Request, version: str, query_id: str) -> Response:
        """GET /security/auditLog/queries/{id}/records, with pages."""
        if query_id not in self._queries:
            return unknown_resource(self._state, query_id)
        start, end = self._queries[query_id]
        found = [page for page in self._audited_pages() if start <= page.created_at <= end]
        skip, top = int(request.query.get("$skiptoken", "0")), int(request.query.get("$top", _DEFAULT_TOP))
        body: dict[str, Any] = {"value": [_record(page) for page in found[skip : skip + top]]}
        if len(found) > skip + top:
            base = f"{self._state.urls['graph']}/{version}/security/auditLog/queries/{query_id}/records"
            body["@odata.nextLink"] = f"{base}?$top={top}&$skiptoken={skip + top}"
        return Response(200, body)

    def _audited_pages(self) -> list[SharedPage]:
        now = datetime.fromtimestamp(self._state.clock(), UTC)
        return [page for page in self._state.shared_pages.in_exchange() if was_audited(page, now)]

    def _members_of(self, group: SimulatedGroup) -> list[dict[str, Any]]:
        if group.member_count == LARGE_GROUP_MEMBERS:
            return [{"id": ids.guid_of(self._key, number, 1)} for number in range(LARGE_GROUP_MEMBERS)]
        users = (self._state.tenant.user(index) for index in group.members)
        return [
            {
                "id": user.object_id,
                "userPrincipalName": user.upn,
                "displayName": user.display_name,
                "accountEnabled": user.account_enabled,
                "assignedPlans": PROPERTIES["assignedPlans"](user),
            }
            for user in users
            if user
        ]

    def _next_link(self, request: Request, skip: int) -> str:
        kept = [part for part in request.raw_query.split("&") if part and "skiptoken" not in part.lower()]
        return f"{self._state.urls['graph']}{request.path}?{'&'.join([*kept, f'$skiptoken={skip}'])}"

    def _context(self, path: str) -> str:
        return f"https://graph.microsoft.com/v1.0/$metadata#{path}"


def _business(page: SharedPage) -> dict[str, Any]:
    return {
        "id": page.address,
        "displayName": page.display_name,
        "businessType": "",
        "email": page.address,
        "languageTag": "de-CH",
        "isPublished": page.published,
        "publicUrl": f"https://outlook.office365.com/owa/calendar/{page.address}/bookings/",
        "schedulingPolicy": {"timeSlotInterval": "PT30M", "minimumLeadTime": "P1D", "maximumAdvance": "P365D"},
    }


def _staff(page: SharedPage) -> list[Any]:
    members: list[Any] = [
        {
            "@odata.type": "#microsoft.graph.bookingStaffMember",
            "id": f"{page.index}-{number}",
            "displayName": name,
            "emailAddress": address,
            "role": role,
        }
        for number, (name, address, role) in enumerate(page.staff)
    ]
    return [*members, {"displayName": 7}] if page.kind is SharedPageKind.MALFORMED else members


def _services(page: SharedPage) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{page.index}-{number}",
            "displayName": title,
            "defaultDuration": f"PT{minutes}M",
            "isHiddenFromCustomers": is_hidden,
        }
        for number, (title, minutes, is_hidden) in enumerate(page.services)
    ]


def _record(page: SharedPage) -> dict[str, Any]:
    """As Graph writes it: names in PascalCase, details of a generic type."""
    return {
        "id": f"record-{page.index}",
        "createdDateTime": page.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "auditLogRecordType": "ExchangeAdmin",
        "operation": _OPERATION,
        "service": "Exchange",
        "userId": page.created_by,
        "userPrincipalName": page.created_by,
        "objectId": page.display_name,
        "auditData": audit_details(page),
    }


def audit_details(page: SharedPage) -> dict[str, Any]:
    """The details of the creation of a page; the time has no zone."""
    return {
        "CreationTime": page.created_at.strftime("%Y-%m-%dT%H:%M:%S"),
        "Id": f"record-{page.index}",
        "Operation": _OPERATION,
        "RecordType": 1,
        "UserId": page.created_by,
        "ObjectId": page.display_name,
        "Parameters": [{"Name": "Name", "Value": page.display_name}],
    }
