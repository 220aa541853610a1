"""Responses that are meant to do harm: bombs, foreign links, and bodies that never end."""

import gzip
import json
import tracemalloc

import pytest
from aiohttp import web

from atlas.microsoft365.calls import MEBIBYTE, ApiClient, Request
from atlas.microsoft365.connections import open_http, trusted_authorities
from atlas.microsoft365.exchange import Exchange
from atlas.microsoft365.exchange_listing import Cursor
from atlas.microsoft365.failures import NotUnderstood, ResponseTooLarge, Throttled
from atlas.microsoft365.graph import Graph
from atlas.microsoft365.signed_calls import SignedApiClient
from tests.clients.graph_users import TokenSource
from tests.clients.serving import serving

TENANT = "a7809c93-1111-4222-8333-944445555666"


def compressed(body, times=1, status=200, **headers):
    coding = ", ".join(["gzip"] * times)
    for _ in range(times):
        body = gzip.compress(body)
    return web.Response(body=body, status=status, headers={"Content-Encoding": coding, **headers})


async def send(respond, **limits):
    async with serving(respond) as served, open_http(trusted_authorities(None)) as http:
        return await ApiClient(http).send(Request("GET", served.url, **limits), lambda _: None)


async def test_one_gzip_coding_is_decompressed():
    assert (await send(lambda _: compressed(b'{"a": 1}'))).json() == {"a": 1}


async def test_stacked_codings_are_rejected():
    with pytest.raises(NotUnderstood, match="a coding that was not requested"):
        await send(lambda _: compressed(b"{}", times=2))


async def test_a_gzip_bomb_is_not_expanded():
    bomb = compressed(bytes(256 * MEBIBYTE))
    body, headers = bomb.body, dict(bomb.headers)

    tracemalloc.start()
    with pytest.raises(ResponseTooLarge):
        await send(lambda _: web.Response(body=body, headers=headers))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 32 * MEBIBYTE


async def test_a_truncated_gzip_body_is_not_understood():
    whole = gzip.compress(json.dumps(list(range(10_000))).encode())

    with pytest.raises(NotUnderstood, match="ends early"):
        await send(lambda _: web.Response(body=whole[: len(whole) // 2], headers={"Content-Encoding": "gzip"}))


@pytest.mark.parametrize("status", [404, 429, 500, 503])
async def test_the_status_of_an_error_counts_more_than_its_body(status):
    response = await send(lambda _: compressed(bytes(8 * MEBIBYTE), status=status), max_response_bytes=MEBIBYTE)

    assert response.status == status
    assert len(response.body) <= MEBIBYTE


@pytest.mark.parametrize("document", ["[" * 3_000 + "]" * 3_000, "[" + "[]," * 200_000 + "0]"])
async def test_a_json_bomb_is_not_understood(document):
    response = await send(lambda _: web.Response(text=document, content_type="application/json"))

    with pytest.raises(NotUnderstood):
        response.json()


@pytest.mark.parametrize(
    "link",
    [
        "{other}/v1.0/users?$skiptoken=a",
        "http://localhost:{port}/v1.0/users",
        "http://127.0.0.1:{port}@{otherhost}/v1.0/users",
        "https://127.0.0.1:{port}/v1.0/users",
        "//{otherhost}/x",
        "/v1.0/users",
        "file:///etc/passwd",
        "nothing",
    ],
)
async def test_a_token_is_never_sent_to_another_origin(link):
    """A scan can be started with any link as its input."""
    tokens = TokenSource()
    async with (
        serving(lambda _: web.json_response({"value": []})) as own,
        serving(lambda _: web.json_response({"value": []})) as other,
        open_http(trusted_authorities(None)) as http,
    ):
        client = SignedApiClient(ApiClient(http), tokens, "scope", own.url)
        foreign = link.format(
            other=other.url, otherhost=other.url.removeprefix("http://"), port=own.url.rpartition(":")[2]
        )
        for request in (
            Graph(client).get_licensed_page(foreign),
            Exchange(client, TENANT).get_mailboxes_page(Cursor(link=foreign).to_text()),
            Exchange(client, TENANT).get_policies_page(Cursor(link=foreign).to_text()),
        ):
            with pytest.raises(NotUnderstood):
                await request

    assert own.requests == other.requests == []
    assert tokens.requested == 0


@pytest.mark.parametrize("text", ["", "[]", "{", "http://elsewhere.example/", '{"page_size": "x"}', '{"periods": [7]}'])
async def test_an_unreadable_place_in_a_listing_is_not_understood(text):
    async with open_http(trusted_authorities(None)) as http:
        exchange = Exchange(SignedApiClient(ApiClient(http), TokenSource(), "scope", "http://127.0.0.1:9"), TENANT)
        with pytest.raises(NotUnderstood):
            await exchange.get_mailboxes_page(text)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 400])
@pytest.mark.parametrize(("retry_after", "seconds"), [("45", 45), ("45.5", 45.5), ("1e9", 86_400), ("soon", None)])
async def test_retry_after_is_honoured_on_every_status_of_graph(status, retry_after, seconds):
    def respond(_):
        return web.json_response({}, status=status, headers={"Retry-After": retry_after})

    async with serving(respond) as served, open_http(trusted_authorities(None)) as http:
        graph = Graph(SignedApiClient(ApiClient(http), TokenSource(), "scope", served.url))
        with pytest.raises(Throttled) as caught:
            await graph.get_account("a")

    assert caught.value.wait_seconds == seconds
