"""Exchange Online's InvokeCommand: permissions, cmdlets, pages, batches, errors (docs/microsoft-365.md, section 3)."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from local.simulator import exchange_rows as rows
from local.simulator.endpoint import faulty
from local.simulator.exchange_shared_pages import ExchangeSharedPages
from local.simulator.faults import Fault
from local.simulator.http_messages import CaseInsensitiveHeaders, Request, Response
from local.simulator.principals import EXCHANGE
from local.simulator.state import SimulatorState
from local.simulator.tokens import Tokens
from local.simulator.users import SimulatedUser

_PATH = re.compile(r"/adminapi/beta/([^/]+)/InvokeCommand", re.IGNORECASE)
_CREATED = re.compile(r"WhenCreatedUTC -ge '([^']+)' -and WhenCreatedUTC -lt '([^']+)'")
_BATCH_PATH = re.compile(r"/adminapi/beta/([^/]+)/\$batch", re.IGNORECASE)
_MAX_PARTS = 10
_PAGE_SIZE = re.compile(r"odata\.maxpagesize=(\d+)", re.IGNORECASE)
_READING_ROLES = frozenset(
    {"Global Reader", "Exchange Administrator", "Global Administrator", "View-Only Organization Management"}
)
_CMDLETS_OF_ROLES = {
    "View-Only Recipients": {
        "get-mailbox",
        "get-casmailbox",
        "get-mailboxpermission",
        "get-recipientpermission",
        "get-recipient",
    },
    "View-Only Configuration": {"get-organizationconfig", "get-owamailboxpolicy"},
}
"""What other roles may read."""
_USUAL_RESULT_SIZE = 1000
_TRUNCATED = (
    "There are more results available than are currently displayed. "
    "To view them, increase the value for the ResultSize parameter."
)
_EXPIRED = "Expired or Invalid pagination request. Default Expiry time is 00:30:00"
_NOT_FOUND = "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException"


class Exchange:
    """The Exchange administration service."""

    name = "exchange"

    def __init__(self, state: SimulatorState, tokens: Tokens) -> None:
        self._state = state
        self._tokens = tokens
        self._shared_pages = ExchangeSharedPages(state)

    def operation_of(self, request: Request) -> str:
        """Name of the cmdlet, and `.next` for a page after the first; batch for several cmdlets."""
        if _BATCH_PATH.fullmatch(request.path):
            return "batch"
        cmdlet, _ = _command(request)
        return f"{cmdlet or 'other'}.next" if "$skiptoken" in request.query else cmdlet or "other"

    def is_write(self, request: Request) -> bool:
        """Cmdlets that get and search only read."""
        if self.operation_of(request) == "batch":
            return any(self.is_write(part) for _, part in self._parts_of(request))
        cmdlet, _ = _command(request)
        if request.method == "POST" and cmdlet:
            return not cmdlet.lower().startswith(("get-", "search-", "test-"))
        return request.method in {"PUT", "PATCH", "DELETE"}

    def reject_write(self, request: Request) -> Response:
        """A cmdlet that is not in the role."""
        del request
        return _forbidden()

    def respond_with_fault(self, fault: Fault, request: Request) -> Response:
        """A fault in Exchange's format."""
        del request
        if fault.status == 403:
            return _forbidden()
        if fault.error == "expiredPage":
            return self._problem("System.Exception", _EXPIRED)
        if fault.status == 400:
            return self._problem(f"Microsoft.Exchange.Data.Directory.{fault.error}", f"{fault.error}: try again later.")
        return Response(fault.status, b"" if fault.status >= 500 else {"error": {"code": "TooManyRequests"}})

    def respond(self, request: Request) -> Response:
        """Run a cmdlet, or several, if the caller may."""
        if self.operation_of(request) == "batch":
            return self._batch(request)
        return self._rejection(request) or self._run(request).with_headers({"request-id": self._state.request_id()})

    def _rejection(self, request: Request) -> Response | None:
        tenant = self._state.tenant
        authorization = request.headers.get("Authorization")
        caller = self._tokens.caller(authorization, EXCHANGE, tenant.tenant_id, self._state.clock())
        if caller is None or "Exchange.ManageAsApp" not in caller.roles:
            return Response(401, b"", {"WWW-Authenticate": f'Bearer client_id="{next(iter(EXCHANGE))}"'})
        cmdlet, _ = _command(request)
        if (cmdlet or "").lower() == "search-unifiedauditlog":
            return None if self._state.behaviour.exchange.audit_search else _forbidden()
        role = self._state.behaviour.exchange.role
        if role not in _READING_ROLES and (cmdlet or "").lower() not in _CMDLETS_OF_ROLES.get(role or "", ()):
            return _forbidden()
        matched = _PATH.fullmatch(request.path)
        if matched is None or matched[1].lower() not in {tenant.tenant_id, tenant.initial_domain}:
            return Response(404, b"")
        return None if request.method == "POST" else Response(405, b"")

    def _run(self, request: Request) -> Response:
        cmdlet, parameters = _command(request)
        if cmdlet is None or parameters is None:
            return self._problem("System.ArgumentException", "CmdletInput with CmdletName and Parameters is needed.")
        organization = self._state.behaviour.organization
        match cmdlet.lower():
            case "get-mailbox":
                return self._mailboxes(request, parameters, rows.mailbox_row)
            case "get-casmailbox":
                return self._mailboxes(request, parameters, rows.cas_row)
            case "get-organizationconfig":
                with_app_ids = bool(parameters.get("RetrieveEwsOperationAccessPolicy"))
                row = rows.organization_row(organization, with_app_ids=with_app_ids)
                return self._collection(request, [row], [], None)
            case "get-owamailboxpolicy":
                return self._collection(request, list(rows.OWA_POLICIES), [], None)
            case "get-mailboxpermission" | "get-recipientpermission" | "get-recipient" | "search-unifiedauditlog":
                return self._respond_about_shared_pages(request, cmdlet.lower(), parameters)
            case _:
                name = "System.Management.Automation.CommandNotFoundException"
                return self._problem(name, f"The term '{cmdlet}' is not recognized as the name of a cmdlet.")

    def _respond_about_shared_pages(self, request: Request, cmdlet: str, parameters: dict[str, Any]) -> Response:
        """Cmdlets that concern shared pages."""
        identity = str(parameters.get("Identity", ""))
        if cmdlet == "search-unifiedauditlog":
            found = self._shared_pages.audit_records(parameters)
        elif cmdlet == "get-recipient":
            recipient = self._shared_pages.recipient(identity)
            found = [recipient] if recipient else None
        elif cmdlet == "get-mailboxpermission":
            found = self._shared_pages.mailbox_permissions(identity)
        else:
            found = self._shared_pages.recipient_permissions(identity)
        return self._not_found(identity) if found is None else self._collection(request, found, [], None)

    def _batch(self, request: Request) -> Response:
        parts = self._parts_of(request)
        if not parts or len(parts) > _MAX_PARTS or len({key for key, _ in parts}) < len(parts):
            return self._problem("System.ArgumentException", "The batch is not valid.")
        responses = [self._respond_to_part(key, part) for key, part in parts]
        self._state.faults.shuffle(responses)
        return Response(200, {"responses": responses})

    def _respond_to_part(self, key: str, part: Request) -> dict[str, Any]:
        operation = f"part.{self.operation_of(part)}"
        self._state.metrics.of(self.name).by_operation[operation] += 1
        fault = self._state.faults.next_for(f"{self.name}.{operation}")
        response = faulty(self, fault, part) if fault else self.respond(part)
        body = response.body if isinstance(response.body, dict) else None
        return {"id": key, "status": response.status, "headers": dict(response.headers), "body": body}

    def _parts_of(self, request: Request) -> list[tuple[str, Request]]:
        document = request.json()
        parts = document.get("requests") if isinstance(document, dict) else None
        authorization = {"Authorization": request.headers.get("Authorization", "")}
        return [
            (
                str(part.get("id")),
                Request(
                    str(part.get("method", "GET")),
                    str(part.get("url", "")).removeprefix(self._state.urls["exchange"]),
                    CaseInsensitiveHeaders({**part.get("headers", {}), **authorization}),
                    json.dumps(part.get("body")).encode(),
                ),
            )
            for part in parts or []
            if isinstance(part, dict)
        ]

    def _not_found(self, identity: str) -> Response:
        message = f"The operation couldn't be performed because object '{identity}' couldn't be found on 'SIM.PROD'."
        return self._problem(_NOT_FOUND, message)

    def _mailboxes(self, request: Request, parameters: dict[str, Any], to_row: Any) -> Response:
        if "Identity" in parameters:
            return self._one(request, str(parameters["Identity"]), to_row)
        anchor = request.headers.get("X-AnchorMailbox", "")
        fingerprint = hashlib.blake2b(request.body + anchor.lower().encode(), digest_size=8).hexdigest()
        start = self._start(request.query.get("$skiptoken"), anchor, fingerprint)
        if start is None:
            return self._problem("System.Exception", _EXPIRED)
        return self._page(request, parameters, to_row, fingerprint, *start)

    def _start(self, token: str | None, anchor: str, fingerprint: str) -> tuple[int, int] | None:
        """Place, and number of rows already sent; None if the page cannot be continued this way."""
        if token is None:
            return 0, 0
        try:
            place, given, issued_at, first_fingerprint = json.loads(base64.urlsafe_b64decode(token))
        except (ValueError, TypeError, binascii.Error):
            return None
        age_seconds = self._state.clock() - issued_at
        is_same = bool(anchor) and first_fingerprint == fingerprint
        return (
            (place, given) if is_same and age_seconds < self._state.behaviour.exchange.page_lifetime_seconds else None
        )

    def _page(  # the parts of a page in the order they are needed
        self, request: Request, parameters: dict[str, Any], to_row: Any, fingerprint: str, place: int, given: int
    ) -> Response:
        exchange = self._state.behaviour.exchange
        limit = _result_size(parameters)
        matches = _filter_of(parameters)
        if limit is None or matches is None:
            return self._problem("System.Management.Automation.ParameterBindingException", "A parameter is not valid.")
        preference = _PAGE_SIZE.search(request.headers.get("Prefer", ""))
        size = min(int(preference[1]) if preference else exchange.max_page_size, exchange.max_page_size, limit - given)
        if parameters.get("RecipientTypeDetails") == ["SchedulingMailbox"]:
            return self._shared_mailboxes(request, size, place, fingerprint)
        users, after = _take(self._matching_rows(parameters, to_row, matches, place), size, place)
        is_last = after is None
        is_cut = not is_last and given + len(users) >= limit
        warnings = [*(exchange.warnings if given == 0 else ()), *([_TRUNCATED] if is_cut else [])]
        token = None if is_last or is_cut else [after, given + len(users), self._state.clock(), fingerprint]
        return self._collection(request, [to_row(user, in_listing=True) for user in users], warnings, token)

    def _shared_mailboxes(self, request: Request, size: int, place: int, fingerprint: str) -> Response:
        listed = self._shared_pages.mailboxes()
        after = place + size
        token = [after, after, self._state.clock(), fingerprint] if len(listed) > after else None
        return self._collection(request, listed[place:after], [], token)

    def _matching_rows(
        self, parameters: dict[str, Any], to_row: Any, matches: Callable[[SimulatedUser], bool], place: int
    ) -> Iterator[tuple[int, SimulatedUser]]:
        kinds = parameters.get("RecipientTypeDetails")
        wanted = {kinds} if isinstance(kinds, str) else set(kinds or ())
        for after, user in self._state.tenant.in_exchange(place):
            is_wanted = not wanted or user.recipient_type in wanted
            has_row = to_row is rows.mailbox_row or user.has_mailbox
            if is_wanted and has_row and matches(user):
                yield after, user

    def _one(self, request: Request, identity: str, to_row: Any) -> Response:
        tenant = self._state.tenant
        user = tenant.by_address(identity) or tenant.by_object_id(identity) or tenant.by_mailbox(identity)
        if user is None or not user.in_exchange:
            shared = self._shared_pages.mailbox(identity)
            return self._collection(request, [shared], [], None) if shared else self._not_found(identity)
        return self._collection(request, [to_row(user, in_listing=False)], [], None)

    def _collection(self, request: Request, found: list[dict[str, Any]], warnings: list[str], token: Any) -> Response:
        tenant_id = self._state.tenant.tenant_id
        select = [name for name in request.query.get("$select", "").split(",") if name]
        metadata = f"https://outlook.office.com/adminapi/beta/{tenant_id}/$metadata"
        body: dict[str, Any] = {
            "@odata.context": f"{metadata}#Collection(Exchange.GenericHashTable)",
            "adminapi.warnings@odata.type": "#Collection(String)",
            "@adminapi.warnings": warnings,
        }
        if token is not None:
            body["@odata.nextLink"] = self._next_link(request, token)
        body["value"] = [
            rows.on_the_wire(row, select, leaves_nulls_out=number % 2 == 0) for number, row in enumerate(found)
        ]
        kind = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
        return Response(200, body, {"Content-Type": kind, "Preference-Applied": request.headers.get("Prefer", "")})

    def _next_link(self, request: Request, token: Any) -> str:
        kept = [part for part in request.raw_query.split("&") if part and "skiptoken" not in part.lower()]
        opaque = base64.urlsafe_b64encode(json.dumps(token).encode()).decode()
        path = f"/adminapi/beta/{self._state.tenant.tenant_id}/InvokeCommand"
        return f"{self._state.urls['exchange']}{path}?{'&'.join([*kept, f'$skiptoken={opaque}'])}"

    def _problem(self, kind: str, message: str) -> Response:
        """400 in Exchange's format, whose outer message is always the same."""
        inner = {"message": message, "type": "System.Exception", "stacktrace": "   at Microsoft.Exchange.Admin"}
        outer = "Microsoft.Exchange.Admin.OData.Core.ODataServiceException"
        error = {
            "code": "BadRequest",
            "message": "Invalid Operation",
            "details": [{"code": "Context", "target": "", "message": f"Ex6F9304|{kind}|{message}"}],
            "innererror": {"message": "Invalid Operation", "type": outer, "internalexception": inner},
        }
        return Response(400, {"error": error})


def _forbidden() -> Response:
    """403: the body is a run of NUL bytes."""
    return Response(403, bytes(64), {"Content-Type": "application/json"})


def _command(request: Request) -> tuple[str | None, dict[str, Any] | None]:
    """Name and parameters of the cmdlet; None for what is not valid."""
    body = request.json()
    command = body.get("CmdletInput") if isinstance(body, dict) else None
    if not isinstance(command, dict) or not isinstance(command.get("CmdletName"), str):
        return None, None
    parameters = command.get("Parameters")
    return command["CmdletName"], parameters if isinstance(parameters, dict) else None


def _result_size(parameters: dict[str, Any]) -> int | None:
    size = parameters.get("ResultSize", _USUAL_RESULT_SIZE)
    if str(size).lower() == "unlimited":
        return 1 << 40
    return int(size) if str(size).isdecimal() and int(size) > 0 else None


def _filter_of(parameters: dict[str, Any]) -> Callable[[SimulatedUser], bool] | None:
    """Whether a mailbox matches the filter; None for a filter that is not simulated."""
    text = str(parameters.get("Filter", ""))
    if not text:
        return lambda _: True
    if text == f"PersistedCapabilities -eq '{rows.CAPABILITY}'":
        return lambda user: user.has_capability
    if matched := _CREATED.fullmatch(text):
        start, end = (datetime.strptime(found, "%m/%d/%Y %H:%M:%S").replace(tzinfo=UTC) for found in matched.groups())
        return lambda user: start <= rows.created_at(user) < end
    return None


def _take(places: Iterator[tuple[int, SimulatedUser]], size: int, place: int) -> tuple[list[SimulatedUser], int | None]:
    """At most `size` users and the place after them, or None at the end."""
    users: list[SimulatedUser] = []
    for after, user in places:
        if len(users) == size:
            return users, place
        users.append(user)
        place = after
    return users, None
