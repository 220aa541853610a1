"""A stand-in for Table Storage whose cost per operation is constant, so that growth measures the product.

It runs in a process of its own, keeps rows in memory, and speaks the part of the protocol that the product uses. It
checks conditions (ETags, inserts) but no signatures. Azurite becomes slower with every row it holds.
"""

import asyncio
import json
import re
import sys
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx

from local.azurite import DEFAULT_ACCOUNT, KEY

ENTITY = re.compile(r"/(?P<table>\w+)\(PartitionKey='(?P<partition>.*)',RowKey='(?P<row>.*)'\)")
TABLE = re.compile(r"/(?P<table>\w+)(?:\(\))?")
TOKEN = re.compile(r"\s*(?:(\(|\))|(and|or)\b|(\w+) (eq|ne|lt|le|gt|ge) (datetime'[^']*'|'(?:[^']|'')*'|[\w.+-]+))")
COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "lt": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
}
PART = re.compile(rb"(POST|PUT|PATCH|DELETE) (\S+) HTTP/1.1\r\n(.*?)\r\n\r\n(.*?)\r\n--changeset", re.DOTALL)
MULTIPART = {"content-type": "multipart/mixed; boundary=batch"}
CODES = {400: "InvalidInput", 404: "ResourceNotFound", 409: "EntityAlreadyExists", 412: "UpdateConditionNotSatisfied"}
REASONS = {200: "OK", 201: "Created", 202: "Accepted", 204: "No Content"}

type Columns = dict[str, Any]
type Reply = tuple[int, Mapping[str, str], bytes]


@dataclass(slots=True)
class Partition:
    """The rows of one partition, with their keys in order."""

    rows: dict[str, Columns] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)

    def put(self, key: str, columns: Columns) -> None:
        """Write a row."""
        if key not in self.rows:
            insort(self.keys, key)
        self.rows[key] = columns

    def delete(self, key: str) -> None:
        """Remove a row."""
        del self.rows[key]
        del self.keys[bisect_left(self.keys, key)]


class Tables:
    """All rows, and how many operations there were."""

    def __init__(self) -> None:
        self.partitions: dict[tuple[str, str], Partition] = {}
        self.operations: Counter[str] = Counter()
        self._versions = count(1)

    def respond(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """The response to one request."""
        path, _, query = target.partition("?")
        path = path.removeprefix(f"/{DEFAULT_ACCOUNT}")
        match method, path:
            case "GET", "/operations":
                return 200, {}, json.dumps(self.operations).encode()
            case "DELETE", "/operations":
                self.operations.clear()
                return 204, {}, b""
            case "POST", "/Tables":
                return 204, {}, b""
            case "POST", "/$batch":
                self.operations["transaction"] += 1
                return self._transaction(body)
            case "GET", _ if not ENTITY.fullmatch(unquote(path)):
                self.operations["range read"] += 1
                return self._query(unquote(path), dict(parse_qsl(query)))
            case _:
                self.operations["point read" if method == "GET" else "write"] += 1
                return self._on_row(method, unquote(path), headers, body)

    def _on_row(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        columns = json.loads(body) if body else {}
        found = ENTITY.fullmatch(path) or TABLE.fullmatch(path)
        if found is None:
            return 400, {}, b""
        known = found.groupdict()
        partition_key = (
            known.get("partition", "").replace("''", "'") if "partition" in known else columns["PartitionKey"]
        )
        key = known["row"].replace("''", "'") if "row" in known else columns["RowKey"]
        partition = self.partitions.setdefault((known["table"], partition_key), Partition())
        stored = partition.rows.get(key)
        if failed := _failed(method, stored, headers.get("if-match")):
            return failed, {}, _problem(failed).encode()
        match method:
            case "GET":
                stored = stored or {}
                return 200, {"etag": stored["odata.etag"]}, json.dumps(stored).encode()
            case "DELETE":
                partition.delete(key)
                return 204, {}, b""
        etag = f"W/\"datetime'{next(self._versions)}'\""
        merged = {**stored, **columns} if method in {"PATCH", "MERGE"} and stored else columns
        partition.put(key, {**merged, "PartitionKey": partition_key, "RowKey": key, "odata.etag": etag})
        return 204, {"etag": etag}, b""

    def _transaction(self, body: bytes) -> Reply:
        """All parts or none: a part that would fail is found before anything is written."""
        parts = [_part(*found) for found in PART.findall(body)]
        for method, path, headers, content in parts:
            stored = self._stored(path, content)
            if failed := _failed(method, stored, headers.get("if-match")):
                return 202, MULTIPART, _part_reply([failed])
        replies = [self._on_row(*part)[0] for part in parts]
        self.operations["row in a transaction"] += len(parts)
        return 202, MULTIPART, _part_reply(replies)

    def _stored(self, path: str, content: bytes) -> Columns | None:
        found = ENTITY.fullmatch(path)
        if found:
            key = found["partition"].replace("''", "'"), found["row"].replace("''", "'")
        else:
            columns = json.loads(content)
            key = columns["PartitionKey"], columns["RowKey"]
        table = path[1:].partition("(")[0]
        partition = self.partitions.get((table, key[0]))
        return partition.rows.get(key[1]) if partition else None

    def _query(self, path: str, query: Mapping[str, str]) -> Reply:
        condition = Condition(query["$filter"])
        partition = self.partitions.get((path[1:].partition("(")[0], condition.partition), Partition())
        at = bisect_left(partition.keys, query.get("NextRowKey") or condition.first)
        size = int(query.get("$top", "1000"))
        found: list[Columns] = []
        names = [*query["$select"].split(","), "odata.etag"] if "$select" in query else None
        while at < len(partition.keys) and partition.keys[at] < condition.last and len(found) < size:
            row = partition.rows[partition.keys[at]]
            if condition.matches(row):
                found.append(row if names is None else {name: row[name] for name in names if name in row})
            at += 1
        headers = {}
        if at < len(partition.keys) and partition.keys[at] < condition.last:
            headers = {
                "x-ms-continuation-NextPartitionKey": condition.partition,
                "x-ms-continuation-NextRowKey": partition.keys[at],
            }
        return 200, headers, json.dumps({"value": found}).encode()


class Condition:
    """A filter: a range of keys in one partition, and what else a row has to meet."""

    def __init__(self, text: str) -> None:
        self.partition, self.first, self.last = "", "", "\uffff"
        self._tokens = [found.groups() for found in TOKEN.finditer(text)]
        for _, _, column, operator, value in self._tokens:
            match column, operator:
                case "PartitionKey", "eq":
                    self.partition = _value(value)
                case "RowKey", "ge":
                    self.first = _value(value)
                case "RowKey", "lt":
                    self.last = _value(value)
        self._has_more = any(column not in {None, "PartitionKey", "RowKey"} for _, _, column, _, _ in self._tokens)

    def matches(self, row: Columns) -> bool:
        """Whether a row meets everything."""
        return not self._has_more or self._any(iter([*self._tokens, (None,) * 5]), row)[0]

    def _any(self, tokens: Iterator[Any], row: Columns) -> tuple[bool, Any]:
        result, token = self._all(tokens, row)
        while token[1] == "or":
            right, token = self._all(tokens, row)
            result = result or right
        return result, token

    def _all(self, tokens: Iterator[Any], row: Columns) -> tuple[bool, Any]:
        result, token = self._one(tokens, row)
        while token[1] == "and":
            right, token = self._one(tokens, row)
            result = result and right
        return result, token

    def _one(self, tokens: Iterator[Any], row: Columns) -> tuple[bool, Any]:
        bracket, _, column, operator, value = next(tokens)
        if bracket == "(":
            result, _ = self._any(tokens, row)  # ends at the closing bracket
            return result, next(tokens)
        stored = row.get(column)
        return stored is not None and COMPARE[operator](stored, _value(value)), next(tokens)


def _failed(method: str, stored: Columns | None, if_match: str | None) -> int | None:
    """The status with which a request fails."""
    match method:
        case "GET" | "DELETE" if stored is None:
            return 404
        case "POST" if stored is not None:
            return 409
        case _ if if_match and stored is None:
            return 404
        case _ if if_match and if_match != "*" and stored and stored["odata.etag"] != if_match:
            return 412
        case _:
            return None


def _value(literal: str) -> Any:
    if literal.startswith("'"):
        return literal[1:-1].replace("''", "'")
    if literal.startswith("datetime'"):
        return literal[9:-1]
    return literal == "true" if literal in {"true", "false"} else float(literal.rstrip("L"))


def _part(method: bytes, url: bytes, head: bytes, content: bytes) -> tuple[str, str, dict[str, str], bytes]:
    path = unquote(url.decode().partition(f"/{DEFAULT_ACCOUNT}")[2])
    return method.decode(), path, _headers(head.decode()), content.strip()


def _part_reply(statuses: list[int]) -> bytes:
    parts = [
        f"--changes\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nHTTP/1.1 {status} "
        f"{REASONS.get(status, 'No')}\r\n{_part_content(status)}\r\n"
        for status in statuses
    ]
    head = "--batch\r\nContent-Type: multipart/mixed; boundary=changes\r\n\r\n"
    return "".join([head, *parts, "--changes--\r\n--batch--\r\n"]).encode()


def _problem(status: int) -> str:
    return json.dumps({"odata.error": {"code": CODES[status], "message": {"lang": "en", "value": "0:failed"}}})


def _part_content(status: int) -> str:
    return f"Content-Type: application/json\r\n\r\n{_problem(status)}" if status >= 400 else "\r\n"


def _headers(text: str) -> dict[str, str]:
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in text.split("\r\n"))}


async def _serve(tables: Tables, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, _, rest = head.partition("\r\n")
            method, target, _ = line.split(" ")
            headers = _headers(rest)
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            status, more, content = tables.respond(method, target, headers, body)
            lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'No')}", f"content-length: {len(content)}"]
            lines += [f"{name}: {value}" for name, value in ({"content-type": "application/json"} | dict(more)).items()]
            writer.write("\r\n".join([*lines, "", ""]).encode() + content)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _run() -> None:
    tables = Tables()
    server = await asyncio.start_server(
        lambda reader, writer: _serve(tables, reader, writer), "127.0.0.1", 0, limit=2**23
    )
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # ends with its parent


@dataclass(frozen=True, slots=True)
class StandIn:
    """A running stand-in."""

    port: int
    pid: int

    @property
    def connection_string(self) -> str:
        """The connection string that opens it."""
        endpoint = f"http://127.0.0.1:{self.port}/{DEFAULT_ACCOUNT}"
        account = f"AccountName={DEFAULT_ACCOUNT};AccountKey={KEY}"
        return f"DefaultEndpointsProtocol=http;{account};TableEndpoint={endpoint};"

    async def operations(self) -> Counter[str]:
        """Operations since the start or the last reset; the rows in transactions count beside them."""
        async with httpx.AsyncClient() as http:
            return Counter((await http.get(f"http://127.0.0.1:{self.port}/operations")).json())

    async def reset(self) -> None:
        """Count from zero."""
        async with httpx.AsyncClient() as http:
            await http.delete(f"http://127.0.0.1:{self.port}/operations")


@asynccontextmanager
async def table_stand_in() -> AsyncIterator[StandIn]:
    """Run the stand-in in a process of its own until the block ends."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.table_stand_in"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    if child.stdin is None or child.stdout is None:
        raise AssertionError("the pipes were requested")
    try:
        yield StandIn(int(await child.stdout.readline()), child.pid)
    finally:
        child.stdin.close()
        await child.wait()


if __name__ == "__main__":
    asyncio.run(_run())
