"""The Model Context Protocol, message by message: both kinds of revisions, errors, batches and limits."""

import json
from typing import Any

import pytest

from api.mcp.protocol import CURRENT_REVISION, EARLIER_REVISIONS, Code, ProtocolError, Response, Server

LIST: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
CALL: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": "a",
    "method": "tools/call",
    "params": {"name": "echo", "arguments": {"text": "hi"}},
}
EARLIER = {"mcp-protocol-version": EARLIER_REVISIONS[0]}


async def call_tool(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    if name != "echo":
        raise ProtocolError(Code.INVALID_PARAMS, f"there is no tool {name}")
    return {"content": [], "structuredContent": arguments, "isError": False}


SERVER = Server("atlas", "Atlas", "1.0.0", "Read-only.", [{"name": "echo"}], call_tool)


def current(message: dict[str, Any], **meta: Any) -> dict[str, Any]:
    """The message as a client of the current revision sends it."""
    own = {
        "io.modelcontextprotocol/protocolVersion": CURRENT_REVISION,
        "io.modelcontextprotocol/clientCapabilities": {},
        **meta,
    }
    return {**message, "params": {**message.get("params", {}), "_meta": own}}


def headers_of(message: dict[str, Any], **changed: str | None) -> dict[str, str]:
    """The headers of the current revision; ``None`` leaves one out."""
    name = message.get("params", {}).get("name")
    known = {"version": CURRENT_REVISION, "method": message.get("method"), "name": name, **changed}
    named = {"version": "mcp-protocol-version", "method": "mcp-method", "name": "mcp-name"}
    return {named[key]: str(value) for key, value in known.items() if value is not None}


async def sent(document: Any, headers: dict[str, str] | None = None) -> Response:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return await SERVER.respond(body, headers or {})


def error_of(response: Response) -> tuple[int, int]:
    """Status and code."""
    assert isinstance(response.document, dict)
    return response.status, response.document["error"]["code"]


def result_of(response: Response) -> dict[str, Any]:
    assert isinstance(response.document, dict)
    assert response.status == 200
    result: dict[str, Any] = response.document["result"]
    return result


@pytest.mark.parametrize("revision", EARLIER_REVISIONS)
async def test_an_earlier_revision_is_agreed_on(revision: str) -> None:
    message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": revision}}
    result = result_of(await sent(message))

    assert result["protocolVersion"] == revision
    assert result["capabilities"] == {"tools": {}}
    assert result["serverInfo"] == {"name": "atlas", "title": "Atlas", "version": "1.0.0"}


@pytest.mark.parametrize("revision", ["2099-01-01", CURRENT_REVISION, ""])
async def test_initialize_offers_the_newest_revision_that_has_it(revision: str) -> None:
    message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": revision}}

    assert result_of(await sent(message))["protocolVersion"] == "2025-11-25"


async def test_an_earlier_client_lists_pings_and_calls() -> None:
    listed, pinged, called = (
        await sent(LIST, EARLIER),
        await sent({**LIST, "method": "ping"}, EARLIER),
        await sent(CALL, EARLIER),
    )

    assert result_of(listed) == {"tools": [{"name": "echo"}]}
    assert result_of(pinged) == {}
    assert result_of(called) == {"content": [], "structuredContent": {"text": "hi"}, "isError": False}


async def test_a_current_client_needs_no_handshake() -> None:
    discover = {**LIST, "method": "server/discover"}
    discovered = result_of(await sent(current(discover), headers_of(discover)))
    listed = result_of(await sent(current(LIST), headers_of(LIST)))
    called = result_of(await sent(current(CALL), headers_of(CALL)))

    assert discovered["supportedVersions"] == [CURRENT_REVISION, *EARLIER_REVISIONS]
    for result in (discovered, listed):
        assert (result["ttlMs"], result["cacheScope"]) == (3_600_000, "public")
    for result in (discovered, listed, called):
        assert result["resultType"] == "complete"
        assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "atlas"
    assert called["structuredContent"] == {"text": "hi"}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"version": None}, Code.HEADER_MISMATCH),
        ({"version": "2025-11-25"}, Code.HEADER_MISMATCH),
        ({"method": None}, Code.HEADER_MISMATCH),
        ({"method": "tools/list"}, Code.HEADER_MISMATCH),
        ({"name": None}, Code.HEADER_MISMATCH),
        ({"name": "other"}, Code.HEADER_MISMATCH),
        ({"name": "=?base64?!?="}, Code.HEADER_MISMATCH),
    ],
)
async def test_headers_must_say_what_the_body_says(changed: dict[str, str | None], code: Code) -> None:
    assert error_of(await sent(current(CALL), headers_of(CALL, **changed))) == (400, code)


async def test_an_encoded_name_is_decoded() -> None:
    assert result_of(await sent(current(CALL), headers_of(CALL, name="=?base64?ZWNobw==?=")))


async def test_an_unknown_revision_is_answered_with_the_known_ones() -> None:
    future = {"io.modelcontextprotocol/protocolVersion": "2099-01-01"}
    for message in (current(LIST, **future), LIST):
        response = await sent(message, headers_of(LIST, version="2099-01-01"))

        assert error_of(response) == (400, Code.UNSUPPORTED_REVISION)
        assert isinstance(response.document, dict)
        assert response.document["error"]["data"] == {
            "supported": [CURRENT_REVISION, *EARLIER_REVISIONS],
            "requested": "2099-01-01",
        }


@pytest.mark.parametrize(
    "meta",
    [
        {"io.modelcontextprotocol/clientCapabilities": None},
        {"io.modelcontextprotocol/clientCapabilities": "none"},
        {"io.modelcontextprotocol/protocolVersion": 7},
    ],
)
async def test_a_request_has_to_describe_itself(meta: dict[str, Any]) -> None:
    assert error_of(await sent(current(LIST, **meta), headers_of(LIST))) == (400, Code.INVALID_PARAMS)
    assert error_of(await sent(LIST, headers_of(LIST))) == (400, Code.INVALID_PARAMS)


async def test_an_unknown_method_is_404_only_in_the_current_revision() -> None:
    """Earlier clients take 404 for the end of a session."""
    unknown = {**LIST, "method": "resources/list"}

    assert error_of(await sent(current(unknown), headers_of(unknown))) == (404, Code.METHOD_NOT_FOUND)
    assert error_of(await sent(unknown, EARLIER)) == (200, Code.METHOD_NOT_FOUND)


async def test_methods_of_the_other_kind_of_revision_do_not_exist() -> None:
    ping, discover = {**LIST, "method": "ping"}, {**LIST, "method": "server/discover"}

    assert error_of(await sent(current(ping), headers_of(ping))) == (404, Code.METHOD_NOT_FOUND)
    assert error_of(await sent(discover, EARLIER)) == (200, Code.METHOD_NOT_FOUND)


@pytest.mark.parametrize("method", ["notifications/initialized", "notifications/cancelled", "unknown"])
async def test_a_notification_gets_202_without_a_body(method: str) -> None:
    response = await sent({"jsonrpc": "2.0", "method": method}, EARLIER)

    assert (response.status, response.body) == (202, b"")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"name": "other"}, Code.INVALID_PARAMS),
        ({"name": 7}, Code.INVALID_PARAMS),
        ({}, Code.INVALID_PARAMS),
        ({"name": "echo", "arguments": []}, Code.INVALID_PARAMS),
        ({"name": "echo", "arguments": "text"}, Code.INVALID_PARAMS),
    ],
)
async def test_an_invalid_call_is_a_protocol_error(params: dict[str, Any], code: Code) -> None:
    assert error_of(await sent({**CALL, "params": params}, EARLIER)) == (200, code)


@pytest.mark.parametrize("arguments", [None, {}])
async def test_a_call_may_have_no_arguments(arguments: Any) -> None:
    params = {"name": "echo", "arguments": arguments}

    assert result_of(await sent({**CALL, "params": params}, EARLIER))["structuredContent"] == {}


async def test_a_text_that_was_cut_inside_a_character_is_replaced() -> None:
    """JSON may contain half of a surrogate pair, which no response could be encoded with."""
    called = await sent({**CALL, "params": {"name": "echo", "arguments": {"text": "\ud83d"}}}, EARLIER)
    unknown = await sent({**LIST, "method": "\ud83d", "id": "\ude00"}, EARLIER)

    assert result_of(called)["structuredContent"] == {"text": "?"}
    assert json.loads(called.body)
    assert json.loads(unknown.body)["error"]["message"] == "unknown method: ?"


async def test_the_list_has_one_page() -> None:
    assert error_of(await sent({**LIST, "params": {"cursor": "x"}}, EARLIER)) == (200, Code.INVALID_PARAMS)
    assert result_of(await sent({**LIST, "params": {"cursor": None}}, EARLIER))


@pytest.mark.parametrize(
    ("document", "code", "message_id"),
    [
        (b"", Code.PARSE_ERROR, None),
        (b"{", Code.PARSE_ERROR, None),
        (b"\xff", Code.PARSE_ERROR, None),
        (b"[" * 50_000, Code.PARSE_ERROR, None),
        (json.dumps({**LIST, "params": {"x": json.loads("[" * 40 + "]" * 40)}}).encode(), Code.PARSE_ERROR, None),
        (json.dumps({**LIST, "params": {"x": [0] * 2000}}).encode(), Code.PARSE_ERROR, None),
        (None, Code.INVALID_REQUEST, None),
        ("text", Code.INVALID_REQUEST, None),
        ({"id": 1, "method": "tools/list"}, Code.INVALID_REQUEST, 1),
        ({**LIST, "jsonrpc": "1.0"}, Code.INVALID_REQUEST, 1),
        ({**LIST, "method": 7}, Code.INVALID_REQUEST, 1),
        ({**LIST, "id": None}, Code.INVALID_REQUEST, None),
        ({**LIST, "id": True}, Code.INVALID_REQUEST, None),
        ({**LIST, "id": 1.5}, Code.INVALID_REQUEST, None),
        ({**LIST, "params": []}, Code.INVALID_REQUEST, 1),
        ({"jsonrpc": "2.0", "id": 1, "result": {}}, Code.INVALID_REQUEST, 1),
    ],
)
async def test_an_invalid_message_is_400(document: Any, code: Code, message_id: int | None) -> None:
    response = await sent(document)

    assert error_of(response) == (400, code)
    assert isinstance(response.document, dict)
    assert response.document["id"] == message_id


async def test_only_one_revision_has_batches() -> None:
    notification = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    batch = [LIST, notification, {**LIST, "id": 2, "method": "unknown"}]
    for headers in ({}, {"mcp-protocol-version": "2025-03-26"}):
        response = await sent(batch, headers)
        assert isinstance(response.document, list)
        assert [one["id"] for one in response.document] == [1, 2]
        assert "result" in response.document[0]
        assert response.document[1]["error"]["code"] == Code.METHOD_NOT_FOUND
    assert (await sent([notification])).status == 202
    assert error_of(await sent(batch, EARLIER)) == (400, Code.INVALID_REQUEST)
    assert error_of(await sent(batch, headers_of(LIST))) == (400, Code.INVALID_REQUEST)
    assert error_of(await sent([])) == (400, Code.INVALID_REQUEST)
    assert error_of(await sent([LIST] * 11)) == (400, Code.INVALID_REQUEST)


async def test_initialize_is_never_part_of_a_batch() -> None:
    response = await sent([{**LIST, "method": "initialize", "params": {"protocolVersion": "2025-03-26"}}])

    assert isinstance(response.document, list)
    assert [one["error"]["code"] for one in response.document] == [Code.INVALID_REQUEST]
