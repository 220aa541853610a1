"""The Model Context Protocol over Streamable HTTP: from one HTTP body to one response, without state.

In revision 2026-07-28, every request is self-contained. In earlier revisions, a client calls ``initialize`` first, but
no session is needed, because each later request states its revision in a header. So any instance can respond to any
request.
"""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from http import HTTPStatus
from typing import Any

from atlas.domain.json_limits import InvalidJson, parse_json
from atlas.domain.text import sanitize_json

CURRENT_REVISION = "2026-07-28"
EARLIER_REVISIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""Newest first. 2024-11-05 had another transport but the same messages, and some clients still request it."""
REVISIONS = (CURRENT_REVISION, *EARLIER_REVISIONS)
REVISION_WITH_BATCHES = "2025-03-26"
"""The only revision with batches over this transport. It has no MCP-Protocol-Version header, so a batch needs none."""
MAX_BATCH = 10
MAX_JSON_ITEMS = 1_000

REVISION_HEADER = "mcp-protocol-version"
METHOD_HEADER = "mcp-method"
NAME_HEADER = "mcp-name"
ENCODED_PREFIX, ENCODED_SUFFIX = "=?base64?", "?="
REVISION_KEY = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
SERVER_KEY = "io.modelcontextprotocol/serverInfo"
CACHED_FOR_MS = 3_600_000
"""The tools change only with a new version of the app, and are the same for all callers."""
CACHING: Mapping[str, Any] = {"ttlMs": CACHED_FOR_MS, "cacheScope": "public"}

type Json = dict[str, Any]


class Code(IntEnum):
    """Codes of JSON-RPC errors."""

    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    HEADER_MISMATCH = -32020
    UNSUPPORTED_REVISION = -32022


STATUSES: Mapping[Code, HTTPStatus] = {Code.METHOD_NOT_FOUND: HTTPStatus.NOT_FOUND}
"""The HTTP status of an error in the current revision, if it is not 400."""


@dataclass(eq=False)  # not frozen: re-raising an exception sets its traceback
class ProtocolError(Exception):
    """The problem with a message."""

    code: Code
    message: str
    data: Json | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """The HTTP response to one body; ``document`` is ``None`` if it has no body."""

    status: HTTPStatus
    document: Json | list[Json] | None = None

    @property
    def body(self) -> bytes:
        """The JSON text."""
        return b"" if self.document is None else json.dumps(self.document, ensure_ascii=False).encode()


ACCEPTED = Response(HTTPStatus.ACCEPTED)


@dataclass(frozen=True, slots=True)
class Message:
    """A request, or a notification, which has no ID."""

    method: str
    params: Json
    id: str | int | None

    @property
    def meta(self) -> Json:
        """The protocol revision and the capabilities that the client states in this request."""
        meta = self.params.get("_meta")
        return meta if isinstance(meta, dict) else {}


@dataclass(frozen=True, slots=True)
class Server:
    """An MCP server: its description, its tools, and the function that calls a tool."""

    name: str
    title: str
    version: str
    instructions: str
    tools: Sequence[Json]
    call_tool: Callable[[str, Json], Awaitable[Json]]
    """Call a tool by name with arguments. Raises ``ProtocolError`` if there is no such tool."""

    async def respond(self, body: bytes, headers: Mapping[str, str]) -> Response:
        """Return the response to one POST request. Header names in ``headers`` are lower-case or case-insensitive."""
        try:
            document = sanitize_json(parse_json(body, MAX_JSON_ITEMS))
        except InvalidJson as problem:
            return _error(None, ProtocolError(Code.PARSE_ERROR, f"the body is {problem}"), HTTPStatus.BAD_REQUEST)
        if isinstance(document, list):
            return await self._respond_to_batch(document, headers)
        return await self._respond_to(document, headers)

    async def _respond_to_batch(self, documents: list[Any], headers: Mapping[str, str]) -> Response:
        if headers.get(REVISION_HEADER, REVISION_WITH_BATCHES) != REVISION_WITH_BATCHES:
            return rejection("the body must be one message; only revision 2025-03-26 has batches")
        if not 0 < len(documents) <= MAX_BATCH:
            return rejection(f"a batch must contain 1 to {MAX_BATCH} messages")
        responses = [await self._respond_to(document, headers, in_batch=True) for document in documents]
        results = [response.document for response in responses if isinstance(response.document, dict)]
        return Response(HTTPStatus.OK, results) if results else ACCEPTED

    async def _respond_to(self, document: Any, headers: Mapping[str, str], *, in_batch: bool = False) -> Response:
        try:
            message = _parse_message(document)
        except ProtocolError as error:
            return _error(_id_of(document), error, HTTPStatus.BAD_REQUEST)
        if message.id is None:
            return ACCEPTED  # nothing that this server does depends on a notification
        if in_batch and message.method == "initialize":
            return _error(message.id, ProtocolError(Code.INVALID_REQUEST, "initialize must not be part of a batch"))
        is_self_contained = _is_self_contained(message, headers)
        try:
            if is_self_contained:
                _validate_metadata(message, headers)
            result = await self._result(message, is_self_contained=is_self_contained)
        except ProtocolError as error:
            status = STATUSES.get(error.code, HTTPStatus.BAD_REQUEST) if is_self_contained else HTTPStatus.OK
            return _error(message.id, error, status)
        return Response(HTTPStatus.OK, {"jsonrpc": "2.0", "id": message.id, "result": result})

    async def _result(self, message: Message, *, is_self_contained: bool) -> Json:
        more = {"resultType": "complete", "_meta": {SERVER_KEY: self._info}} if is_self_contained else {}
        match message.method:
            case "initialize" if not is_self_contained:
                return self._initialize(message.params)
            case "ping" if not is_self_contained:
                return {}
            case "server/discover" if is_self_contained:
                about = {"supportedVersions": [*REVISIONS], "capabilities": {"tools": {}}}
                return {**about, "instructions": self.instructions, **CACHING, **more}
            case "tools/list":
                if message.params.get("cursor") is not None:
                    raise ProtocolError(
                        Code.INVALID_PARAMS, "cursor is not supported: tools/list returns all tools at once"
                    )
                return {"tools": [*self.tools], **(CACHING if is_self_contained else {}), **more}
            case "tools/call":
                return {**await self._call_tool(message.params), **more}
            case _:
                raise ProtocolError(Code.METHOD_NOT_FOUND, f"unknown method: {message.method[:100]}")

    def _initialize(self, params: Json) -> Json:
        """Return the requested revision if it is supported, otherwise the newest one that has ``initialize``."""
        requested = params.get("protocolVersion")
        if not isinstance(requested, str):
            raise ProtocolError(Code.INVALID_PARAMS, "protocolVersion must be a string")
        return {
            "protocolVersion": requested if requested in EARLIER_REVISIONS else EARLIER_REVISIONS[0],
            "capabilities": {"tools": {}},
            "serverInfo": self._info,
            "instructions": self.instructions,
        }

    async def _call_tool(self, params: Json) -> Json:
        name, arguments = params.get("name"), params.get("arguments")
        if not isinstance(name, str):
            raise ProtocolError(Code.INVALID_PARAMS, "name must be a string, the name of a tool")
        if not isinstance(arguments, dict | None):
            raise ProtocolError(Code.INVALID_PARAMS, "arguments must be an object")
        return await self.call_tool(name, arguments or {})

    @property
    def _info(self) -> Json:
        return {"name": self.name, "title": self.title, "version": self.version}


def _parse_message(document: Any) -> Message:
    match document:
        case {"jsonrpc": "2.0", "method": str(method), **rest}:
            params = rest.get("params")
        case _:
            raise ProtocolError(Code.INVALID_REQUEST, "the body must be a JSON-RPC 2.0 request or notification")
    if not isinstance(params, dict | None):
        raise ProtocolError(Code.INVALID_REQUEST, "params must be an object")
    if "id" in rest and _id_of(document) is None:
        raise ProtocolError(Code.INVALID_REQUEST, "id must be a string or a whole number")
    return Message(method, params or {}, _id_of(document))


def _id_of(document: Any) -> str | int | None:
    found = document.get("id") if isinstance(document, dict) else None
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None


def _is_self_contained(message: Message, headers: Mapping[str, str]) -> bool:
    """Whether the request is self-contained, as in the current revision and in newer, unknown ones."""
    if message.method == "initialize":
        return False
    return REVISION_KEY in message.meta or headers.get(REVISION_HEADER, EARLIER_REVISIONS[0]) not in EARLIER_REVISIONS


def _validate_metadata(message: Message, headers: Mapping[str, str]) -> None:
    """Raises ``ProtocolError`` if ``_meta`` is incomplete or invalid, or the headers do not match the body."""
    header = headers.get(REVISION_HEADER)
    requested = message.meta.get(REVISION_KEY, header)
    if not isinstance(requested, str) or not isinstance(message.meta.get(CAPABILITIES_KEY, {}), dict):
        raise ProtocolError(
            Code.INVALID_PARAMS, f"_meta: {REVISION_KEY} must be a string and {CAPABILITIES_KEY} an object"
        )
    if requested != header:
        raise ProtocolError(Code.HEADER_MISMATCH, f'the header MCP-Protocol-Version must match _meta["{REVISION_KEY}"]')
    if requested != CURRENT_REVISION:
        data = {"supported": [*REVISIONS], "requested": requested}
        raise ProtocolError(Code.UNSUPPORTED_REVISION, "this revision of the protocol is not supported", data)
    if missing := [key for key in (REVISION_KEY, CAPABILITIES_KEY) if key not in message.meta]:
        raise ProtocolError(Code.INVALID_PARAMS, f"params._meta lacks {', '.join(missing)}")
    if headers.get(METHOD_HEADER) != message.method:
        raise ProtocolError(Code.HEADER_MISMATCH, "the header Mcp-Method must match the method in the body")
    if message.method == "tools/call" and _decode(headers.get(NAME_HEADER)) != message.params.get("name"):
        raise ProtocolError(Code.HEADER_MISMATCH, "the header Mcp-Name must match params.name in the body")


def _decode(value: str | None) -> str | None:
    """Decode the value of a header. Clients encode values that are not plain ASCII."""
    if value is None or not (value.startswith(ENCODED_PREFIX) and value.endswith(ENCODED_SUFFIX)):
        return value
    try:
        encoded = value.removeprefix(ENCODED_PREFIX).removesuffix(ENCODED_SUFFIX)
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def rejection(message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> Response:
    """An error response without a message ID: the request contains no valid message, or must not contain a batch."""
    return _error(None, ProtocolError(Code.INVALID_REQUEST, message), status)


def _error(message_id: str | int | None, error: ProtocolError, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """An error response. Earlier revisions return 200 if the message is valid."""
    details = {"code": int(error.code), "message": error.message, **({"data": error.data} if error.data else {})}
    return Response(status, {"jsonrpc": "2.0", "id": message_id, "error": details})
