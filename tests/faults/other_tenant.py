"""A tenant that shares nothing with our simulator: its own data, and its own reading of Microsoft's documents.

One server plays all services. Properties come in another order and in other cases, with more of them and with nulls;
records are malformed; every few requests are throttled; and Bookings is down for a while.
"""

import itertools
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from aiohttp import web

TENANT = "0d4a6c1e-92f7-4b53-8e06-7f1f9e1b2ac3"
PLAN = "199a5c09-e0ca-4e37-8f7c-b05d533e1ea2"
USERS_PER_PAGE = 7
MAILBOXES_PER_PAGE = 11
MEETING = "AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A"


@dataclass(frozen=True)
class Person:
    """One licensed user, and what a scan has to find out."""

    number: int
    expected: str
    page: str = "404"
    """What the Bookings service does: a status, or a name of ``_page``."""
    graph: Mapping[str, Any] = field(default_factory=dict)
    """Other values in Graph's record, in the listing and elsewhere."""
    graph_listing: Mapping[str, Any] = field(default_factory=dict)
    """Other values in the listing alone."""
    exchange: Mapping[str, Any] | None = field(default_factory=dict)
    """Other values in Exchange's record; ``None``: there is no mailbox."""
    exchange_listing: Mapping[str, Any] = field(default_factory=dict)
    cas: Mapping[str, Any] = field(default_factory=dict)

    @property
    def user_id(self) -> str:
        return f"{self.number:08x}-5c1d-4e2f-9a3b-{self.number * 7919:012x}"

    @property
    def guid(self) -> str:
        return f"{self.number * 104729:08x}-7e6f-4d5c-8b9a-{self.number:012x}"

    @property
    def upn(self) -> str:
        return f"Pat.{self.number}@Fabrikam.example"


BLOCKED = {"EwsApplicationAccessPolicy": "EnforceBlockList", "EwsBlockList": ["MicrosoftOWSPersonalBookings"]}
PLANS = [{"service": "exchange"}, {"capabilityStatus": "Warning", "servicePlanId": PLAN.upper()}]
NO_ADD_ON = {"PersistedCapabilities": ["BPOS_S_Standard"]}
KINDS: tuple[Mapping[str, Any], ...] = (
    {"expected": "published", "page": "public"},
    {"expected": "published", "page": "public and malformed"},
    {"expected": "noPublicTypes", "page": "private"},
    {"expected": "noPublicTypes", "page": "empty"},
    {"expected": "notSetUp"},
    {"expected": "notSetUp", "page": "not provisioned"},
    {"expected": "switchedOff", "cas": BLOCKED},
    {"expected": "noCapability", "exchange": NO_ADD_ON},
    {"expected": "noMailbox", "exchange": None},
    {"expected": "signInRequired", "page": "sign-in"},
    {"expected": "unknown", "page": "html"},
    {"expected": "unknown", "page": "403"},
    {"expected": "published", "page": "public", "graph_listing": {"userPrincipalName": None}},
    {"expected": "published", "page": "public", "exchange_listing": {"ExchangeGuid": None}},
    {"expected": "published", "page": "public", "graph": {"department": None, "mail": None, "userType": None}},
    {"expected": "published", "page": "public", "graph": {"assignedPlans": PLANS}},
    {"expected": "notSetUp", "cas": {"EwsEnabled": False}},  # EWS is off, which is not a policy about bookings
    {"expected": "unknown", "graph": {"assignedPlans": None}},
)  # fmt: skip
PEOPLE = tuple(Person(number, **kind) for number, kind in enumerate(itertools.islice(itertools.cycle(KINDS), 90), 1))
FORMER = Person(900, "", graph={"assignedPlans": [{"servicePlanId": PLAN, "capabilityStatus": "Deleted"}]})
"""The listing contains a user whose plan was removed: no row."""


@dataclass
class OtherTenant:
    """The tenant while it runs."""

    url: str = ""
    outage_until: float = 0.0
    refused_in_outage: int = 0
    throttled: int = 0
    writes: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _parts: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def settings(self) -> dict[str, str]:
        return {
            "TENANT_ID": TENANT,
            "GRAPH_URL": self.url,
            "EXCHANGE_URL": self.url,
            "BOOKINGS_URL": self.url,
            "IDENTITY_ENDPOINT": f"{self.url}/token",
            "IDENTITY_HEADER": "other",
            "SHARED_PAGES": "false",
        }

    def begin_outage(self, seconds: float) -> None:
        self.outage_until = time.monotonic() + seconds

    async def respond(self, request: web.Request) -> web.Response:
        path = unquote(request.path)
        if path == "/token":
            expires = str(int(time.time()) + 3000)
            document = {"token_type": "Bearer", "expires_on": expires, "access_token": request.query["resource"]}
            return web.json_response(document)
        if next(self._numbers) % 9 == 0:
            self.throttled += 1
            return web.Response(status=429, headers={"retry-after": "0.2"}, text="slow down")
        if path.lower().startswith("/bookingsservice/"):
            return await self._bookings(request, path.lower())
        if path.lower().startswith("/adminapi/"):
            return await self._exchange(request)
        return await self._graph(request, path)

    # Microsoft Graph

    async def _graph(self, request: web.Request, path: str) -> web.Response:
        if request.headers.get("Authorization") != "Bearer https://graph.microsoft.com":
            return web.json_response({"error": {"code": "InvalidAuthenticationToken"}}, status=401)
        if path == "/v1.0/$batch":
            parts = (await request.json())["requests"]
            return web.json_response({"responses": [self._part(part) for part in reversed(parts)]})
        if path == "/v1.0/users":
            return self._users(request)
        status, body = _graph_object(path.removeprefix("/v1.0"))
        return web.json_response(body, status=status)

    def _users(self, request: web.Request) -> web.Response:
        if request.headers.get("consistencylevel") != "eventual":
            return web.json_response({"error": {"code": "Request_UnsupportedQuery"}}, status=400)
        first = int(request.query.get("$skiptoken", "0"))
        listed = [*PEOPLE[:40], FORMER, *PEOPLE[40:], PEOPLE[0]]  # the last one is listed twice
        page: list[Any] = [_graph_user(person, listed=True) for person in listed[first : first + USERS_PER_PAGE]]
        if first == 2 * USERS_PER_PAGE:
            page.insert(3, "a record that is not an object")
        body: dict[str, Any] = {"value": page}
        if first + USERS_PER_PAGE < len(listed):
            kept = "&".join(
                f"{quote(name)}={quote(value)}" for name, value in request.query.items() if name[1:5] != "skip"
            )
            body["@odata.nextLink"] = f"{self.url}/v1.0/users?{kept}&$skiptoken={first + USERS_PER_PAGE}"
        return web.json_response(body)

    def _part(self, part: dict[str, Any]) -> dict[str, Any]:
        if next(self._parts) % 5 == 0:
            return {"status": 429, "id": part["id"], "headers": {"Retry-After": "0.1"}, "body": {"error": {}}}
        status, body = _graph_object(unquote(part["url"]))
        return {"body": body, "headers": {"content-type": "application/json"}, "status": status, "id": part["id"]}

    # Exchange

    async def _exchange(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer https://outlook.office365.com":
            return web.Response(status=401)
        command = (await request.json())["CmdletInput"]
        name, identity = command["CmdletName"], command["Parameters"].get("Identity")
        if not name.startswith("Get-"):
            self.writes.append(name)
        if name == "Get-OrganizationConfig":
            record = {"Name": "fabrikam", "EwsEnabled": None, "BookingsEnabled": True, "BookingsAuthEnabled": False}
            return web.json_response({"value": [record | {"EwsApplicationAccessPolicy": None}]})
        mailboxes = [person for person in PEOPLE if person.exchange is not None]
        if identity:
            found = [person for person in mailboxes if identity.lower() in (person.user_id, person.guid)]
            if not found:
                message = "Ex6F9304|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException|none"
                error = {"code": "BadRequest", "message": "Invalid Operation", "details": [{"message": message}]}
                return web.json_response({"error": error}, status=400)
            return web.json_response({"value": [_exchange_record(name, found[0], listed=False)]})
        first = int(request.query.get("$skiptoken", "0"))
        page = mailboxes[first : first + MAILBOXES_PER_PAGE]
        body = {"value": [_exchange_record(name, person, listed=True) for person in page], "@adminapi.warnings": []}
        if first + MAILBOXES_PER_PAGE < len(mailboxes):
            kept = f"$select={request.query['$select']}&$skiptoken={first + MAILBOXES_PER_PAGE}"
            body["@odata.nextLink"] = f"{self.url}{request.path}?{kept}"
        return web.json_response(body)

    # Bookings

    async def _bookings(self, request: web.Request, path: str) -> web.Response:
        if time.monotonic() < self.outage_until:
            self.refused_in_outage += 1
            return web.Response(status=503, text="<html>unavailable</html>", content_type="text/html")
        guid = path.partition("mbx:")[2].partition("@")[0]
        person = next((one for one in PEOPLE if one.guid.replace("-", "") == guid), None)
        if path.endswith("/getstaffavailability"):
            day = (await request.json())["startDateTime"]["dateTime"][:10]
            item = {"endDateTime": {"timeZone": "UTC", "dateTime": f"{day}T23:30:00"}, "availableCount": 0}
            item |= {"startDateTime": {"dateTime": f"{day}T00:00:00", "timeZone": "UTC"}}
            items: list[Any] = [None, item | {"status": "BOOKINGSAVAILABILITYSTATUS_AVAILABLE"}]
            return web.json_response({"staffAvailabilityResponse": [{"availabilityItems": items, "staffId": "x"}]})
        return _page(person.page if person else "404")


def _page(page: str) -> web.Response:
    public = {"title": "Coffee", "isPrivate": False, "defaultDuration": "PT30M", "serviceId": MEETING, "extra": [None]}
    match page:
        case "public":
            return web.json_response({"nextSkipToken": "", "count": 1, "service": [public]})
        case "public and malformed":
            return web.json_response({"count": 3, "service": [None, {"title": 7}, public | {"isPrivate": None}]})
        case "private":
            return web.json_response({"service": [{**public, "isPrivate": True}], "count": 1})
        case "empty":
            return web.json_response({"count": 0, "service": []})
        case "not provisioned":
            return web.json_response({"message": "ErrorMailboxNOTPROVISIONED"}, status=500)
        case "sign-in":
            return web.Response(status=302, headers={"location": "https://login.microsoftonline.com/common/oauth2"})
        case "html":
            return web.Response(text="<!doctype html><title>Welcome</title>", content_type="text/html")
        case status:
            return web.Response(status=int(status), text="")


def _graph_object(path: str) -> tuple[int, dict[str, Any]]:
    key, _, rest = path.removeprefix("/users/").partition("?")[0].partition("/")
    person = next((one for one in (*PEOPLE, FORMER) if key.lower() in (one.user_id, one.upn.lower())), None)
    if person is None:
        return 404, {"error": {"message": "gone", "code": "Request_ResourceNotFound"}}
    if not rest:
        return 200, _graph_user(person, listed=False)
    if person.exchange is None:
        return 404, {"error": {"code": "MailboxNotEnabledForRESTAPI", "message": "The mailbox is inactive."}}
    return 200, {"primaryMailboxId": f"mbx:{person.guid.upper()}@{TENANT}", "inPlaceArchiveMailboxId": None}


def _graph_user(person: Person, *, listed: bool) -> dict[str, Any]:
    record = {
        "assignedPlans": [
            {"servicePlanId": "efb87545-963c-4e0d-99df-69c6916d9eb0", "capabilityStatus": "LockedOut"},
            {"servicePlanId": PLAN, "capabilityStatus": "Enabled", "assignedDateTime": None},
        ],
        "userType": "Member",
        "onPremisesSyncEnabled": None,
        "accountEnabled": person.number % 3 != 0,
        "mail": person.upn.lower(),
        "displayName": f"Pat {person.number}",
        "department": "Finance",
        "userPrincipalName": person.upn,
        "id": person.user_id.upper(),
    }
    return record | dict(person.graph) | (dict(person.graph_listing) if listed else {})


def _exchange_record(name: str, person: Person, *, listed: bool) -> dict[str, Any]:
    common = {
        "PrimarySmtpAddress": person.upn.lower(),
        "ExternalDirectoryObjectId": person.user_id.upper(),
        "Extra": {},
    }
    if name == "Get-CASMailbox":
        return {"EwsAllowList": None, "EwsEnabled": None, "EwsBlockList": None} | common | dict(person.cas)
    record = {
        "RecipientTypeDetails": "UserMailbox",
        "PersistedCapabilities@odata.type": "#Collection(String)",
        "PersistedCapabilities": ["MYANALYTICSP2", "BPOS_S_BookingsAddOn"],
        "ExchangeGuid": person.guid.upper(),
        "WhenMailboxCreated": None,
    }
    return common | record | dict(person.exchange or {}) | (dict(person.exchange_listing) if listed else {})


@asynccontextmanager
async def other_tenant() -> AsyncIterator[OtherTenant]:
    """Run the tenant until the block ends."""
    tenant = OtherTenant()
    runner = web.ServerRunner(web.Server(tenant.respond, access_log=None), shutdown_timeout=0.1)  # type: ignore[arg-type]
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    tenant.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield tenant
    finally:
        await runner.cleanup()


def expected_statuses() -> dict[str, str]:
    """The status that each user's row must have."""
    return {person.user_id: person.expected for person in PEOPLE}
