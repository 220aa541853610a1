"""The licence listing, one user and the count of Microsoft Graph: docs/microsoft-365.md, sections 2.1 and 2.5."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from local.simulator.graph_responses import problem, unknown_resource
from local.simulator.http_messages import Request, Response
from local.simulator.state import SimulatorState
from local.simulator.user_kinds import Mailbox, Plan, Record
from local.simulator.users import SimulatedUser

BOOKINGS_PLAN = "199a5c09-e0ca-4e37-8f7c-b05d533e1ea2"
_OTHER_PLANS = (
    ("exchange", "efb87545-963c-4e0d-99df-69c6916d9eb0"),
    ("TeamspaceAPI", "57ff2da0-773e-42df-b2af-ffb7a2317929"),
    ("SharePoint", "5dbe027f-2339-4123-9542-606e4d348a72"),
    ("MicrosoftCommunicationsOnline", "0feaeb32-d00e-4d66-bd5a-43b5b83db82c"),
    ("Sway", "a23b959c-7ce8-4e57-9140-b90eb88a9e97"),
    ("ProjectWorkManagement", "b737dad2-2f6c-4c65-90e3-ca563267e8b9"),
    ("OfficeForms", "2789c901-c14e-48ab-a76a-be334d9d793a"),
    ("MicrosoftStream", "9e700747-8b1d-45e5-ab8d-ef187ceec156"),
    ("MicrosoftOffice", "43de0ff5-c92c-492b-9116-175376d08c38"),
)
_FILTER = re.compile(
    r"assignedPlans/any\((?P<x>\w+):(?P=x)/servicePlanId eq (?P<plan>[0-9a-f-]{36})"
    r"(?: and (?P=x)/capabilityStatus eq '(?P<status>\w+)')?\)",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"startswith\((\w+),'((?:[^']|'')*)'\)")
_PREFIXES = re.compile(rf"{_PREFIX.pattern}(?: or {_PREFIX.pattern})*")
_SEARCHED: dict[str, Callable[[SimulatedUser], str]] = {
    "displayName": lambda user: user.display_name or "",
    "givenName": lambda user: (user.display_name or "").partition(" ")[0],
    "surname": lambda user: (user.display_name or "").rpartition(" ")[2],
    "userPrincipalName": lambda user: user.upn,
    "mail": lambda user: user.mail or "",
}
_MAX = 999
_USUAL = 100
_USUAL_SELECT = ("id", "userPrincipalName", "displayName", "mail")


def _assigned_plans(user: SimulatedUser) -> list[dict[str, str]]:
    since = f"2025-{user.random_bytes[20] % 12 + 1:02}-{user.random_bytes[21] % 28 + 1:02}T08:12:44Z"
    entries = [("Enabled", service, plan) for service, plan in _OTHER_PLANS[: 6 + user.random_bytes[22] % 4]]
    if user.is_licensed and user.random_bytes[23] % 30 == 0:
        entries.append(("Deleted", "exchange", BOOKINGS_PLAN))
    if user.plan not in {Plan.UNINDEXED, Plan.NONE}:
        entries.append((user.plan.value, "exchange", BOOKINGS_PLAN))
    return [
        {"assignedDateTime": since, "capabilityStatus": status, "service": service, "servicePlanId": plan}
        for status, service, plan in entries
    ]


PROPERTIES: dict[str, Callable[[SimulatedUser], Any]] = {
    "id": lambda user: user.object_id,
    "userPrincipalName": lambda user: user.upn,
    "displayName": lambda user: user.display_name,
    "department": lambda user: user.department,
    "mail": lambda user: user.mail,
    "accountEnabled": lambda user: user.account_enabled,
    "userType": lambda user: user.user_type,
    "assignedPlans": _assigned_plans,
}


@dataclass(frozen=True, slots=True)
class _Listing:
    """One page of a listing that was requested."""

    size: int
    select: tuple[str, ...]
    is_filtered: bool
    status: str | None
    place: int = 0
    page: int = 0


class GraphUsers:
    """Responds about users."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def list(self, request: Request) -> Response:
        """GET /users."""
        if prefixes := _prefixes(request.query.get("$filter", "")):
            return self._search(request, prefixes)
        listing = self._understood(request)
        return listing if isinstance(listing, Response) else self._page(request, listing)

    def count(self, request: Request) -> Response:
        """GET /users/$count: plain text only."""
        if not _is_eventual(request):
            return problem(self._state, 400, "Request_BadRequest", "$count is not currently supported.")
        if "json" in request.headers.get("Accept", ""):
            return problem(self._state, 415, "Request_BadRequest", "Only text/plain is supported.")
        listing = self._understood(request)
        if isinstance(listing, Response):
            return listing
        return Response(200, str(self._count(listing)), {"Content-Type": "text/plain"})

    def _search(self, request: Request, prefixes: Mapping[str, str]) -> Response:
        """GET /users by prefixes of names and addresses, ignoring case: docs/microsoft-365.md, section 2.2."""
        select = self._select(request)
        if isinstance(select, Response):
            return select
        found = (
            user
            for _, user in self._state.tenant.in_graph(0)
            if any(_SEARCHED[name](user).lower().startswith(prefix.lower()) for name, prefix in prefixes.items())
        )
        users = islice(found, int(request.query.get("$top", _USUAL)))
        return Response(200, {"value": [_row(user, select, in_listing=True) for user in users]})

    def one(self, request: Request, key: str, other: Mapping[str, Any] | None = None) -> Response:
        """GET /users/{id or UPN}; `other` is an account that belongs to no person."""
        user = self.found(key)
        if user is None and other is None:
            return unknown_resource(self._state, key)
        select = self._select(request)
        if isinstance(select, Response):
            return select
        context = {"@odata.context": f"{self._base()}/$metadata#users({','.join(select)})/$entity"}
        row = _row(user, select, in_listing=False) if user else {name: (other or {})[name] for name in select}
        return Response(200, {**context, **row})

    def exchange_settings(self, key: str) -> Response:
        """GET /users/{id or UPN}/settings/exchange: the Exchange GUID."""
        user = self.found(key)
        if user is None:
            return unknown_resource(self._state, key)
        if not user.has_mailbox:
            message = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
            return problem(self._state, 404, "MailboxNotEnabledForRESTAPI", message)
        context = {"@odata.context": f"{self._base()}/$metadata#users('{key}')/settings/exchange/$entity"}
        if user.mailbox is Mailbox.GUID_NOT_IN_GRAPH:
            return Response(200, context)
        mailbox_id = f"MBX:{user.mailbox_guid}@{self._state.tenant.tenant_id}"
        in_case = (mailbox_id, mailbox_id.upper(), mailbox_id.lower(), mailbox_id)[user.random_bytes[16] % 4]
        return Response(200, {**context, "primaryMailboxId": in_case})

    def found(self, key: str) -> SimulatedUser | None:
        """The user with this object id or UPN."""
        return self._state.tenant.by_upn(key) if "@" in key else self._state.tenant.by_object_id(key)

    def _understood(self, request: Request) -> _Listing | Response:
        query = request.query
        if refused := self._rejection(request):
            return refused
        matched = _FILTER.fullmatch(query["$filter"]) if "$filter" in query else None
        select, place = self._select(request), _read_token(query.get("$skiptoken"))
        if isinstance(select, Response):
            return select
        if place is None:
            return problem(self._state, 400, "Directory_ExpiredPageToken", "The specified page token has expired.")
        size = min(int(query.get("$top", _USUAL)), self._state.behaviour.graph.max_page_size)
        return _Listing(size, select, matched is not None, matched and matched["status"], *place)

    def _rejection(self, request: Request) -> Response | None:
        query, top = request.query, request.query.get("$top", str(_USUAL))
        if not top.isdecimal() or not 1 <= int(top) <= _MAX:
            message = f"Invalid page size specified: '{top}'. Must be between 1 and {_MAX} inclusive."
            return problem(self._state, 400, "Request_BadRequest", message)
        if "$skip" in query:
            return problem(self._state, 400, "Request_BadRequest", "'$skip' is not supported by the service.")
        if "$filter" not in query:
            return None
        matched = _FILTER.fullmatch(query["$filter"])
        if matched is None or matched["plan"].lower() != BOOKINGS_PLAN:
            return problem(self._state, 400, "Request_BadRequest", "Invalid filter clause.")
        if not _is_eventual(request) or not (query.get("$count") == "true" or request.path.endswith("$count")):
            message = "Complex query on property assignedPlans is not supported."
            return problem(self._state, 400, "Request_UnsupportedQuery", message)
        return None

    def _select(self, request: Request) -> tuple[str, ...] | Response:
        wanted = tuple(name for name in request.query.get("$select", "").split(",") if name) or _USUAL_SELECT
        unknown = [name for name in wanted if name not in PROPERTIES]
        if unknown:
            message = f"Could not find a property named '{unknown[0]}' on type 'microsoft.graph.user'."
            return problem(self._state, 400, "Request_BadRequest", message)
        return wanted

    def _page(self, request: Request, listing: _Listing) -> Response:
        graph = self._state.behaviour.graph
        is_empty = listing.page > 0 and listing.page == graph.empty_page_after
        users, place = ([], listing.place) if is_empty else self._users_on(listing)
        body: dict[str, Any] = {"@odata.context": f"{self._base()}/$metadata#users({','.join(listing.select)})"}
        if listing.page == 0 and request.query.get("$count") == "true" and _is_eventual(request):
            body["@odata.count"] = self._count(listing)
        if place is not None:
            place -= 1 if graph.duplicate_across_pages and listing.page == 0 else 0
            body["@odata.nextLink"] = self._next_link(request, place, listing.page)
        body["value"] = [_row(user, listing.select, in_listing=True) for user in users]
        return Response(200, body)

    def _users_on(self, listing: _Listing) -> tuple[Iterable[SimulatedUser], int | None]:
        """Users on the page, and the place after it, or None at the end."""
        users: list[SimulatedUser] = []
        place = listing.place
        for after, user in self._from(listing):
            if len(users) == listing.size:
                return users, place
            users.append(user)
            place = after
        return users, None

    def _from(self, listing: _Listing) -> Iterator[tuple[int, SimulatedUser]]:
        tenant = self._state.tenant
        places = tenant.in_filter(listing.place) if listing.is_filtered else tenant.in_graph(listing.place)
        return ((after, user) for after, user in places if listing.status in {None, user.plan.value})

    def _count(self, listing: _Listing) -> int:
        tenant = self._state.tenant
        if listing.status is not None:
            return sum(user.plan.value == listing.status for _, user in tenant.in_filter(0))
        return tenant.count_in_filter() if listing.is_filtered else tenant.count_in_graph()

    def _next_link(self, request: Request, place: int, page: int) -> str:
        kept = [
            part for part in request.raw_query.split("&") if not part.lower().startswith(("$skiptoken", "%24skiptoken"))
        ]
        query = "&".join([*kept, f"$skiptoken={_token(place, page + 1)}"])
        is_foreign = self._state.behaviour.graph.foreign_next_link and page == 0
        host = "http://localhost:9" if is_foreign else self._state.urls["graph"]
        return f"{host}/v1.0/users?{query}"

    def _base(self) -> str:
        return "https://graph.microsoft.com/v1.0"


def _prefixes(text: str) -> dict[str, str]:
    """The properties and prefixes of a filter that consists of `startswith` alone; empty for any other filter."""
    if not _PREFIXES.fullmatch(text):
        return {}
    return {name: prefix.replace("''", "'") for name, prefix in _PREFIX.findall(text) if name in _SEARCHED}


def _row(user: SimulatedUser, select: Iterable[str], *, in_listing: bool) -> dict[str, Any]:
    row = {name: PROPERTIES[name](user) for name in select}
    malformed = _MALFORMED_PROPERTIES.get(user.record)
    if malformed and (in_listing or user.record is not Record.NULL_UPN_IN_LISTING):
        name, malform = malformed
        row[name] = malform(row.get(name))
    return row


def _without_states(plans: Any) -> list[dict[str, str]]:
    return [{name: value for name, value in plan.items() if name != "capabilityStatus"} for plan in plans or []]


_MALFORMED_PROPERTIES: dict[Record, tuple[str, Callable[[Any], Any]]] = {
    Record.NULL_UPN: ("userPrincipalName", lambda _: None),
    Record.NULL_UPN_IN_LISTING: ("userPrincipalName", lambda _: None),
    Record.NULL_PLANS: ("assignedPlans", lambda _: None),
    Record.PLAN_WITHOUT_STATE: ("assignedPlans", _without_states),
}


def _is_eventual(request: Request) -> bool:
    return request.headers.get("ConsistencyLevel", "").lower() == "eventual"


def _token(place: int, page: int) -> str:
    return base64.urlsafe_b64encode(json.dumps(["RFNwdA", place, page]).encode()).decode()


def _read_token(token: str | None) -> tuple[int, int] | None:
    """Place and page of a token; the start without a token; None if the token is not from this simulator."""
    if token is None:
        return 0, 0
    try:
        _, place, page = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError, binascii.Error):
        return None
    return int(place), int(page)
