"""Tables as the product uses them: on a real Azurite and in SQLite; then lost connections and refusals."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from atlas.microsoft365.connections import open_session, trusted_authorities
from atlas.settings import Settings
from atlas.tables.sqlite_store import IN_MEMORY, open_sqlite
from atlas.tables.store import (
    RowChanged,
    RowExists,
    StorageRefused,
    StorageUnavailable,
    open_tables,
    storage_credential,
)
from local.azurite import KEY

TABLE = "TestRows"


def row(tenant_id, key, **columns):
    return {"PartitionKey": tenant_id, "RowKey": key, **columns}


async def keys(store, tenant_id, **more):
    return [entity["RowKey"] async for entity in store.iterate(TABLE, tenant_id, **more)]


@pytest.fixture(params=["Azure", "SQLite"])
def tables(request, store):
    """Both kinds of tables, which must behave the same."""
    if request.param == "Azure":
        yield store
        return
    with open_sqlite(IN_MEMORY) as local:
        yield local


async def test_a_row_that_was_never_written_is_not_there(tables, tenant_id):
    assert await tables.get(TABLE, tenant_id, "a") is None


async def test_a_row_is_inserted_once(tables, tenant_id):
    await tables.insert(TABLE, row(tenant_id, "a", Text="one"))

    with pytest.raises(RowExists):
        await tables.insert(TABLE, row(tenant_id, "a", Text="two"))
    with pytest.raises(RowChanged):
        await tables.replace(TABLE, row(tenant_id, "a", Text="two"), None)

    assert (await tables.get(TABLE, tenant_id, "a"))["Text"] == "one"


async def test_a_write_requires_the_version_read(tables, tenant_id):
    first = await tables.insert(TABLE, row(tenant_id, "a", Text="one"))
    second = await tables.replace(TABLE, row(tenant_id, "a", Text="two"), first)

    for stale in (tables.replace(TABLE, row(tenant_id, "a"), first), tables.merge(TABLE, row(tenant_id, "a"), first)):
        with pytest.raises(RowChanged):
            await stale
    with pytest.raises(RowChanged):
        await tables.delete(TABLE, tenant_id, "a", first)

    assert second != first
    assert (await tables.get(TABLE, tenant_id, "a")).metadata["etag"] == second


async def test_rows_are_written_together_or_not_at_all(tables, tenant_id):
    first = await tables.insert(TABLE, row(tenant_id, "a", Text="one"))
    await tables.replace_together(TABLE, [(row(tenant_id, "a", Text="two"), first), (row(tenant_id, "b"), None)])
    second = (await tables.get(TABLE, tenant_id, "a")).metadata["etag"]
    attempts = [
        [(row(tenant_id, "a", Text="stale"), first), (row(tenant_id, "c"), None)],
        [(row(tenant_id, "a", Text="late"), second), (row(tenant_id, "b"), None)],
        [(row(tenant_id, "c"), None), (row(tenant_id, "gone"), second)],
    ]
    for attempt in attempts:
        with pytest.raises(RowChanged):
            await tables.replace_together(TABLE, attempt)

    assert await keys(tables, tenant_id) == ["a", "b"]
    assert (await tables.get(TABLE, tenant_id, "a"))["Text"] == "two"


async def test_a_row_that_is_gone_is_not_written_over(tables, tenant_id):
    etag = await tables.insert(TABLE, row(tenant_id, "a"))
    await tables.delete(TABLE, tenant_id, "a", etag)

    with pytest.raises(RowChanged):
        await tables.replace(TABLE, row(tenant_id, "a"), etag)
    with pytest.raises(RowChanged):
        await tables.merge(TABLE, row(tenant_id, "a"), etag)
    await tables.delete(TABLE, tenant_id, "a", etag)


async def test_a_merge_keeps_other_columns(tables, tenant_id):
    etag = await tables.insert(TABLE, row(tenant_id, "a", One="1", Two="2"))
    etag = await tables.merge(TABLE, row(tenant_id, "a", Two="3"), etag)
    merged = dict(await tables.get(TABLE, tenant_id, "a"))
    await tables.replace(TABLE, row(tenant_id, "a", Three="3"), etag)

    assert (merged["One"], merged["Two"]) == ("1", "3")
    assert set(await tables.get(TABLE, tenant_id, "a")) == {"PartitionKey", "RowKey", "Three"}


async def test_a_range_is_read_in_order(tables, tenant_id):
    await tables.upsert_all(TABLE, [row(tenant_id, f"{n:04d}") for n in range(1100)])

    assert await keys(tables, tenant_id) == [f"{n:04d}" for n in range(1100)]
    assert await keys(tables, tenant_id, first="0005", last="0008") == ["0005", "0006", "0007"]


async def test_each_part_of_a_range_leads_to_the_next(tables, tenant_id):
    await tables.upsert_all(TABLE, [row(tenant_id, f"{n}", Text="x") for n in range(5)])

    first = await tables.get_page(TABLE, tenant_id, size=3, select=["RowKey"])
    second = await tables.get_page(TABLE, tenant_id, size=3, next_key=first.next_key)

    assert [entity["RowKey"] for entity in first.entities] == ["0", "1", "2"]
    assert "Text" not in first.entities[0]
    assert [entity["RowKey"] for entity in second.entities] == ["3", "4"]
    assert second.next_key is None


async def test_a_tenant_sees_its_own_rows_alone(tables, tenant_id):
    await tables.upsert_all(TABLE, [row(tenant_id, "a"), row(tenant_id, "b")])
    await tables.upsert_all(TABLE, [row("o'neil", "c")])

    assert await keys(tables, "o'neil") == ["c"]
    assert await keys(tables, tenant_id) == ["a", "b"]


@pytest.mark.filterwarnings("ignore:Sending a large body")  # aiohttp's advice to the SDK
async def test_rows_of_many_kilobytes_are_written_in_bulk(tables, tenant_id):
    await tables.upsert_all(
        TABLE, [row(tenant_id, f"{n:03d}", **{f"T{m}": "x" * 30_000 for m in range(8)}) for n in range(20)]
    )

    assert len(await keys(tables, tenant_id)) == 20


async def test_bulk_deletion_ignores_missing_rows(tables, tenant_id):
    await tables.upsert_all(TABLE, [row(tenant_id, f"{n:03d}") for n in range(150)])
    await tables.delete(TABLE, tenant_id, "007")

    await tables.delete_all(TABLE, tenant_id, [f"{n:03d}" for n in range(140)])
    await tables.delete_all(TABLE, tenant_id, [f"{n:03d}" for n in range(140)])
    await tables.delete_all(TABLE, tenant_id, [])

    assert await keys(tables, tenant_id) == [f"{n:03d}" for n in range(140, 150)]


async def test_concurrent_first_uses_create_a_table_once(tables, tenant_id):
    await asyncio.gather(*(tables.insert("Fresh" + tenant_id[:8], row(tenant_id, str(n))) for n in range(20)))

    assert len([one async for one in tables.iterate("Fresh" + tenant_id[:8], tenant_id)]) == 20


async def test_every_type_of_value_is_stored(tables, tenant_id):
    at = datetime(2026, 11, 23, 3, 4, 5, 678901, tzinfo=UTC)
    columns = {
        "Text": "Zoë \u4e16\u754c 'x'",
        "Empty": "",
        "Flag": True,
        "Number": 7,
        "Share": 0.5,
        "At": at,
        "None": None,
    }
    await tables.upsert(TABLE, row(tenant_id, "a", **columns))

    stored = await tables.get(TABLE, tenant_id, "a")

    assert dict(stored) == {name: value for name, value in row(tenant_id, "a", **columns).items() if value is not None}
    assert stored["Flag"] is True


@pytest.mark.parametrize(
    ("where", "values", "expected"),
    [
        (" and Status eq @status", {"status": "published"}, "ad"),
        (" and ( Status eq @one or Status eq @two )", {"one": "published", "two": "gone"}, "abd"),
        (" and ( Status eq @status ) and ( Enabled eq @enabled )", {"status": "published", "enabled": True}, "a"),
        (" and Enabled eq @enabled", {"enabled": False}, "bd"),
        (" and At ge @at", {"at": datetime(2026, 11, 2, tzinfo=UTC)}, "bd"),
        (" and Count gt @count", {"count": 1}, "bd"),
    ],
)
async def test_storage_filters_rows(tables, tenant_id, where, values, expected):
    """A row without the column never matches."""
    rows = {"a": ("published", True, 1), "b": ("gone", False, 2), "d": ("published", False, 3)}
    await tables.upsert_all(
        TABLE,
        [
            row(tenant_id, key, Status=status, Enabled=enabled, Count=day, At=datetime(2026, 11, day, tzinfo=UTC))
            for key, (status, enabled, day) in rows.items()
        ],
    )
    await tables.upsert(TABLE, row(tenant_id, "c"))

    page = await tables.get_page(TABLE, tenant_id, where=where, values=values)

    assert "".join(entity["RowKey"] for entity in page.entities) == expected


class Proxy:
    """A proxy in front of Azurite that breaks connections on demand."""

    def __init__(self, port):
        self.target = port
        self.port = 0
        self.cut_before_responses = 0
        self.requests = 0
        self.writers = set()

    async def serve(self, reader, writer):
        theirs, ours = await asyncio.open_connection("127.0.0.1", self.target)
        self.writers |= {writer, ours}
        await asyncio.gather(self.forward_requests(reader, ours), self.forward_responses(theirs, writer))
        self.writers -= {writer, ours}

    async def forward_requests(self, reader, ours):
        while data := await self.read(reader):
            self.requests += 1
            ours.write(data)
        ours.close()

    async def forward_responses(self, theirs, writer):
        while data := await self.read(theirs):
            if self.cut_before_responses:
                self.cut_before_responses -= 1
                writer.transport.abort()
            writer.write(data)
        writer.close()

    async def read(self, reader):
        try:
            return await reader.read(65_536)
        except ConnectionError:
            return b""

    def cut_all(self):
        """As a server does that closes idle connections."""
        for writer in self.writers:
            writer.transport.abort()


@asynccontextmanager
async def store_behind_proxy(azurite):
    proxy = Proxy(azurite.port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    connection = azurite.connection_string.replace(f":{azurite.port}/", f":{proxy.port}/")
    storage = Settings.load({"TENANT_ID": "00000000-1111-4222-8333-444444444444", "StatusStorage": connection}).storage
    async with server, open_session(trusted_authorities(None)) as session:
        tables = open_tables(storage, session)
        try:
            yield proxy, tables
        finally:
            await tables.aclose()
            proxy.cut_all()


@pytest.fixture(autouse=True)
def the_sdk_retries_without_waiting(monkeypatch):
    async def at_once(*_, **__):
        return None

    monkeypatch.setattr("azure.core.pipeline.policies.AsyncRetryPolicy.sleep", at_once)


async def test_closed_idle_connections_do_not_fail_a_write(azurite, tenant_id):
    async with store_behind_proxy(azurite) as (proxy, store):
        etag = await store.insert(TABLE, row(tenant_id, "a", Text="one"))
        proxy.cut_all()
        etag = await store.replace(TABLE, row(tenant_id, "a", Text="two"), etag)
        proxy.cut_all()
        await store.upsert(TABLE, row(tenant_id, "b"))
        proxy.cut_all()
        await store.upsert_all(TABLE, [row(tenant_id, "c"), row(tenant_id, "d")])
        proxy.cut_all()
        await store.delete(TABLE, tenant_id, "a", etag)
        proxy.cut_all()

        assert await keys(store, tenant_id) == ["b", "c", "d"]


async def test_a_lost_response_does_not_fail_a_write(azurite, tenant_id):
    async with store_behind_proxy(azurite) as (proxy, store):
        await store.upsert(TABLE, row(tenant_id, "a"))
        proxy.cut_before_responses = 1
        await store.upsert(TABLE, row(tenant_id, "b"))
        proxy.cut_before_responses = 1
        await store.upsert_all(TABLE, [row(tenant_id, "c"), row(tenant_id, "d")])
        proxy.cut_before_responses = 1
        await store.delete(TABLE, tenant_id, "a")
        proxy.cut_before_responses = 1

        assert await keys(store, tenant_id) == ["b", "c", "d"]


async def test_unreachable_storage_reports_what_to_check(azurite, tenant_id):
    async with store_behind_proxy(azurite) as (proxy, store):
        proxy.target = 9
        with pytest.raises(StorageUnavailable, match="StatusStorage"):
            await store.get(TABLE, tenant_id, "a")
        proxy.target = azurite.port

        assert await store.get(TABLE, tenant_id, "a") is None


@pytest.mark.filterwarnings("ignore:Testing an element's truth value")  # how the SDK reads an XML error
async def test_a_wrong_key_is_refused_and_not_quoted(azurite, tenant_id):
    wrong = "d3Jvbmc="
    storage = Settings.load(
        {"TENANT_ID": tenant_id, "StatusStorage": azurite.connection_string.replace(KEY, wrong)}
    ).storage
    async with open_session(trusted_authorities(None)) as session:
        store = open_tables(storage, session)
        with pytest.raises(StorageRefused, match="Storage Table Data Contributor") as caught:
            await store.get(TABLE, tenant_id, "a")
        await store.aclose()

    assert wrong not in str(caught.value)


async def test_without_an_identity_the_operator_s_login_opens_the_tables(tmp_path, monkeypatch):
    """On an operator's machine, for ``atlas forget``; the storage of a deployment accepts no keys."""
    token = '{"accessToken": "of-the-operator", "expires_on": 4102444800, "tenant": "t", "tokenType": "Bearer"}'
    (tmp_path / "az").write_text(f"#!/bin/sh\necho '{token}'\n")
    (tmp_path / "az").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    async with storage_credential("5f8c5f8b-0c0f-4f5e-9d0c-3b1f6a0f2c11") as credential:
        assert (await credential.get_token("https://storage.azure.com/.default")).token == "of-the-operator"
