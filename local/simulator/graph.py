"""Microsoft Graph: permissions, routing and JSON batches (docs/microsoft-365.md, section 2)."""

from typing import Any

from local.simulator.endpoint import faulty
from local.simulator.faults import Fault
from local.simulator.graph_responses import problem
from local.simulator.graph_shared_pages import GraphSharedPages
from local.simulator.graph_users import GraphUsers
from local.simulator.http_messages import CaseInsensitiveHeaders, Request, Response
from local.simulator.principals import GRAPH
from local.simulator.state import SimulatorState
from local.simulator.tokens import Tokens
from local.simulator.user_kinds import Record

_MAX_PARTS = 20
_MAY_READ_USERS = frozenset({"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"})
_MAY_READ_SHARED_PAGES = frozenset({"Bookings.Read.All", "Bookings.Manage.All", "Bookings.ReadWrite.All"})
_MAY_READ_GROUPS = frozenset({"GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"})
_MAY_READ_AUDIT = frozenset({"AuditLogsQuery-Exchange.Read.All", "AuditLogsQuery.Read.All"})
_ROLES_OF = {
    "businesses": _MAY_READ_SHARED_PAGES,
    "business": _MAY_READ_SHARED_PAGES,
    "group": _MAY_READ_GROUPS,
    "members": _MAY_READ_GROUPS,
    "audit": _MAY_READ_AUDIT,
}
"""What an operation needs; any other needs to read users."""


class Graph:
    """The Graph service."""

    name = "graph"

    def __init__(self, state: SimulatorState, tokens: Tokens) -> None:
        self._state = state
        self._tokens = tokens
        self._users = GraphUsers(state)
        self._shared_pages = GraphSharedPages(state)

    def operation_of(self, request: Request) -> str:
        """users, users.next, count, user, settings, batch, businesses, business, group, members, audit or other."""
        match _parts(request.path):
            case ["users"]:
                return "users.next" if "$skiptoken" in request.query else "users"
            case ["users", "$count"]:
                return "count"
            case ["users", _]:
                return "user"
            case ["users", _, "settings", "exchange"]:
                return "settings"
            case ["$batch"]:
                return "batch"
            case parts:
                return self._shared_pages.operation_of(parts) or "other"

    def is_write(self, request: Request) -> bool:
        """Everything but GET writes, except audit queries, and batches whose parts do not."""
        if request.method == "POST" and self.operation_of(request) == "audit":
            return False
        if request.method == "POST" and self.operation_of(request) == "batch":
            return any(part.get("method", "GET").upper() != "GET" for part in _requests(request))
        return request.method not in {"GET", "HEAD"}

    def reject_write(self, request: Request) -> Response:
        """No caller may write."""
        message = f"Insufficient privileges to complete the operation ({request.method})."
        return problem(self._state, 403, "Authorization_RequestDenied", message)

    def respond_with_fault(self, fault: Fault, request: Request) -> Response:
        """A fault in Graph's format."""
        response = problem(self._state, fault.status, fault.error)
        if fault.status != 429:
            return response
        scope = f"Tenant_Application/ReadWrite/{self._state.tenant.tenant_id}"
        return response.with_headers({"x-ms-throttle-scope": scope, **self._headers(request)})

    def respond(self, request: Request) -> Response:
        """Respond to one request."""
        return (self._rejection(request) or self._respond(request)).with_headers(self._headers(request))

    def _headers(self, request: Request) -> dict[str, str]:
        request_id = self._state.request_id()
        return {
            "request-id": request_id,
            "client-request-id": request.headers.get("client-request-id", request_id),
            "x-ms-ags-diagnostic": '{"ServerInfo":{"DataCenter":"Switzerland North","Slice":"E","Ring":"3"}}',
        }

    def _rejection(self, request: Request) -> Response | None:
        tenant_id, now = self._state.tenant.tenant_id, self._state.clock()
        caller = self._tokens.caller(request.headers.get("Authorization"), GRAPH, tenant_id, now)
        if caller is None:
            return problem(self._state, 401, "InvalidAuthenticationToken", "Access token validation failure.")
        operation = self.operation_of(request)
        if caller.roles & _ROLES_OF.get(operation, _MAY_READ_USERS) or operation == "batch":
            return None
        return self._forbidden(request)

    def _forbidden(self, request: Request) -> Response:
        if self.operation_of(request) == "settings":
            return problem(self._state, 403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        message = "Insufficient privileges to complete the operation."
        return problem(self._state, 403, "Authorization_RequestDenied", message)

    def _respond(self, request: Request) -> Response:
        match _parts(request.path):
            case ["users"]:
                return self._users.list(request)
            case ["users", "$count"]:
                return self._users.count(request)
            case ["users", key]:
                return self._users.one(request, key, self._shared_pages.account(key))
            case ["users", key, "settings", "exchange"]:
                return self._users.exchange_settings(key)
            case ["$batch"] if request.method == "POST":
                return self._batch(request)
            case parts if self._shared_pages.operation_of(parts):
                return self._shared_pages.respond(request, parts)
            case _:
                message = f"Resource not found for the segment '{request.path.rpartition('/')[2]}'."
                return problem(self._state, 400, "BadRequest", message)

    def _batch(self, request: Request) -> Response:
        requests = _requests(request)
        ids = {part.get("id") for part in requests}
        is_whole = all(part.get("id") and part.get("url") for part in requests) and len(ids) == len(requests)
        if not requests or len(requests) > _MAX_PARTS or not is_whole:
            return problem(self._state, 400, "BadRequest", "Invalid batch payload format.")
        parts = [self._part(request, part) for part in requests]
        if self._state.behaviour.graph.shuffle_batches:
            self._state.faults.shuffle(parts)
        return Response(200, {"responses": parts})

    def _part(self, batch: Request, part: dict[str, Any]) -> dict[str, Any]:
        authorization = {"Authorization": batch.headers.get("Authorization", "")}
        headers = CaseInsensitiveHeaders({**part.get("headers", {}), **authorization})
        request = Request("GET", f"/v1.0/{part['url'].lstrip('/')}", headers)
        operation = self.operation_of(request)
        self._state.metrics.of(self.name).by_operation[f"part.{operation}"] += 1
        fault = self._state.faults.next_for(f"{self.name}.part.{operation}")
        response = faulty(self, fault, request) if fault else self._rejection(request) or self._respond(request)
        headers_out = {"Content-Type": "application/json", **response.headers}
        if self._is_malformed(request):
            return {"id": part["id"], "status": "soon"}
        return {"id": part["id"], "status": response.status, "headers": headers_out, "body": response.body}

    def _is_malformed(self, part: Request) -> bool:
        match _parts(part.path):
            case ["users", key, *_]:
                user = self._users.found(key)
                return user is not None and user.record is Record.INVALID_BATCH_PART
            case _:
                return False


def _parts(path: str) -> list[str]:
    """Segments after the version."""
    return path.removeprefix("/v1.0/").removeprefix("/beta/").strip("/").split("/")


def _requests(request: Request) -> list[dict[str, Any]]:
    body = request.json()
    requests = body.get("requests") if isinstance(body, dict) else None
    return [part for part in requests if isinstance(part, dict)] if isinstance(requests, list) else []
