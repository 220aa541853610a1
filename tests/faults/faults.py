"""The faults of the matrix, as data: every fault is tried on every operation that a scan repeats."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from local.simulator.faults import Effect, Fault

STORAGE_TEXTS = {"InsufficientAccountPermissions": "Write operations are not allowed."}
JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html"}


def in_seconds(seconds: float) -> str:
    """A moment from now on, as an HTTP date."""
    now = datetime.now(UTC)  # noqa: TID251 - HTTP dates are compared with the clock of the machine
    return format_datetime(now + timedelta(seconds=seconds), usegmt=True)


TRANSIENT: Mapping[str, Mapping[str, Any]] = {
    "429, Retry-After: 1": {"status": 429, "retry_after": "1"},
    "429, Retry-After: 0.7": {"status": 429, "retry_after": "0.7"},
    "429, Retry-After: a date": {"status": 429, "retry_after": "in 2 s"},
    "429, Retry-After: 60": {"status": 429, "retry_after": "60"},
    "429, Retry-After: 999999999": {"status": 429, "retry_after": "999999999"},
    "429, Retry-After: soon": {"status": 429, "retry_after": "soon"},
    "429, Retry-After: -1": {"status": 429, "retry_after": "-1"},
    "429 without Retry-After": {"status": 429},
    "503, Retry-After: 1": {"status": 503, "retry_after": "1"},
    "503, Retry-After: 30": {"status": 503, "retry_after": "30"},
    "503 without Retry-After": {"status": 503},
    "500": {"status": 500},
    "501": {"status": 501},
    "502": {"status": 502},
    "504": {"status": 504},
    "408": {"status": 408},
    "connection reset": {"status": 0},
    "connection reset within the body": {"status": 200, "effect": Effect.CUT_OFF},
    "slow first byte": {"status": 200, "delay_seconds": 1.0},
    "slow drip": {"status": 200, "effect": Effect.DRIP, "delay_seconds": 1.0},
    "truncated JSON": {"status": 200, "effect": Effect.TRUNCATED},
    "invalid JSON": {"status": 200, "body": "{'a': 1}", "headers": JSON},
    "JSON of another shape": {"status": 200, "body": "[1, 2]", "headers": JSON},
    "empty body": {"status": 200, "body": "", "headers": JSON},
    "HTML with 200": {"status": 200, "body": "<html>Sorry</html>", "headers": HTML},
    "endless body": {"status": 200, "effect": Effect.ENDLESS},
    "wrong content type": {"status": 200, "body": "%PDF-1.7", "headers": {"Content-Type": "application/pdf"}},
    "redirect to another origin": {"status": 302, "body": "", "headers": {"Location": "https://example.invalid/"}},
}
"""What each service sends once, in the place of its response; the next response is the normal one."""


REJECTED = "401, the token is rejected"
REJECTED_TOKEN = {"status": 401}
INTERRUPTIONS: Mapping[str, Fault] = {
    "401 for a page of users": Fault("graph.users.next", status=401, skip=1),
    "401 for a page of mailboxes": Fault("exchange.Get-Mailbox.next", status=401, skip=1),
    "expired link to a page of users": Fault("graph.users.next", 400, skip=3, error="Directory_ExpiredPageToken"),
    "expired link to a page of mailboxes": Fault("exchange.Get-Mailbox.next", 400, skip=3, error="expiredPage"),
    "expired link to a page of policies": Fault("exchange.Get-CASMailbox.next", 400, skip=3, error="expiredPage"),
}
"""What interrupts a listing once: a token that is rejected early, and a link that is too old."""
DEFECTS = ("a user on two pages", "a mailbox left out of the listing")
"""What else is not right about the listings of the scan that meets the interruptions."""


def transient(name: str, target: str) -> Fault:
    """This fault for one request to this operation."""
    options = dict(REJECTED_TOKEN if name == REJECTED else TRANSIENT[name])
    if options.get("retry_after", "").startswith("in "):
        options["retry_after"] = in_seconds(float(options["retry_after"].split()[1]))
    return Fault(target, **options)


@dataclass(frozen=True)
class StorageFault:
    """What Table Storage responds to one request. ``status`` 0 closes the connection."""

    status: int
    code: str
    retry_after: str | None = None
    only: str = ""
    """Affects only requests with this header."""
    is_carried_out: bool = False
    """Whether the request is carried out, although the response says otherwise."""

    def body(self) -> bytes:
        """The error as Table Storage writes it."""
        text = STORAGE_TEXTS.get(self.code, self.code)
        error = {"odata.error": {"code": self.code, "message": {"lang": "en-US", "value": text}}}
        return json.dumps(error).encode()


STORAGE: Mapping[str, StorageFault] = {
    "storage 500": StorageFault(500, "InternalError"),
    "storage 503, server busy": StorageFault(503, "ServerBusy"),
    "storage 503, Retry-After: 1": StorageFault(503, "ServerBusy", "1"),
    "storage 429": StorageFault(429, "TooManyRequests", "1"),
    "storage 408": StorageFault(408, "OperationTimedOut"),
    "storage 412, another writer was faster": StorageFault(412, "UpdateConditionNotSatisfied", only="If-Match"),
    "storage 500 after a write": StorageFault(500, "InternalError", is_carried_out=True),
    "storage reset": StorageFault(0, ""),
    "storage reset after a write": StorageFault(0, "", is_carried_out=True),
}

FULL = StorageFault(403, "InsufficientAccountPermissions")
"""What Microsoft documents for an account that does not allow writes; there is no code of its own for a full one."""
