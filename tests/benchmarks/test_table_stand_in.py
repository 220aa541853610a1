"""The stand-in of the benchmarks behaves as Azurite does towards the product, so its figures are the product's."""

from collections.abc import AsyncIterator

import pytest

from atlas.microsoft365.connections import open_session, trusted_authorities
from atlas.settings import Settings
from atlas.tables.store import AzureTableStore, RowChanged, RowExists, open_tables
from benchmarks.table_stand_in import StandIn, table_stand_in

TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
pytestmark = pytest.mark.servers


@pytest.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    async with table_stand_in() as running:
        yield running


@pytest.fixture(params=["stand-in", "Azurite"])
async def store(request, stand_in, azurite) -> AsyncIterator[AzureTableStore]:
    connection = (stand_in if request.param == "stand-in" else azurite).connection_string
    storage = Settings.load({"TENANT_ID": TENANT, "StatusStorage": connection}).storage
    async with open_session(trusted_authorities(None)) as session:
        tables = open_tables(storage, session)
        yield tables
        await tables.delete_all(TABLE, "o'neil", await keys(tables))
        await tables.aclose()


TABLE = "StandInRows"


def row(key, **columns):
    return {"PartitionKey": "o'neil", "RowKey": key, **columns}


async def keys(store, **more):
    return [entity["RowKey"] for entity in (await store.get_page(TABLE, "o'neil", **more)).entities]


async def test_conditional_writes(store):
    first = await store.insert(TABLE, row("a", Text="one"))
    second = await store.replace(TABLE, row("a", Text="two"), first)

    with pytest.raises(RowExists):
        await store.insert(TABLE, row("a"))
    for stale in (
        store.replace(TABLE, row("a"), first),
        store.merge(TABLE, row("b")),
        store.replace(TABLE, row("b"), first),
    ):
        with pytest.raises(RowChanged):
            await stale
    with pytest.raises(RowChanged):
        await store.delete(TABLE, "o'neil", "a", first)
    third = await store.merge(TABLE, row("a", More=1), second)

    stored = await store.get(TABLE, "o'neil", "a")
    assert (dict(stored), stored.metadata["etag"]) == (row("a", Text="two", More=1), third)
    await store.delete(TABLE, "o'neil", "a", third)
    await store.delete(TABLE, "o'neil", "a")
    assert await store.get(TABLE, "o'neil", "a") is None


async def test_ranges_parts_and_filters(store):
    await store.upsert_all(TABLE, [row(f"k{n}", Status="x" if n % 2 else "y", Enabled=n > 2) for n in range(6)])

    first = await store.get_page(TABLE, "o'neil", size=4, select=["RowKey"])
    rest = await store.get_page(TABLE, "o'neil", size=4, next_key=first.next_key)

    assert [dict(entity) for entity in first.entities] == [{"RowKey": f"k{n}"} for n in range(4)]
    assert ([entity["RowKey"] for entity in rest.entities], rest.next_key) == (["k4", "k5"], None)
    assert await keys(store, first="k1", last="k3") == ["k1", "k2"]
    filtered = {"where": " and ( Status eq @x ) and ( Enabled eq @yes )", "values": {"x": "x", "yes": True}}
    assert await keys(store, **filtered) == ["k3", "k5"]
    either = {"where": " and ( Status eq @x or Status eq @y )", "values": {"x": "x", "y": "y"}}
    assert len(await keys(store, **either)) == 6


async def test_transactions_write_all_or_nothing(store):
    await store.upsert_all(TABLE, [row(f"{n:03d}", One=1) for n in range(150)])
    await store.merge_all(TABLE, [row("000", Two=2), row("new", Two=2)])

    with pytest.raises(RowChanged):
        await store.replace_together(TABLE, [(row("fresh"), None), (row("000"), "W/\"datetime'0'\"")])
    await store.delete_all(TABLE, "o'neil", ["000", "001", "missing"])

    left = await keys(store)
    assert ("fresh" in left, "000" in left, "new" in left, len(left)) == (False, False, True, 149)


async def test_operations_are_counted(stand_in):
    storage = Settings.load({"TENANT_ID": TENANT, "StatusStorage": stand_in.connection_string}).storage
    async with open_session(trusted_authorities(None)) as session:
        tables = open_tables(storage, session)
        await tables.upsert_all(TABLE, [row(f"{n:03d}") for n in range(150)])
        await tables.get(TABLE, "o'neil", "000")
        await keys(tables)
        await tables.aclose()

    counted = await stand_in.operations()
    assert counted == {"transaction": 2, "row in a transaction": 150, "point read": 1, "range read": 1}
