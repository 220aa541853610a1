"""Tables: point reads, range reads, conditional writes and bounded transactions; here, in Azure Table Storage."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any, Protocol
from uuid import uuid1

import aiohttp
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.data.tables import TableServiceClient
from azure.identity.aio import AzureCliCredential, ChainedTokenCredential, ManagedIdentityCredential

from atlas.settings import Storage, StorageByConnectionString, StorageByIdentity
from atlas.tables import odata
from atlas.tables.account import NoUsableResponse, Signature, StorageAccount, signature_for
from atlas.tables.odata import StoredEntity, TableRequest, TableResponse

type Entity = dict[str, Any]

MAX_TRANSACTION_ROWS = 100
MAX_TRANSACTION_BYTES = 3_500_000
"""The service accepts 4 MiB; the rest is for the envelope around each row of a transaction."""
ROW_ENVELOPE_BYTES = 1_000
CONCURRENT_TRANSACTIONS = 4
REFUSED = frozenset({401, 403})
NOT_FOUND = 404
EXISTS = 409
CHANGED = 412


class StorageFailure(Exception):
    """A request to Table Storage failed; ``str`` says what an operator can do."""


class StorageUnavailable(StorageFailure):
    """No usable response after several attempts."""


class StorageRefused(StorageFailure):
    """The storage account refuses access."""


class RowExists(Exception):
    """An insert found a row with that key."""


class RowChanged(Exception):
    """A conditional write found that the row was changed or deleted since it was read."""


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a range read, and the key that the next part begins with."""

    entities: tuple[StoredEntity, ...]
    next_key: Mapping[str, str] | None


class TableStore(Protocol):
    """Tables whose rows have a partition, a key and an ETag. Methods raise ``StorageFailure``.

    ``AzureTableStore`` holds the rows of an app, ``SqliteStore`` those of scans on this machine.
    """

    async def get(self, table: str, partition: str, row: str) -> StoredEntity | None:
        """A point read; ``None`` if there is no such row."""

    async def insert(self, table: str, entity: Entity) -> str:
        """Write a row that must not exist yet; returns its ETag. Raises ``RowExists``."""

    async def upsert(self, table: str, entity: Entity) -> None:
        """Write a complete row, whether it exists or not."""

    async def replace(self, table: str, entity: Entity, etag: str | None) -> str:
        """Write a complete row over the version with this ETag; without one, insert it. Returns the new ETag.

        Raises ``RowChanged`` if there is another version, or none.
        """

    async def replace_together(self, table: str, rows: Sequence[tuple[Entity, str | None]]) -> None:
        """As ``replace``, for a few rows of one partition in one transaction.

        Raises ``RowChanged`` if one of them has another version; then none is written.
        """

    async def merge(self, table: str, entity: Entity, etag: str | None = None) -> str:
        """Write some columns of an existing row; returns its new ETag. Raises ``RowChanged``."""

    async def delete(self, table: str, partition: str, row: str, etag: str | None = None) -> None:
        """Remove a row if it exists, with ``etag`` only in that version. Raises ``RowChanged``."""

    def iterate(
        self, table: str, partition: str, first: str = "", last: str = "~", select: Sequence[str] | None = None
    ) -> AsyncIterator[StoredEntity]:
        """A range read: the rows of one partition from key ``first`` up to and without ``last``, in order."""

    async def get_page(
        self,
        table: str,
        partition: str,
        first: str = "",
        last: str = "~",
        *,
        select: Sequence[str] | None = None,
        size: int = 1000,
        next_key: Mapping[str, str] | None = None,
        where: str = "",
        values: Mapping[str, Any] | None = None,
    ) -> Page:
        """Part of a range read, filtered by ``where`` with its ``@values``. An empty part may have a next one."""

    async def upsert_all(self, table: str, entities: Iterable[Entity]) -> None:
        """Write rows of one partition."""

    async def merge_all(self, table: str, entities: Iterable[Entity]) -> None:
        """As ``upsert_all``, but columns that are not given stay unchanged."""

    async def delete_all(self, table: str, partition: str, rows: Iterable[str]) -> None:
        """Remove rows of one partition by their keys; missing ones are ignored."""


class AzureTableStore:
    """The tables of one storage account, created on first use."""

    def __init__(self, account: StorageAccount, *closing: Any) -> None:
        self._account = account
        self._closing = closing
        self._tables: dict[str, asyncio.Future[None]] = {}

    async def get(self, table: str, partition: str, row: str) -> StoredEntity | None:
        """A point read; ``None`` if there is no such row."""
        response = await self._send(table, odata.get_entity(table, partition, row), accepted=(NOT_FOUND,))
        if response.status == NOT_FOUND:
            return None
        return odata.from_json(json.loads(response.body), response.headers.get("etag"))

    async def insert(self, table: str, entity: Entity) -> str:
        """Write a row that must not exist yet; returns its ETag. Raises ``RowExists``."""
        response = await self._send(table, odata.insert_entity(table, entity), accepted=(EXISTS,))
        if response.status == EXISTS:
            raise RowExists
        return _etag(response)

    async def upsert(self, table: str, entity: Entity) -> None:
        """Write a complete row, whether it exists or not."""
        await self._send(table, odata.put_entity(table, entity))

    async def replace(self, table: str, entity: Entity, etag: str | None) -> str:
        """Write a complete row over the version with this ETag; without one, insert it. Returns the new ETag.

        Raises ``RowChanged`` if there is another version, or none.
        """
        if etag is not None:
            return await self._write(table, odata.put_entity(table, entity, etag))
        try:
            return await self.insert(table, entity)
        except RowExists:
            raise RowChanged from None

    async def replace_together(self, table: str, rows: Sequence[tuple[Entity, str | None]]) -> None:
        """As ``replace``, for a few rows of one partition in one transaction.

        Raises ``RowChanged`` if one of them has another version; then none is written.
        """
        await self._submit(
            table,
            [
                odata.put_entity(table, entity, etag) if etag else odata.insert_entity(table, entity)
                for entity, etag in rows
            ],
        )

    async def merge(self, table: str, entity: Entity, etag: str | None = None) -> str:
        """Write some columns of an existing row; returns its new ETag. Raises ``RowChanged``."""
        return await self._write(table, odata.merge_entity(table, entity, etag or "*"))

    async def delete(self, table: str, partition: str, row: str, etag: str | None = None) -> None:
        """Remove a row if it exists, with ``etag`` only in that version. Raises ``RowChanged``."""
        request = odata.delete_entity(table, partition, row, etag or "*")
        if (await self._send(table, request, accepted=(NOT_FOUND, CHANGED))).status == CHANGED:
            raise RowChanged

    async def iterate(
        self, table: str, partition: str, first: str = "", last: str = "~", select: Sequence[str] | None = None
    ) -> AsyncIterator[StoredEntity]:
        """A range read: the rows of one partition from key ``first`` up to and without ``last``, in order."""
        next_key: Mapping[str, str] | None = None
        while True:
            page = await self.get_page(table, partition, first, last, select=select, next_key=next_key)
            for entity in page.entities:
                yield entity
            if page.next_key is None:
                return
            next_key = page.next_key

    async def get_page(
        self,
        table: str,
        partition: str,
        first: str = "",
        last: str = "~",
        *,
        select: Sequence[str] | None = None,
        size: int = 1000,
        next_key: Mapping[str, str] | None = None,
        where: str = "",
        values: Mapping[str, Any] | None = None,
    ) -> Page:
        """Part of a range read, filtered by ``where`` with its ``@values``. An empty part may have a next one."""
        condition = odata.condition(
            f"PartitionKey eq @partition and RowKey ge @first and RowKey lt @last{where}",
            {"partition": partition, "first": first, "last": last, **(values or {})},
        )
        response = await self._send(table, odata.query_entities(table, condition, size, select, next_key))
        return Page(odata.entities_of(response), odata.next_key_of(response))

    async def upsert_all(self, table: str, entities: Iterable[Entity]) -> None:
        """Write rows of one partition in transactions of at most 100 rows and 4 MiB, a few at a time."""
        await self._transact(table, [odata.put_entity(table, entity) for entity in entities])

    async def merge_all(self, table: str, entities: Iterable[Entity]) -> None:
        """As ``upsert_all``, but columns that are not given stay unchanged."""
        await self._transact(table, [odata.merge_entity(table, entity) for entity in entities])

    async def delete_all(self, table: str, partition: str, rows: Iterable[str]) -> None:
        """Remove rows of one partition by their keys; missing ones are ignored."""
        keys = list(rows)
        try:
            await self._transact(table, [odata.delete_entity(table, partition, row) for row in keys])
        except RowChanged:  # a transaction fails as a whole: a repeated clean-up goes row by row
            for row in keys:
                await self.delete(table, partition, row)

    async def aclose(self) -> None:
        """Close the connections."""
        for closing in self._closing:
            await closing.close()

    async def _write(self, table: str, request: TableRequest) -> str:
        response = await self._send(table, request, accepted=(NOT_FOUND, CHANGED))
        if response.status in {NOT_FOUND, CHANGED}:
            raise RowChanged
        return _etag(response)

    async def _transact(self, table: str, parts: Sequence[TableRequest]) -> None:
        gate = asyncio.Semaphore(CONCURRENT_TRANSACTIONS)

        async def submit(transaction: Sequence[TableRequest]) -> None:
            async with gate:
                await self._submit(table, transaction)

        await asyncio.gather(*(submit(transaction) for transaction in transactions_of(parts)))

    async def _submit(self, table: str, parts: Sequence[TableRequest]) -> None:
        """Raises ``RowChanged`` if a row to insert exists, or one to write over is missing or another version."""
        response = await self._send(table, odata.transaction(parts, self._account.url, boundary=str(uuid1())))
        statuses = odata.part_statuses(response)
        if {NOT_FOUND, EXISTS, CHANGED} & set(statuses):
            raise RowChanged
        if len(statuses) != len(parts) or max(statuses) >= 300:
            message = _first_line(odata.message_of(response))
            raise StorageUnavailable(f"Table Storage refused a transaction with {statuses[:1]}: {message}")

    async def _send(self, table: str, request: TableRequest, accepted: Sequence[int] = ()) -> TableResponse:
        await self._created(table)
        response = await _sent(self._account.send(request), (*accepted, NOT_FOUND))
        if response.status == NOT_FOUND and NOT_FOUND not in accepted:
            self._tables.pop(table, None)  # it was deleted: the next request creates it again
            raise StorageUnavailable(f"Table Storage has no table {table}")
        return response

    async def _created(self, name: str) -> None:
        if name not in self._tables:
            creation = _sent(self._account.send(odata.create_table(name)), (EXISTS,))
            self._tables[name] = asyncio.ensure_future(_done(creation))
        created = self._tables[name]
        if created.done() and not created.cancelled() and created.exception() is None:
            return
        try:
            await asyncio.shield(created)
        except StorageFailure:
            self._tables.pop(name, None)
            raise


def transactions_of(parts: Sequence[TableRequest]) -> Iterator[Sequence[TableRequest]]:
    """Requests split into transactions that the service accepts."""
    for part in batched(parts, MAX_TRANSACTION_ROWS, strict=False):
        transaction: list[TableRequest] = []
        size = 0
        for request in part:
            row_size = ROW_ENVELOPE_BYTES + len(request.body)
            if transaction and size + row_size > MAX_TRANSACTION_BYTES:
                yield transaction
                transaction, size = [], 0
            transaction.append(request)
            size += row_size
        yield transaction


def open_tables(storage: Storage, session: aiohttp.ClientSession) -> AzureTableStore:
    """The tables of this storage. The session stays the caller's to close. No request is sent yet."""
    match storage:
        case StorageByConnectionString(connection_string=secret):
            read = TableServiceClient.from_connection_string(secret.get_secret_value())
            return _store(session, read.url, signature_for(read.credential))
        case StorageByIdentity(table_service_url=url, client_id=client_id):
            credential = storage_credential(client_id)
            return _store(session, url, signature_for(credential), credential)


def storage_credential(client_id: str | None) -> ChainedTokenCredential:
    """The app's identity in Azure; on an operator's machine, which has none, the login of the Azure CLI."""
    return ChainedTokenCredential(ManagedIdentityCredential(client_id=client_id), AzureCliCredential())


def _store(session: aiohttp.ClientSession, url: str, signature: Signature, *closing: Any) -> AzureTableStore:
    return AzureTableStore(StorageAccount(session, url.partition("?")[0].rstrip("/"), signature), *closing)


async def _done(request: Awaitable[object]) -> None:
    await request


def _etag(response: TableResponse) -> str:
    return response.headers.get("etag", "")


async def _sent(request: Awaitable[TableResponse], accepted: Sequence[int]) -> TableResponse:
    """A response with a status that the caller accepts, or of success; every failure becomes a ``StorageFailure``."""
    try:
        response = await request
    except ClientAuthenticationError as error:
        raise StorageRefused(_advice(str(error.message))) from None
    except NoUsableResponse as failure:
        response = failure.response
    except (AzureError, aiohttp.ClientError, TimeoutError, OSError) as error:
        raise StorageUnavailable(
            f"Table Storage does not respond ({type(error).__name__}): check StatusStorage or AzureWebJobsStorage, and "
            "whether that account can be reached from here"
        ) from error
    if 200 <= response.status < 300 or response.status in accepted:
        return response
    if response.status in REFUSED:
        raise StorageRefused(_advice(odata.message_of(response)))
    message = _first_line(odata.message_of(response))
    raise StorageUnavailable(f"Table Storage responded with {response.status}: {message}")


def _advice(message: str) -> str:
    return (
        "Table Storage refuses access: check the key in StatusStorage or AzureWebJobsStorage, or grant the identity "
        f"the role Storage Table Data Contributor. Its response: {_first_line(message)}"
    )


def _first_line(message: str) -> str:
    return message.strip().partition("\n")[0][:200] or "no message"
