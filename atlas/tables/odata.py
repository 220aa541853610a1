"""How Table Storage writes rows, keys, filters and transactions in requests and responses (OData). Pure.

https://learn.microsoft.com/rest/api/storageservices/table-service-rest-api. `tests/clients/test_odata.py` compares
every request with what Microsoft's SDK sends.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

type Entity = Mapping[str, Any]

DATETIME = "Edm.DateTime"
INT32_LIMIT = 2**31
TYPE_SUFFIX = "@odata.type"
JSON = "application/json"
WITH_JSON = {"Content-Type": JSON, "Accept": JSON}
WITH_TYPES = "application/json;odata=minimalmetadata"
PARAMETER = re.compile(r"@(\w+)")
MARKUP = re.compile(r"<[^>]*>")
PART_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")


class StoredEntity(dict[str, Any]):
    """The columns of a row as it was read, and its ETag."""

    __slots__ = ("etag",)

    def __init__(self, columns: Mapping[str, Any], etag: str) -> None:
        super().__init__(columns)
        self.etag = etag


@dataclass(frozen=True, slots=True)
class TableRequest:
    """One request to the service, without address, date and signature."""

    method: str
    path: str
    """Behind the account's address, percent-encoded, with its query."""
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class TableResponse:
    """One response of the service."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def create_table(table: str) -> TableRequest:
    """Create a table; 409 if it exists."""
    return _with_body("POST", "/Tables", {"TableName": table})


def get_entity(table: str, partition: str, row: str) -> TableRequest:
    """Read one row; 404 if it does not exist."""
    return TableRequest("GET", entity_path(table, partition, row), {"Accept": WITH_TYPES})


def insert_entity(table: str, entity: Entity) -> TableRequest:
    """Write a row that must not exist yet; 409 if it does."""
    return _with_body("POST", f"/{table}", to_json(entity), Prefer="return-no-content")


def put_entity(table: str, entity: Entity, etag: str | None = None) -> TableRequest:
    """Write a complete row: over one with this ETag, or whatever exists."""
    return _with_body("PUT", _path_of(table, entity), to_json(entity), **_if_match(etag))


def merge_entity(table: str, entity: Entity, etag: str | None = None) -> TableRequest:
    """Write some columns: of a row with this ETag (``*``: any), or of a row that need not exist."""
    return _with_body("PATCH", _path_of(table, entity), to_json(entity), **_if_match(etag))


def delete_entity(table: str, partition: str, row: str, etag: str = "*") -> TableRequest:
    """Remove a row with this ETag; 404 if it does not exist."""
    return TableRequest("DELETE", entity_path(table, partition, row), {"Accept": WITH_TYPES, "If-Match": etag})


def query_entities(
    table: str, condition: str, size: int, select: Sequence[str] | None, next_key: Mapping[str, str] | None
) -> TableRequest:
    """Read part of the rows that meet a condition."""
    query = {"$top": str(size), "$filter": condition}
    if select:
        query["$select"] = ",".join(select)
    for name, value in (next_key or {}).items():
        query[f"Next{name}"] = value
    text = "&".join(f"{name}={_quoted(value)}" for name, value in query.items() if value)
    return TableRequest("GET", f"/{table}()?{text}", {"Accept": WITH_TYPES})


def transaction(parts: Sequence[TableRequest], account_url: str, boundary: str) -> TableRequest:
    """Requests that write rows of one partition, all or none."""
    batch, changeset = f"batch_{boundary}", f"changeset_{boundary}"
    lines = [f"--{batch}\r\nContent-Type: multipart/mixed; boundary={changeset}\r\n\r\n".encode()]
    for number, part in enumerate(parts):
        header_lines = "".join(f"{name}: {value}\r\n" for name, value in part.headers.items())
        length = f"Content-Length: {len(part.body)}\r\n" if part.body else ""
        lines.append(
            (
                f"--{changeset}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
                f"Content-ID: {number}\r\n\r\n{part.method} {account_url}{part.path} HTTP/1.1\r\n"
                f"{header_lines}{length}DataServiceVersion: 3.0\r\n\r\n"
            ).encode()
        )
        lines.append(part.body + b"\r\n")
    lines.append(f"--{changeset}--\r\n\r\n--{batch}--\r\n".encode())
    headers = {"Content-Type": f"multipart/mixed; boundary={batch}", "Accept": JSON}
    return TableRequest("POST", "/$batch", headers, b"".join(lines))


def message_of(response: TableResponse) -> str:
    """What the service says about a failure: JSON, or XML for some requests."""
    try:
        return str(json.loads(response.body)["odata.error"]["message"]["value"])
    except (ValueError, KeyError, TypeError):
        return MARKUP.sub(" ", response.body.decode(errors="replace"))


def condition(text: str, values: Mapping[str, Any]) -> str:
    """A filter with its ``@values``."""
    return PARAMETER.sub(lambda name: literal(values[name[1]]), text)


def part_statuses(response: TableResponse) -> list[int]:
    """The statuses of the requests of a transaction; of one that was not carried out, only that of the reason."""
    return [int(status) for status in PART_STATUS.findall(response.body)]


def to_json(entity: Entity) -> dict[str, Any]:
    """A row as JSON with the types that JSON lacks. Columns without a value are left out."""
    columns: dict[str, Any] = {}
    for name, value in entity.items():
        match value:
            case str() | bool():
                columns[name] = value
            case None:
                continue
            case int() if -INT32_LIMIT <= value < INT32_LIMIT:
                columns[name] = value
            case int():
                columns |= {name: str(value), name + TYPE_SUFFIX: "Edm.Int64"}
            case float():
                columns |= {name: value, name + TYPE_SUFFIX: "Edm.Double"}
            case datetime():
                columns |= {name: moment_text(value), name + TYPE_SUFFIX: DATETIME}
            case _:
                raise TypeError(f"{name} is of a type that Table Storage does not have: {type(value).__name__}")
    return columns


def from_json(columns: Mapping[str, Any], etag: str | None = None) -> StoredEntity:
    """The row in a response. A time that cannot be parsed stays text, for the reader of the row to reject."""
    entity = StoredEntity({}, etag or str(columns.get("odata.etag", "")))
    for name, value in columns.items():
        if "odata." in name or name == "Timestamp":
            continue
        kind = columns.get(name + TYPE_SUFFIX)
        entity[name] = value if kind is None else _typed(kind, value)
    return entity


def entities_of(response: TableResponse) -> tuple[StoredEntity, ...]:
    """The rows in the response to a query."""
    return tuple(from_json(columns) for columns in json.loads(response.body)["value"])


def next_key_of(response: TableResponse) -> Mapping[str, str] | None:
    """Where the rest of a query's rows begins; ``None`` at the end."""
    partition = response.headers.get("x-ms-continuation-nextpartitionkey")
    if not partition:
        return None
    row = response.headers.get("x-ms-continuation-nextrowkey")
    return {"PartitionKey": partition, "RowKey": row} if row else {"PartitionKey": partition}


def entity_path(table: str, partition: str, row: str) -> str:
    """The path of one row."""
    return f"/{table}(PartitionKey='{_quoted(_doubled(partition))}',RowKey='{_quoted(_doubled(row))}')"


def literal(value: str | float | datetime) -> str:
    """A value in a filter."""
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return f"datetime'{moment_text(value)}'"
        case int() if not -INT32_LIMIT <= value < INT32_LIMIT:
            return f"{value}L"
        case int() | float():
            return str(value)
        case _:
            return f"'{_doubled(value)}'"


def moment_text(moment: datetime) -> str:
    """A time as Table Storage writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _typed(kind: str, value: Any) -> Any:
    try:
        match kind:
            case "Edm.DateTime":
                return datetime.fromisoformat(value)
            case "Edm.Int64":
                return int(value)
            case "Edm.Double":
                return float(value)
            case _:
                return value
    except (ValueError, TypeError):
        return value


def _with_body(method: str, path: str, body: Mapping[str, Any], **headers: str) -> TableRequest:
    return TableRequest(method, path, {**WITH_JSON, **headers}, json.dumps(body).encode())


def _if_match(etag: str | None) -> dict[str, str]:
    return {"If-Match": etag} if etag else {}


def _path_of(table: str, entity: Entity) -> str:
    return entity_path(table, entity["PartitionKey"], entity["RowKey"])


def _doubled(text: str) -> str:
    return text.replace("'", "''")


def _quoted(text: str) -> str:
    return quote(text, safe="!'()*-._~@")
