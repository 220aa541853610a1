"""One cmdlet of Exchange Online as a request, alone or in a batch (docs/microsoft-365.md, sections 3.2 and 3.5)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from atlas.microsoft365.batches import Result, parse_batch, send_in_batches
from atlas.microsoft365.calls import MEBIBYTE, ClassifyFailure, Request, Response, classify_status
from atlas.microsoft365.exchange_listing import MAX_PAGE_SIZE
from atlas.microsoft365.failures import ListingExpired, NotUnderstood, TenantFailure, Unreachable
from atlas.microsoft365.signed_calls import SignedApiClient

PAGE_TIMEOUT_SECONDS = 60
MAX_PAGE_BYTES = 16 * MEBIBYTE
MAX_PAGE_ITEMS = 500_000
BATCH_SIZE = 10
CONCURRENT_BATCHES = 2
SYSTEM_MAILBOX = "SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}"
ROLE = "the role Global Reader, or an Exchange role group with View-Only Recipients and View-Only Configuration"
MISSING_PERMISSION = (
    "grant the application permission Exchange.ManageAsApp of Office 365 Exchange Online, and give its service "
    f"principal {ROLE}"
)
MISSING_ROLE = f"besides Exchange.ManageAsApp, the service principal needs {ROLE}; a new role takes up to a few hours"
TRANSIENT_ERRORS = ("CmdletProxyNotAvailable", "ServerBusyException", "TransientException", "BackendCommunication")
EXPIRED_PAGE = "pagination request"
NOT_FOUND = "ManagementObjectNotFoundException"


@dataclass(frozen=True, slots=True)
class Command:
    """A cmdlet to run."""

    cmdlet: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    select: str | None = None
    """The properties to return, separated by commas; ``None``: all."""


class ExchangeCommands:
    """Runs cmdlets in the tenant, with the app's own identity."""

    def __init__(self, client: SignedApiClient, tenant_id: str) -> None:
        self._client = client
        self._tenant_id = tenant_id

    @property
    def base_url(self) -> str:
        """Where Exchange Online is."""
        return self._client.base_url

    async def run(
        self,
        command: Command,
        classify_failure: ClassifyFailure | None = None,
        *,
        link: str | None = None,
        page_size: int = MAX_PAGE_SIZE,
    ) -> Response:
        """Run a cmdlet. Every page is the same POST with the same anchor: the cursor belongs to one backend server."""
        request = Request(
            "POST",
            link or self._url(command),
            self._headers(command, page_size),
            _body(command),
            PAGE_TIMEOUT_SECONDS,
            max_response_bytes=MAX_PAGE_BYTES,
            max_items=MAX_PAGE_ITEMS,
        )
        return await self._client.send(request, classify_failure or classify)

    async def run_all(self, commands: Mapping[str, Command]) -> Mapping[str, Result]:
        """The response or failure of each command, by ``$batch`` of 10. A 400 means that an object was not found."""
        return await send_in_batches(commands, BATCH_SIZE, CONCURRENT_BATCHES, self._send_batch)

    async def _send_batch(self, commands: Mapping[str, Command]) -> dict[str, Result]:
        url = f"{self._client.base_url}/adminapi/beta/{self._tenant_id}/$batch"
        headers = {"content-type": "application/json; charset=utf-8", "x-anchormailbox": self._anchor()}
        request = Request(
            "POST",
            url,
            headers,
            {"requests": [self._part(key, command) for key, command in commands.items()]},
            PAGE_TIMEOUT_SECONDS,
            max_response_bytes=MAX_PAGE_BYTES,
            max_items=MAX_PAGE_ITEMS,
        )
        try:
            parts = parse_batch((await self._client.send(request, classify)).json(), self._client.base_url)
        except TenantFailure as failure:
            return dict.fromkeys(commands, failure)
        results: dict[str, Result] = {}
        for key, command in commands.items():
            if key in parts:
                results[key] = classify_unless_not_found(parts[key]) or parts[key]
            else:  # a part that is missing or malformed affects only itself
                results[key] = await self._run_alone(command)
        return results

    async def _run_alone(self, command: Command) -> Result:
        try:
            return await self.run(command, classify_unless_not_found)
        except TenantFailure as failure:
            return failure

    def _part(self, key: str, command: Command) -> dict[str, Any]:
        return {
            "id": key,
            "method": "POST",
            "url": self._url(command),
            "headers": self._headers(command, MAX_PAGE_SIZE),
            "body": _body(command),
        }

    def _url(self, command: Command) -> str:
        query = f"?{urlencode({'$select': command.select})}" if command.select else ""
        return f"{self._client.base_url}/adminapi/beta/{self._tenant_id}/InvokeCommand{query}"

    def _headers(self, command: Command, page_size: int) -> dict[str, str]:
        return {
            "content-type": "application/json; charset=utf-8",
            "prefer": f"odata.maxpagesize={page_size}",
            "x-anchormailbox": self._anchor(),
            "x-cmdletname": command.cmdlet,
            "x-responseformat": "json",
        }

    def _anchor(self) -> str:
        return f"APP:{SYSTEM_MAILBOX}@{self._tenant_id}"


def classify(response: Response) -> TenantFailure | None:
    """The failure that a response means. Exchange's own message is read and never quoted: it may name people."""
    text = response.body.decode("utf-8", "replace") if response.status == 400 else ""
    if any(error in text for error in TRANSIENT_ERRORS):
        return Unreachable("Exchange responded with 400 and an error that passes")
    if EXPIRED_PAGE in text:
        return ListingExpired("Exchange says that the listing of mailboxes is too old to continue")
    if response.status == 404:
        return NotUnderstood("Exchange responded with 404: it does not know the tenant of TENANT_ID")
    return classify_status(response, MISSING_ROLE if response.status == 403 else MISSING_PERMISSION)


def classify_unless_not_found(response: Response) -> TenantFailure | None:
    """As ``classify``, except that an object may not exist."""
    return None if response.status == 400 and NOT_FOUND.encode() in response.body else classify(response)


def _body(command: Command) -> dict[str, Any]:
    return {"CmdletInput": {"CmdletName": command.cmdlet, "Parameters": dict(command.parameters)}}
