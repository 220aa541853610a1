"""Microsoft Graph's audit log: who created shared pages (docs/microsoft-365.md, section 6.3)."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NaiveDatetime, TypeAdapter, ValidationError

from atlas.domain.json_limits import InvalidJson, parse_json
from atlas.domain.records import MalformedRecord, parse_records
from atlas.domain.shared_pages.creations import CreationRecord, CreationsPage, QueryState
from atlas.domain.text import sanitize_json
from atlas.microsoft365.calls import MEBIBYTE, Request, Response, classify_status, parse_next_link
from atlas.microsoft365.failures import NotUnderstood, TenantFailure
from atlas.microsoft365.graph_documents import error_code, records_of
from atlas.microsoft365.signed_calls import SignedApiClient

QUERIES = "/security/auditLog/queries"
PAGE_SIZE = 500
MAX_PAGE_BYTES = 8 * MEBIBYTE
MAX_PAGE_ITEMS = 500_000
OPERATION = "New-SchedulingMailbox"
VERSIONS = ("v1.0", "beta")
"""On some tenants only beta responds."""
MISSING_PERMISSION = "grant the application permission AuditLogsQuery-Exchange.Read.All of Microsoft Graph"
STATES = {
    "notstarted": QueryState.RUNNING,
    "running": QueryState.RUNNING,
    "succeeded": QueryState.SUCCEEDED,
    "failed": QueryState.FAILED,
    "cancelled": QueryState.FAILED,
}

_moment = TypeAdapter(AwareDatetime | NaiveDatetime)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)
    record_id: str = Field(alias="id", min_length=1)
    at: Any = Field(alias="createdDateTime")
    operation: str
    page_name: str | None = Field(None, alias="objectId")
    created_by: str | None = Field(None, alias="userPrincipalName")
    user_id: str | None = Field(None, alias="userId")
    details: dict[str, Any] | None = Field(None, alias="auditData")

    def as_creation(self) -> CreationRecord:
        """Raises ``MalformedRecord``."""
        return creation(
            self.record_id, self.at, self.operation, self.page_name, self.created_by or self.user_id, self.details
        )


async def start_creation_query(client: SignedApiClient, start: datetime, end: datetime) -> str:
    """Start to search the audit log. The ID names the version of Graph that responded."""
    for version in VERSIONS:
        url = f"{client.base_url}/{version}{QUERIES}"
        request = Request("POST", url, {"content-type": "application/json"}, query_body(start, end))
        response = await client.send(request, _classify_unless_404)
        if response.status != 404:
            return f"{version}/{parse_query_id(response.json())}"
    raise NotUnderstood(f"Microsoft Graph responded with 404 {error_code(response)} to an audit query")


async def prove_audit_log(client: SignedApiClient) -> None:
    """List one query, to prove that queries are permitted without starting one."""
    for version in VERSIONS:
        request = Request("GET", f"{client.base_url}/{version}{QUERIES}?$top=1")
        if (await client.send(request, _classify_unless_404)).status != 404:
            return
    raise NotUnderstood("Microsoft Graph does not know audit queries")


async def get_creation_query(client: SignedApiClient, query_id: str) -> QueryState:
    """The progress of a query."""
    return parse_query_state((await client.send(Request("GET", _url(client, query_id)), _classify)).json())


async def get_creations_page(client: SignedApiClient, query_id: str, link: str | None) -> CreationsPage:
    """One page of what a query found."""
    url = link or f"{_url(client, query_id)}/records?$top={PAGE_SIZE}"
    request = Request("GET", url, max_response_bytes=MAX_PAGE_BYTES, max_items=MAX_PAGE_ITEMS)
    return parse_creations_page((await client.send(request, _classify)).json(), client.base_url)


def _url(client: SignedApiClient, query_id: str) -> str:
    """Raises ``NotUnderstood`` for an ID that ``start_creation_query`` did not return."""
    version, _, own_id = query_id.partition("/")
    if version not in VERSIONS or not own_id:
        raise NotUnderstood("the stored ID of the audit query cannot be read")
    return f"{client.base_url}/{version}{QUERIES}/{quote(own_id, safe='')}"


def _classify(response: Response) -> TenantFailure | None:
    return classify_status(response, MISSING_PERMISSION)


def _classify_unless_404(response: Response) -> TenantFailure | None:
    return None if response.status == 404 else _classify(response)


def query_body(start: datetime, end: datetime) -> dict[str, Any]:
    """The query for creations of shared pages between two aware times."""
    return {
        "displayName": "Bookings Atlas: creation of shared pages",
        "filterStartDateTime": _as_text(start),
        "filterEndDateTime": _as_text(end),
        "recordTypeFilters": ["exchangeAdmin"],
        "operationFilters": [OPERATION],
    }


def parse_query_id(document: Any) -> str:
    """The ID of a query that was started. Raises ``NotUnderstood``."""
    query_id = document.get("id") if isinstance(document, dict) else None
    if not isinstance(query_id, str) or not query_id:
        raise NotUnderstood("Microsoft Graph sent an audit query without an ID")
    return query_id


def parse_query_state(document: Any) -> QueryState:
    """The progress of a query. Raises ``NotUnderstood``."""
    status = document.get("status") if isinstance(document, dict) else None
    if not isinstance(status, str) or status.lower() not in STATES:
        raise NotUnderstood("Microsoft Graph sent an audit query with an unknown status")
    return STATES[status.lower()]


def parse_creations_page(document: Any, base_url: str) -> CreationsPage:
    """One page of the records of a query. Raises ``NotUnderstood``."""
    records = parse_records(
        sanitize_json(records_of(document, "audit records")),
        lambda record: _Record.model_validate(record).as_creation(),
    )
    return CreationsPage(
        records.valid, parse_next_link(base_url, document.get("@odata.nextLink")), len(records.malformed)
    )


def creation(
    record_id: str, at: Any, operation: str, page_name: str | None, created_by: str | None, details: Any
) -> CreationRecord:
    """One record of the audit log, from Graph or from Exchange. Raises ``MalformedRecord``."""
    if operation.lower() != OPERATION.lower():
        raise MalformedRecord("operation is another one")
    name = page_name or _parameter(details, "Name")
    if not name or not created_by:
        raise MalformedRecord("objectId or userId is missing")
    return CreationRecord(record_id, parse_moment(at), name, created_by)


def parse_moment(value: Any) -> datetime:
    """A time of the audit log: without an offset it is in UTC. Raises ``MalformedRecord``."""
    try:
        moment = _moment.validate_python(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValidationError, OverflowError):
        raise MalformedRecord("createdDateTime is malformed") from None


def parse_details(text: Any) -> dict[str, Any]:
    """The JSON text in which Exchange puts the details of a record. Raises ``MalformedRecord``."""
    try:
        details = parse_json(text.encode("utf-8", "replace")) if isinstance(text, str) else None
    except InvalidJson:
        details = None
    if not isinstance(details, dict):
        raise MalformedRecord("AuditData is malformed")
    return details


def _parameter(details: Any, name: str) -> str | None:
    parameters = details.get("Parameters") if isinstance(details, dict) else None
    for parameter in parameters if isinstance(parameters, list) else []:
        if isinstance(parameter, dict) and parameter.get("Name") == name and isinstance(parameter.get("Value"), str):
            return str(parameter["Value"]) or None
    return None


def _as_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
