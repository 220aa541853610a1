"""Our requests to Table Storage are those of Microsoft's SDK, apart from what the service ignores."""

import asyncio
import json
import re
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import parse_qsl, unquote

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import AzureError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableServiceClient
from hypothesis import given
from hypothesis import strategies as st

from atlas.microsoft365.connections import open_session, trusted_authorities
from atlas.settings import StorageByConnectionString
from atlas.tables import odata
from atlas.tables.account import TokenSignature
from atlas.tables.store import StorageUnavailable, open_tables
from local.azurite import KEY

KEYS = {"PartitionKey": "o'n eil/é", "RowKey": "r+1@x%"}
ENTITY = {
    **KEYS,
    "Int": 1,
    "Yes": True,
    "At": datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
    "Text": 'té\n"x"',
    "Float": 1.5,
    "NotKnown": None,
}
ETAG = "W/\"datetime'2026'\""
READ = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Sent:
    """A request as it arrived, without what differs for no reason that matters."""

    line: str
    query: frozenset[tuple[str, str]]
    if_match: str | None
    accept: str
    body: object


class Recorder:
    """A server that accepts everything and remembers it."""

    def __init__(self):
        self.sent = []

    async def serve(self, reader, writer):
        while head := await self.head(reader):
            length = READ.search(head)
            body = await reader.readexactly(int(length[1])) if length else b""
            self.sent += parsed(head.decode(), body)
            payload = b'{"value": []}' if head.startswith(b"GET") else b""
            status = b"204 No Content"
            if b"$batch" in head or payload:
                status = b"202 Accepted" if b"$batch" in head else b"200 OK"
            writer.write(b"HTTP/1.1 %s\r\netag: x\r\ncontent-type: application/json\r\n" % status)
            writer.write(b"content-length: %d\r\n\r\n" % len(payload) + payload)
        writer.close()

    async def head(self, reader):
        try:
            return await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""


def parsed(head, body):
    """One request, or all those in a transaction."""
    line, _, rest = head.partition("\r\n")
    method, address, _ = line.split(" ")
    headers = {name.lower(): value for name, value in re.findall(r"([\w-]+): *([^\r\n]*)", rest)}
    if method == "POST" and address.endswith("/$batch"):
        parts = re.split(r"--changeset_[\w-]+", body.decode())[1:-1]
        for part in parts:
            _, inner, content = part.split("\r\n\r\n", 2)
            yield from parsed(inner + "\r\n", content.strip().encode())
        return
    path, _, query = address.removeprefix("http://").partition("/")[2].partition("?")
    yield Sent(
        f"{method} /{unquote(path)}",
        frozenset(parse_qsl(query)),
        headers.get("if-match"),
        "types" if "minimalmetadata" in headers.get("accept", "") and method == "GET" else "",
        {name: value for name, value in json.loads(body).items() if value != "Edm.String"} if body.strip() else None,
    )


@pytest.fixture
async def recorder():
    recorder = Recorder()
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}/devstoreaccount1"
    recorder.connection = (
        f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={KEY};TableEndpoint={endpoint};"
    )
    async with server:
        yield recorder


@asynccontextmanager
async def our_store(recorder):
    storage = StorageByConnectionString(SimpleNamespace(get_secret_value=lambda: recorder.connection))
    async with open_session(trusted_authorities(None)) as session:
        yield open_tables(storage, session)


async def by_sdk(recorder, act):
    """What the SDK sends to the table T."""
    recorder.sent.clear()
    service = TableServiceClient.from_connection_string(recorder.connection)
    async with service, service.get_table_client("T") as table:
        await act(table)
    return list(recorder.sent)


async def by_us(recorder, act):
    """What we send to the table T, after creating it."""
    recorder.sent.clear()
    async with our_store(recorder) as store:
        await act(store)
    assert recorder.sent[0].body == {"TableName": "T"}
    return list(recorder.sent[1:])


ON_MATCH = {"etag": ETAG, "match_condition": MatchConditions.IfNotModified}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        pytest.param(lambda t: t.get_entity(*KEYS.values()), lambda s: s.get("T", *KEYS.values()), id="get"),
        pytest.param(lambda t: t.create_entity(ENTITY), lambda s: s.insert("T", ENTITY), id="insert"),
        pytest.param(
            lambda t: t.upsert_entity(ENTITY, UpdateMode.REPLACE), lambda s: s.upsert("T", ENTITY), id="upsert"
        ),
        pytest.param(
            lambda t: t.update_entity(ENTITY, UpdateMode.REPLACE, **ON_MATCH),
            lambda s: s.replace("T", ENTITY, ETAG),
            id="replace a version",
        ),
        pytest.param(
            lambda t: t.update_entity(ENTITY, UpdateMode.MERGE), lambda s: s.merge("T", ENTITY), id="merge any version"
        ),
        pytest.param(
            lambda t: t.update_entity(ENTITY, UpdateMode.MERGE, **ON_MATCH),
            lambda s: s.merge("T", ENTITY, ETAG),
            id="merge a version",
        ),
        pytest.param(
            lambda t: t.delete_entity(*KEYS.values()), lambda s: s.delete("T", *KEYS.values()), id="delete any version"
        ),
        pytest.param(
            lambda t: t.delete_entity(*KEYS.values(), **ON_MATCH),
            lambda s: s.delete("T", *KEYS.values(), ETAG),
            id="delete a version",
        ),
    ],
)
async def test_a_request_is_the_one_of_the_sdk(recorder, theirs, ours):
    assert await by_us(recorder, ours) == await by_sdk(recorder, theirs)


async def test_a_range_read_is_the_one_of_the_sdk(recorder):
    where, values = " and ( Status eq @s or Enabled eq @yes )", {"s": "it's", "yes": True}
    next_key = {"PartitionKey": "1!a", "RowKey": "1!b="}

    async def theirs(table):
        pages = table.query_entities(
            f"PartitionKey eq @p and RowKey ge @f and RowKey lt @l{where}",
            parameters={"p": "o'n", "f": "a@b", "l": "~", **values},
            select=["RowKey", "Status"],
            results_per_page=5,
        ).by_page(continuation_token=next_key)
        async for page in pages:
            assert [one async for one in page] == []

    ours = await by_us(
        recorder,
        lambda store: store.get_page(
            "T",
            "o'n",
            "a@b",
            select=["RowKey", "Status"],
            size=5,
            next_key=next_key,
            where=where,
            values=values,
        ),
    )

    assert ours == await by_sdk(recorder, theirs)


@pytest.mark.parametrize("mode", [UpdateMode.REPLACE, UpdateMode.MERGE])
async def test_a_transaction_is_the_one_of_the_sdk(recorder, mode):
    async def theirs(table):
        with suppress(AzureError, AttributeError, TypeError, ValueError):  # the recorder sends no parts back
            await table.submit_transaction([("upsert", ENTITY, {"mode": mode}), ("delete", KEYS)])

    async def ours(store):
        write = odata.put_entity if mode is UpdateMode.REPLACE else odata.merge_entity
        requests = [write("T", ENTITY), odata.delete_entity("T", *KEYS.values())]
        await store._created("T")
        with pytest.raises(StorageUnavailable):
            await store._submit("T", requests)

    assert await by_us(recorder, ours) == await by_sdk(recorder, theirs)


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z][a-z]{1,8}", fullmatch=True).filter(lambda name: name != "Timestamp"),
        st.one_of(
            st.text(),
            st.booleans(),
            st.integers(-(2**63), 2**63 - 1),
            st.floats(allow_nan=False, allow_infinity=False),
            st.datetimes(timezones=st.just(UTC), min_value=datetime(1601, 1, 1)),  # noqa: DTZ001 - hypothesis adds the zone
        ),
        max_size=6,
    )
)
def test_every_value_survives_storage(columns):
    stored = json.loads(json.dumps(odata.to_json(columns)))

    read = odata.from_json(stored | {"odata.etag": "x", "Timestamp": "2026-01-01T00:00:00Z"})

    assert read == columns
    assert {name: type(value) for name, value in read.items()} == {name: type(value) for name, value in columns.items()}
    assert read.etag == "x"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.1234567Z", datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)),
        ("yesterday", "yesterday"),
    ],
)
def test_a_time_is_read_in_every_precision(text, moment):
    assert odata.from_json({"At": text, "At@odata.type": "Edm.DateTime"})["At"] == moment


async def test_a_token_is_requested_once_and_sent_over_tls_only():
    requested = []

    async def get_token(scope):
        requested.append(scope)
        return SimpleNamespace(token="of-the-app", expires_on=4_102_444_800)

    signature, headers = TokenSignature(SimpleNamespace(get_token=get_token)), {}
    for _ in range(2):
        url = await signature.sign("GET", "https://a.table.core.windows.net/T()", headers)

    assert (url, headers) == ("https://a.table.core.windows.net/T()", {"Authorization": "Bearer of-the-app"})
    assert requested == ["https://storage.azure.com/.default"]
    with pytest.raises(ValueError, match="https"):
        await signature.sign("GET", "http://127.0.0.1/T()", {})
