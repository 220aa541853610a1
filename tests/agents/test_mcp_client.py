"""An agent's run against the complete product, with the reference client of the protocol, which is not ours."""

import base64
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult

from api.access import PRINCIPAL_HEADER, AppRole
from api.mcp.tools import MAX_ITEMS, TOOLS
from local.azurite import Azurite
from tests.e2e.deployment import Deployment, deployed, tenant_of
from tests.e2e.scanned import only_reads

MODES = ("auto", "2026-07-28", "legacy")
EASY_AUTH = {"API_ACCESS": "entra", "WEBSITE_AUTH_ENABLED": "True"}
FAR = {"from": "2026-11-23T08:00:00", "to": "2027-01-20T08:00:00"}


@asynccontextmanager
async def agent(
    product: Deployment, mode: str = "auto", headers: Mapping[str, str] | None = None
) -> AsyncIterator[Client]:
    """A connected client, which validates every result against the tool's output schema."""
    async with httpx2.AsyncClient(headers=dict(headers or {}), timeout=60) as http:
        transport = streamable_http_client(f"{product.host.url}/api/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


def data(result: CallToolResult) -> dict[str, Any]:
    """The result of a tool that succeeded, which is the same as text."""
    assert not result.is_error, result.content
    structured: dict[str, Any] = result.structured_content
    assert json.loads(result.content[0].text) == structured  # type: ignore[union-attr]
    return structured


def error(result: CallToolResult) -> str:
    """What a tool that failed says."""
    assert result.is_error
    assert result.structured_content is None
    return str(result.content[0].text)  # type: ignore[union-attr]


def principal(*roles: str) -> dict[str, str]:
    """The header of Easy Auth for a caller with these roles."""
    document = {"role_typ": "roles", "claims": [{"typ": "roles", "val": role} for role in roles]}
    return {PRINCIPAL_HEADER: base64.b64encode(json.dumps(document).encode()).decode()}


@pytest.mark.parametrize("mode", MODES)
@only_reads
async def test_an_agent_finds_a_colleague_and_free_times(scanned: Deployment, mode: str) -> None:
    """From a name to a page to times, with each kind of revision."""
    published = scanned.user_with("published")
    colleague = scanned.tenant.user(published["index"])
    async with agent(scanned, mode) as client:
        revision = client.protocol_version
        tools = await client.list_tools()
        people = data(await client.call_tool("find_people", {"search": colleague.display_name, "limit": None}))
        (person,) = [one for one in people["people"] if one["userId"] == published["id"]]
        page = data(await client.call_tool("get_booking_page", {"user": person["userPrincipalName"]}))
        times = data(await client.call_tool("get_free_times", {"user": person["userId"], "timeZone": "Europe/Zurich"}))

    assert [tool.name for tool in tools.tools] == [tool.name for tool in TOOLS]
    assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools.tools)
    assert person["url"] == page["url"]
    assert page["anonymousUrl"] == f"{page['url']}?anonymous"
    assert page["source"] == "row"
    assert times["availability"]["timeZone"] == "Europe/Zurich"
    assert times["availability"]["meetingType"]["id"] in {one["id"] for one in page["meetingTypes"]}
    assert times["availabilityProblem"] is None
    assert revision == ("2025-11-25" if mode == "legacy" else "2026-07-28")


async def test_lists_are_empty_before_the_first_scan(tmp_path: Path, azurite: Azurite) -> None:
    async with (
        tenant_of(tmp_path, users=5) as tenant,
        deployed(tenant, azurite, SHARED_PAGES="true") as product,
        agent(product) as client,
    ):
        people = data(await client.call_tool("find_people", {"search": "a"}))
        shared_pages = data(await client.call_tool("list_shared_pages", {}))

    assert people == {"people": [], "continuation": None}
    assert shared_pages == {"pages": [], "continuation": None}


@only_reads
async def test_null_and_empty_results_are_valid(scanned: Deployment) -> None:
    """A user of each status, one who does not exist, an empty list, and a time without free times."""
    async with agent(scanned) as client:
        people = {truth["status"]: user_id for user_id, truth in scanned.expected().items()}
        pages = {
            status: data(await client.call_tool("get_booking_page", {"user": user_id}))
            for status, user_id in people.items()
        }
        times = {
            status: data(await client.call_tool("get_free_times", {"user": user_id}))
            for status, user_id in people.items()
            if status != "published"
        }
        no_page = data(await client.call_tool("get_booking_page", {"user": "nobody@contoso.com"}))
        no_times = data(await client.call_tool("get_free_times", {"user": "nobody@contoso.com"}))
        none_found = data(await client.call_tool("find_people", {"search": "qqqq"}))

    assert none_found == {"people": [], "continuation": None}
    assert {status: page["status"] for status, page in pages.items()} == {status: status for status in people}
    assert len(people) > 5
    assert pages["notSetUp"]["url"] is pages["noMailbox"]["anonymousUrl"] is None
    assert times["notSetUp"]["availability"] is None
    assert times["signInRequired"]["availabilityProblem"]["code"] == "signInRequired"
    assert times["noPublicTypes"]["availability"]["meetingType"] is None
    assert times["noPublicTypes"]["availability"]["free"] == []
    assert no_page == dict.fromkeys(no_page) | {"status": "notFound"}
    assert no_times == dict.fromkeys(no_times) | {"status": "notFound"}


@only_reads
async def test_lists_are_bounded_and_continue(scanned: Deployment) -> None:
    async with agent(scanned) as client:
        found: list[dict[str, Any]] = []
        arguments: dict[str, Any] = {"limit": MAX_ITEMS}
        while True:
            page = data(await client.call_tool("list_people_without_page", arguments))
            assert len(page["people"]) <= MAX_ITEMS
            found += page["people"]
            if page["continuation"] is None:
                break
            arguments["continuation"] = page["continuation"]
        user = scanned.user_with("published")["id"]
        first = data(await client.call_tool("get_free_times", {"user": user, **FAR}))
        rest = data(await client.call_tool("get_free_times", {"user": user, **FAR, "from": first["continuation"]}))
        complete = (await scanned.http.get(f"/api/users/{user}/availability", params=FAR)).json()
    rows = await scanned.rows()

    wanted = {
        row["RowKey"]
        for row in rows.values()
        if row["Status"] in {"notSetUp", "switchedOff", "noCapability", "noMailbox"}
        and row["UserType"] == "Member"
        and row["AccountEnabled"]
    }
    assert len(found) > MAX_ITEMS
    assert {person["userId"] for person in found} == wanted
    assert len(found) == len(wanted)
    free = complete["availability"]["free"]
    assert (
        first["availability"]["free"] + rest["availability"]["free"] == free[: 40 + len(rest["availability"]["free"])]
    )
    assert first["continuation"] == free[40]["start"]


@only_reads
async def test_shared_pages_are_listed_without_their_holders(scanned: Deployment) -> None:
    async with agent(scanned) as client:
        first = data(await client.call_tool("list_shared_pages", {"limit": MAX_ITEMS}))
        continuation = {"limit": MAX_ITEMS, "continuation": first["continuation"]}
        rest = data(await client.call_tool("list_shared_pages", continuation))
        with_finding = data(await client.call_tool("list_shared_pages", {"finding": "externalStaff"}))
    listed = (await scanned.http.get("/api/shared-pages", params={"limit": 1000})).json()["value"]

    pages = first["pages"] + rest["pages"]
    assert len(first["pages"]) == MAX_ITEMS < len(pages)
    assert rest["continuation"] is None
    assert pages == [{name: page[name] for name in pages[0]} for page in listed]
    assert "holders" not in pages[0]
    assert any(page["publicUrl"] is None or page["createdBy"] is None for page in pages)
    assert (
        {page["id"] for page in with_finding["pages"]}
        == {page["id"] for page in pages if "externalStaff" in page["findings"]}
        != set()
    )


@only_reads
async def test_invalid_arguments_are_results_that_say_what_is_valid(scanned: Deployment) -> None:
    user = scanned.user_with("published")["id"]
    async with agent(scanned) as client:
        errors = [
            error(await client.call_tool(name, arguments))
            for name, arguments in (
                ("get_booking_page", {"user": " "}),
                ("get_booking_page", {"user": "Adele"}),
                ("get_free_times", {"user": user, "timeZone": "Middle-earth"}),
                ("get_free_times", {"user": user, "from": "tomorrow"}),
                ("find_people", {"search": "a", "continuation": "x"}),
            )
        ]

    assert [re.match(r"(\w+): (\w+) ", one).groups() for one in errors] == [  # type: ignore[union-attr]
        ("invalidParameter", "user"),
        ("invalidParameter", "user"),
        ("invalidParameter", "timeZone"),
        ("invalidParameter", "from"),
        ("invalidContinuation", "continuation"),
    ]


@only_reads
async def test_tools_require_the_roles_of_their_routes(scanned: Deployment) -> None:
    user = scanned.user_with("published")["id"]
    async with scanned.beside(**EASY_AUTH) as guarded:
        async with agent(guarded, headers=principal(AppRole.READ)) as client:
            page = data(await client.call_tool("get_booking_page", {"user": user}))
            no_times = error(await client.call_tool("get_free_times", {"user": user}))
        async with agent(guarded, headers=principal(AppRole.AVAILABILITY)) as client:
            times = data(await client.call_tool("get_free_times", {"user": user}))
            no_page = error(await client.call_tool("get_booking_page", {"user": user}))
        with_another = await post(guarded, **principal(AppRole.RUN_SCANS))
        without = await post(guarded)

    assert page["userId"] == times["userId"] == user
    assert no_times == "forbidden: the token lacks the app role Bookings.Availability"
    assert no_page == "forbidden: the token lacks the app role Bookings.Read"
    assert (with_another.status_code, with_another.json()["code"]) == (403, "forbidden")
    assert (without.status_code, without.json()["code"]) == (401, "unauthenticated")


@only_reads
async def test_live_tools_share_the_callers_limit(scanned: Deployment) -> None:
    user = scanned.user_with("published")["id"]
    async with scanned.beside(LIVE_LOOKUPS_PER_MINUTE="3") as limited, agent(limited) as client:
        data(await client.call_tool("get_free_times", {"user": user}))
        data(await client.call_tool("get_booking_page", {"user": user, "fresh": True}))
        by_route = await limited.lookup(user, fresh="true")
        refused = error(await client.call_tool("get_free_times", {"user": user}))
        from_row = data(await client.call_tool("get_booking_page", {"user": user}))

    assert by_route.status_code == 200
    assert re.fullmatch(r"tooManyRequests: .+ Try again in \d+ seconds", refused)
    assert from_row["source"] == "row"


async def test_excluded_users_are_not_returned(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=5) as tenant:
        upn = next(user["upn"] for user in tenant.users() if user["expected"]["status"] == "published")
        async with deployed(tenant, azurite, EXCLUDE_USERS=upn) as product:
            await product.scan()
            async with agent(product) as client:
                page = error(await client.call_tool("get_booking_page", {"user": upn}))
                times = error(await client.call_tool("get_free_times", {"user": upn}))
                found = data(await client.call_tool("find_people", {"search": upn.partition("@")[0]}))

    assert page.startswith("excluded: ")
    assert times.startswith("excluded: ")
    assert found["people"] == []


async def post(product: Deployment, body: bytes | None = None, **headers: str) -> httpx.Response:
    """A request that no client of the protocol sends."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    content = json.dumps(message).encode() if body is None else body
    given = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **headers}
    return await product.http.post("/api/mcp", content=content, headers=given)


@only_reads
async def test_requests_that_are_not_of_this_protocol_are_refused(scanned: Deployment) -> None:
    ping = await post(scanned)
    form = await post(scanned, **{"Content-Type": "text/plain"})
    events = await post(scanned, Accept="text/event-stream")
    large = await post(scanned, b" " * 70_000)
    deep = await post(scanned, b"[" * 50_000)
    empty = await post(scanned, b"")
    read = await scanned.http.get("/api/mcp")
    ended = await scanned.http.delete("/api/mcp")
    alive = await post(scanned)

    assert {response.status_code for response in (ping, alive)} == {200}
    assert ping.json() == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert [response.status_code for response in (form, events, large, deep, empty)] == [415, 406, 413, 400, 400]
    assert {response.status_code for response in (read, ended)} == {405}
    assert {response.headers["Allow"] for response in (read, ended)} == {"POST"}
