"""A tenant that has nothing to do with the simulator: responses as Microsoft documents them, in other shapes than ours.

Graph knows pages by addresses that are not their primary ones and leaves one out of its list, a listing has two pages,
properties that were not requested are present, others are missing, and the audit log works on v1.0.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import unquote, urlsplit

TENANT_ID = "b7a0e2c1-6f0d-4d1e-9a53-0d7c1f3f9e21"
BOOKINGS_PLAN = "199a5c09-e0ca-4e37-8f7c-b05d533e1ea2"
ADA, GRACE = "0b1f6a52-6a0e-4f4e-a6a1-6f1a40a4f101", "7c9b7f0e-93c1-4f0a-8f0f-2f2b6c1de202"
RECEPTION = "c0ffee00-1111-4222-8333-444455556666"
NOT_FOUND = (
    "Ex6F9304|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException|The operation couldn't be "
    "performed because object 'x' couldn't be found on 'ZRHP278A001DC01.EURP278A001.PROD.OUTLOOK.COM'."
)

type Document = dict[str, Any]
type Reply = tuple[int, Document]


def mailbox(alias: str, name: str, account: str, created: str, **more: Any) -> Document:
    """A row of Get-Mailbox, with properties that were not requested and in the order of the service."""
    return {
        "@odata.id": f"https://outlook.office365.com/adminapi/beta/{TENANT_ID}/Mailbox('{account}')",
        "ExternalDirectoryObjectId": account.upper(),
        "RecipientTypeDetails": "SchedulingMailbox",
        "DisplayName": name,
        "PrimarySmtpAddress": f"{alias}@Fabrikam.example",
        "EmailAddresses@data.type": "#System.Collections.Generic.List`1[System.String]",
        "EmailAddresses": [
            f"smtp:{alias}@fabrikam.onmicrosoft.com",
            f"SMTP:{alias}@Fabrikam.example",
            f"SIP:{alias}@fabrikam.example",
            "X500:/o=ExchangeLabs/ou=Exchange Administrative Group/cn=Recipients/cn=1",
        ],
        "WhenMailboxCreated@data.type": "System.DateTime",
        "WhenMailboxCreated": created,
        "HiddenFromAddressListsEnabled": False,
        "AccountDisabled": True,
        "GrantSendOnBehalfTo": [],
        **more,
    }


FRONT_DESK = mailbox("FrontDesk", "Front Desk", "11111111-aaaa-4bbb-8ccc-000000000001", "2026-09-02T07:30:11+00:00")
AUDIOLOGY = mailbox("audiology", "Audiology", "11111111-aaaa-4bbb-8ccc-000000000002", "2019-03-04T12:00:00Z")
ZURICH = mailbox(
    "zh.beratung", "Zürich: Beratung", "11111111-aaaa-4bbb-8ccc-000000000003", "2025-01-01T00:00:00.0000000Z"
)
FORGOTTEN = mailbox("lab", "Lab", "11111111-aaaa-4bbb-8ccc-000000000004", "2021-06-30T22:15:00Z")
del FORGOTTEN["AccountDisabled"], FORGOTTEN["GrantSendOnBehalfTo"]


def business(alias: str, name: str, *, published: bool) -> Document:
    """A business as Graph returns it on its own."""
    return {
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#solutions/bookingBusinesses/$entity",
        "id": f"{alias}@fabrikam.onmicrosoft.com",
        "displayName": name,
        "businessType": "Healthcare",
        "defaultCurrencyIso": "CHF",
        "isPublished": published,
        "publicUrl": f"https://outlook.office365.com/owa/calendar/{alias}@fabrikam.onmicrosoft.com/bookings/",
        "address": {"city": "Zürich", "countryOrRegion": "Schweiz"},
        "businessHours": [],
    }


BUSINESSES = {
    "frontdesk@fabrikam.onmicrosoft.com": business("FrontDesk", "Front Desk", published=True),
    "audiology@fabrikam.onmicrosoft.com": business("audiology", "Audiology", published=True),
    "zh.beratung@fabrikam.onmicrosoft.com": business("zh.beratung", "Zürich: Beratung", published=False),
    "oldclinic@fabrikam.onmicrosoft.com": business("OldClinic", "Old Clinic", published=True),
}
LISTED = ("frontdesk@fabrikam.onmicrosoft.com", "oldclinic@fabrikam.onmicrosoft.com")
"""The list of Graph leaves two out."""
STAFF = {
    "frontdesk@fabrikam.onmicrosoft.com": [
        {"id": "s1", "displayName": "Ada", "emailAddress": "ADA@fabrikam.example", "role": "administrator"},
        {"id": "s2", "displayName": "Locum", "emailAddress": None, "role": "externalGuest", "timeZone": ""},
    ]
}
SERVICES = {
    "frontdesk@fabrikam.onmicrosoft.com": [
        {"id": "v1", "displayName": "First visit", "defaultDuration": "PT1H30M", "isHiddenFromCustomers": False},
        {"id": "v2", "displayName": "Call back", "defaultDuration": "P1D"},
    ]
}
USERS = {
    "ada@fabrikam.example": {
        "id": ADA,
        "userPrincipalName": "ada@fabrikam.example",
        "displayName": "Ada",
        "mail": "Ada@fabrikam.example",
        "accountEnabled": True,
        "userType": "Member",
        "assignedPlans": [
            {"servicePlanId": BOOKINGS_PLAN.upper(), "capabilityStatus": "Warning", "service": "exchange"},
        ],
    }
}
MEMBER = {
    "@odata.type": "#microsoft.graph.user",
    "id": GRACE,
    "userPrincipalName": "grace@fabrikam.example",
    "displayName": "Grace",
    "accountEnabled": False,
    "assignedPlans": [],
}
PERMISSIONS = {
    "frontdesk@fabrikam.example": [
        {"User": "NT AUTHORITY\\SELF", "AccessRights": ["FullAccess, ReadPermission"], "IsInherited": False},
        {"User": "Ada@fabrikam.example", "AccessRights": ["FullAccess"], "IsInherited": False, "Deny": "False"},
        {"User": "reception@fabrikam.example", "AccessRights": ["FullAccess"], "IsInherited": False, "Deny": False},
        {"User": "EURP278A001\\Managed Availability Servers", "AccessRights": ["ReadPermission"], "IsInherited": True},
    ],
    "audiology@fabrikam.example": [
        {"User": "left@fabrikam.example", "AccessRights": ["FullAccess"], "IsInherited": False, "Deny": False}
    ],
}
RECIPIENTS = {
    "reception@fabrikam.example": {
        "ExternalDirectoryObjectId": RECEPTION,
        "RecipientTypeDetails": "MailUniversalSecurityGroup",
        "PrimarySmtpAddress": "reception@fabrikam.example",
        "DisplayName": "Reception",
    }
}
RECORD = {
    "id": "5e0d2c1b-0000-4000-8000-00000000a0d1",
    "createdDateTime": "2026-09-02T07:30:09.8412Z",
    "auditLogRecordType": "ExchangeAdmin",
    "operation": "New-SchedulingMailbox",
    "userType": "Regular",
    "userId": "ada@fabrikam.example",
    "service": "Exchange",
    "objectId": "EURP278A001.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/fabrikam.example/FrontDesk",
    "clientIp": "",
    "auditData": {"@odata.type": "#microsoft.graph.security.defaultAuditData"},
}


class Fabrikam:
    """What the services of the tenant respond."""

    def __init__(self) -> None:
        self.url = ""
        self.polls = 0

    def settings(self) -> dict[str, str]:
        """The settings that connect the product to the tenant."""
        return {
            "TENANT_ID": TENANT_ID,
            "GRAPH_URL": self.url,
            "EXCHANGE_URL": self.url,
            "BOOKINGS_URL": self.url,
            "IDENTITY_ENDPOINT": f"{self.url}/msi/token",
            "IDENTITY_HEADER": "secret",
        }

    def respond(self, method: str, url: str, body: Document) -> Reply:
        """The status and body of one response; a batch is a response for each of its parts."""
        parts = urlsplit(url)
        match [unquote(part) for part in parts.path.strip("/").split("/")]:
            case ["msi", "token"]:
                return 200, {"access_token": "a.b.c", "expires_on": "4102444800", "token_type": "Bearer"}
            case [*_, "$batch"]:
                return 200, {"responses": [self._part(one) for one in reversed(body["requests"])]}
            case [*_, "InvokeCommand"]:
                command = body["CmdletInput"]
                return self._command(command["CmdletName"], command["Parameters"], parts.query)
            case ["v1.0", *path]:
                return self._graph(method, path)
            case _:
                return 404, {"error": {"code": "ResourceNotFound", "message": ""}}

    def _part(self, part: Document) -> Document:
        url = part["url"] if part["url"].startswith("http") else f"/v1.0{part['url']}"
        status, body = self.respond(part["method"], url, part.get("body", {}))
        headers = {"Content-Type": "application/json"}
        return {"id": part["id"], "status": status, "headers": headers, "body": body}

    def _graph(self, method: str, path: list[str]) -> Reply:
        match path:
            case ["solutions", "bookingBusinesses"]:
                return 200, {"value": [{k: BUSINESSES[key][k] for k in ("id", "displayName")} for key in LISTED]}
            case ["solutions", "bookingBusinesses", key, *rest]:
                return self._business(key.lower(), rest)
            case ["users", key]:
                return self._found(USERS.get(key.lower()), "Request_ResourceNotFound")
            case ["groups", "c0ffee00-1111-4222-8333-444455556666"]:
                return 200, {"id": RECEPTION, "displayName": "Reception", "mail": None, "groupTypes": []}
            case ["groups", _, "transitiveMembers", *_]:
                return 200, {"@odata.count": 1, "value": [MEMBER]}
            case ["security", "auditLog", "queries", *rest]:
                return self._audit(method, rest)
            case _:
                return 404, {"error": {"code": "Request_ResourceNotFound", "message": ""}}

    def _audit(self, method: str, rest: list[str]) -> Reply:
        if method == "POST":
            return 201, {"id": "q-1", "status": "notStarted"}
        if rest == ["q-1", "records"]:
            return 200, {"value": [RECORD]}
        self.polls += 1
        return 200, {"id": "q-1", "status": "succeeded" if self.polls > 2 else "running"}

    def _business(self, key: str, rest: list[str]) -> Reply:
        found = next((one for one in BUSINESSES if one.partition("@")[0] == key.partition("@")[0]), None)
        match rest:
            case _ if found is None:
                return 404, {"error": {"code": "ErrorItemNotFound", "message": "The specified object was not found."}}
            case []:
                return 200, BUSINESSES[found]
            case ["staffMembers"]:
                return 200, {"value": STAFF.get(found, [])}
            case _:
                return 200, {"value": SERVICES.get(found, [])}

    def _command(self, cmdlet: str, parameters: Document, query: str) -> Reply:
        identity = str(parameters.get("Identity", "")).lower()
        match cmdlet:
            case "Get-Mailbox" if "skiptoken" in query:
                return 200, {"value": [ZURICH, FORGOTTEN]}
            case "Get-Mailbox":
                link = f"{self.url}/adminapi/beta/{TENANT_ID}/InvokeCommand?$skiptoken=UEc%3d"
                warnings: list[str] = []
                return 200, {"@adminapi.warnings": warnings, "value": [FRONT_DESK, AUDIOLOGY], "@odata.nextLink": link}
            case "Get-MailboxPermission":
                return 200, {"value": PERMISSIONS.get(identity, [])}
            case "Get-RecipientPermission":
                trustee = {"Trustee": "ada@fabrikam.example", "AccessRights": ["SendAs"], "AccessControlType": "Allow"}
                return 200, {"value": [trustee] if identity == "frontdesk@fabrikam.example" else []}
            case "Get-Recipient":
                found = RECIPIENTS.get(identity)
                return (
                    (200, {"value": [found]})
                    if found
                    else (400, {"error": {"code": "BadRequest", "message": NOT_FOUND}})
                )
            case _:
                return 403, {"error": {"code": "Forbidden", "message": ""}}

    def _found(self, document: Document | None, code: str) -> Reply:
        return (200, document) if document else (404, {"error": {"code": code, "message": ""}})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _send(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        status, document = cast("_Server", self.server).tenant.respond(self.command, self.path, body)
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _send  # noqa: N815 - names of the base class

    def log_message(self, *_: Any) -> None:
        """Write nothing to the terminal."""


class _Server(ThreadingHTTPServer):
    tenant: Fabrikam
    daemon_threads = True


@contextmanager
def fabrikam() -> Iterator[Fabrikam]:
    """The tenant, on a free port of this machine."""
    tenant = Fabrikam()
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.tenant = tenant
        tenant.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield tenant
        server.shutdown()


def addresses() -> Mapping[str, str]:
    """The primary address of each page that the tenant has, by its name."""
    boxes = {box["DisplayName"]: box["PrimarySmtpAddress"] for box in (FRONT_DESK, AUDIOLOGY, ZURICH, FORGOTTEN)}
    return {**boxes, "Old Clinic": "OldClinic@fabrikam.onmicrosoft.com"}
