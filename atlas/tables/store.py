"""Tables: point reads, range reads, conditional writes and bounded transactions; here, in Azure Table Storage."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any, Protocol

import aiohttp
from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.core.pipeline.transport import AioHttpTransport
from azure.data.tables import TableEntity, TableTransactionError, UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient
from azure.identity.aio import AzureCliCredential, ChainedTokenCredential, ManagedIdentityCredential

from atlas.settings import Storage, StorageByConnectionString, StorageByIdentity

type Entity = dict[str, Any]

MAX_TRANSACTION_ROWS = 100
MAX_TRANSACTION_BYTES = 900_000
"""The service accepts 4 MiB; sending more than 1 MiB in one piece would block the event loop."""
ROW_ENVELOPE_BYTES = 1_000
CONCURRENT_TRANSACTIONS = 4
CONFLICTS = frozenset({409, 412})
"""What a transaction fails with if a row to insert exists, or another version of a row to replace."""
REPEATABLE = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"]
"""Methods that may be retried. Upserts may be sent twice; callers handle a repeated insert or conditional write."""


class StorageFailure(Exception):
    """A request to Table Storage failed; ``str`` says what an operator can do."""


class StorageUnavailable(StorageFailure):
    """No usable response after the SDK's own retries."""


class StorageRefused(StorageFailure):
    """The storage account refuses access."""


class RowExists(Exception):
    """An insert found a row with that key."""


class RowChanged(Exception):
    """A conditional write found that the row was changed or deleted since it was read."""


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a range read, and the key that the next part begins with."""

    entities: tuple[TableEntity, ...]
    next_key: Mapping[str, str] | None


class TableStore(Protocol):
    """Tables whose rows have a partition, a key and an ETag. Methods raise ``StorageFailure``.

    ``AzureTableStore`` holds the rows of an app, ``SqliteStore`` those of scans on this machine.
    """

    async def get(self, table: str, partition: str, row: str) -> TableEntity | None:
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
    ) -> AsyncIterator[TableEntity]:
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

    def __init__(self, service: TableServiceClient, *closing: Any) -> None:
        self._service = service
        self._closing = closing
        self._tables: dict[str, Awaitable[TableClient]] = {}

    async def get(self, table: str, partition: str, row: str) -> TableEntity | None:
        """A point read; ``None`` if there is no such row."""
        try:
            return await _send((await self._table(table)).get_entity(partition, row, retry_on_methods=REPEATABLE))
        except ResourceNotFoundError:
            return None

    async def insert(self, table: str, entity: Entity) -> str:
        """Write a row that must not exist yet; returns its ETag. Raises ``RowExists``."""
        client = await self._table(table)
        try:
            return _etag(await _send(client.create_entity(entity, retry_on_methods=REPEATABLE)))
        except ResourceExistsError:
            raise RowExists from None

    async def upsert(self, table: str, entity: Entity) -> None:
        """Write a complete row, whether it exists or not."""
        client = await self._table(table)
        await _send(client.upsert_entity(entity, UpdateMode.REPLACE, retry_on_methods=REPEATABLE))

    async def replace(self, table: str, entity: Entity, etag: str | None) -> str:
        """Write a complete row over the version with this ETag; without one, insert it. Returns the new ETag.

        Raises ``RowChanged`` if there is another version, or none.
        """
        try:
            if etag is None:
                return await self.insert(table, entity)
            return await self._update(table, entity, etag, UpdateMode.REPLACE)
        except (RowExists, ResourceModifiedError, ResourceNotFoundError):
            raise RowChanged from None

    async def replace_together(self, table: str, rows: Sequence[tuple[Entity, str | None]]) -> None:
        """As ``replace``, for a few rows of one partition in one transaction.

        Raises ``RowChanged`` if one of them has another version; then none is written.
        """
        operations: list[Any] = [
            (
                "update",
                entity,
                {"mode": UpdateMode.REPLACE, "etag": etag, "match_condition": MatchConditions.IfNotModified},
            )
            if etag
            else ("create", entity)
            for entity, etag in rows
        ]
        client = await self._table(table)
        try:
            await _send(client.submit_transaction(operations, retry_on_methods=REPEATABLE))
        except ResourceNotFoundError:
            raise RowChanged from None
        except StorageUnavailable as failure:
            if isinstance(failure.__cause__, TableTransactionError) and failure.__cause__.status_code in CONFLICTS:
                raise RowChanged from None
            raise

    async def merge(self, table: str, entity: Entity, etag: str | None = None) -> str:
        """Write some columns of an existing row; returns its new ETag. Raises ``RowChanged``."""
        try:
            return await self._update(table, entity, etag, UpdateMode.MERGE)
        except (ResourceModifiedError, ResourceNotFoundError):
            raise RowChanged from None

    async def delete(self, table: str, partition: str, row: str, etag: str | None = None) -> None:
        """Remove a row if it exists, with ``etag`` only in that version. Raises ``RowChanged``."""
        condition: dict[str, Any] = {"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag else {}
        client = await self._table(table)
        try:
            await _send(client.delete_entity(partition, row, retry_on_methods=REPEATABLE, **condition))
        except ResourceModifiedError:
            raise RowChanged from None
        except ResourceNotFoundError:
            return

    async def iterate(
        self, table: str, partition: str, first: str = "", last: str = "~", select: Sequence[str] | None = None
    ) -> AsyncIterator[TableEntity]:
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
        query = (await self._table(table)).query_entities(
            f"PartitionKey eq @partition and RowKey ge @first and RowKey lt @last{where}",
            parameters={"partition": partition, "first": first, "last": last, **(values or {})},
            select=list(select) if select else None,
            results_per_page=size,
            retry_on_methods=REPEATABLE,
        )
        pages: Any = query.by_page(continuation_token=next_key)  # type: ignore[arg-type]  # typed as text, is a mapping
        entities = await _send(_first_page(pages))
        token = pages.continuation_token
        return Page(tuple(entities), token if token and token.get("PartitionKey") else None)

    async def upsert_all(self, table: str, entities: Iterable[Entity]) -> None:
        """Write rows of one partition in transactions of at most 100 rows and 4 MiB, a few at a time."""
        await self._transact(table, [("upsert", entity, {"mode": UpdateMode.REPLACE}) for entity in entities])

    async def merge_all(self, table: str, entities: Iterable[Entity]) -> None:
        """As ``upsert_all``, but columns that are not given stay unchanged."""
        await self._transact(table, [("upsert", entity, {"mode": UpdateMode.MERGE}) for entity in entities])

    async def delete_all(self, table: str, partition: str, rows: Iterable[str]) -> None:
        """Remove rows of one partition by their keys; missing ones are ignored."""
        keys = list(rows)
        try:
            await self._transact(table, [("delete", {"PartitionKey": partition, "RowKey": row}) for row in keys])
        except ResourceNotFoundError:  # a transaction fails as a whole: a repeated clean-up goes row by row
            for row in keys:
                await self.delete(table, partition, row)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._service.close()
        for closing in self._closing:
            await closing.close()

    async def _update(self, table: str, entity: Entity, etag: str | None, mode: UpdateMode) -> str:
        condition: dict[str, Any] = {"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag else {}
        client = await self._table(table)
        return _etag(await _send(client.update_entity(entity, mode, retry_on_methods=REPEATABLE, **condition)))

    async def _transact(self, table: str, operations: Sequence[Any]) -> None:
        client = await self._table(table)
        semaphore = asyncio.Semaphore(CONCURRENT_TRANSACTIONS)

        async def submit(transaction: Sequence[Any]) -> None:
            async with semaphore:
                await _send(client.submit_transaction(transaction, retry_on_methods=REPEATABLE))

        await asyncio.gather(*(submit(transaction) for transaction in transactions_of(operations)))

    async def _table(self, name: str) -> TableClient:
        if name not in self._tables:
            self._tables[name] = asyncio.ensure_future(self._create_table(name))
        try:
            return await asyncio.shield(self._tables[name])
        except StorageFailure:
            self._tables.pop(name, None)
            raise

    async def _create_table(self, name: str) -> TableClient:
        return await _send(self._service.create_table_if_not_exists(name, retry_on_methods=REPEATABLE))


def transactions_of(operations: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Operations split into transactions that the service accepts."""
    for part in batched(operations, MAX_TRANSACTION_ROWS, strict=False):
        transaction: list[Any] = []
        size = 0
        for operation in part:
            row_size = ROW_ENVELOPE_BYTES + len(json.dumps(operation[1], default=str).encode())
            if transaction and size + row_size > MAX_TRANSACTION_BYTES:
                yield transaction
                transaction, size = [], 0
            transaction.append(operation)
            size += row_size
        yield transaction


def open_tables(storage: Storage, session: aiohttp.ClientSession) -> AzureTableStore:
    """The tables of this storage. The session stays the caller's to close. No request is sent yet."""
    options: dict[str, Any] = {
        "transport": AioHttpTransport(session=session, session_owner=False),
        "retry_total": 5,
        "retry_backoff_factor": 0.4,
        "connection_timeout": 5,
        "read_timeout": 40,
        "logging_enable": False,
    }
    match storage:
        case StorageByConnectionString(connection_string=secret):
            service = TableServiceClient.from_connection_string(secret.get_secret_value(), **options)
            return AzureTableStore(service)
        case StorageByIdentity(table_service_url=url, client_id=client_id):
            credential = storage_credential(client_id)
            return AzureTableStore(TableServiceClient(url, credential=credential, **options), credential)


def storage_credential(client_id: str | None) -> ChainedTokenCredential:
    """The app's identity in Azure; on an operator's machine, which has none, the login of the Azure CLI."""
    return ChainedTokenCredential(ManagedIdentityCredential(client_id=client_id), AzureCliCredential())


def _etag(written: Mapping[str, Any]) -> str:
    return str(written["etag"])


async def _first_page(pages: Any) -> list[TableEntity]:
    async for page in pages:
        return [entity async for entity in page]
    return []


async def _send[Result](request: Awaitable[Result]) -> Result:
    """Return the result of a request. Errors of the SDK are raised as the two kinds that callers distinguish."""
    try:
        return await request
    except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
        raise
    except ClientAuthenticationError as error:
        raise StorageRefused(_advice(error)) from None
    except TableTransactionError as error:
        if error.status_code == 404:
            raise ResourceNotFoundError(error.message) from None
        raise StorageUnavailable(f"Table Storage refused a transaction: {_first_line(error)}") from error
    except HttpResponseError as error:
        if error.status_code == 403:
            raise StorageRefused(_advice(error)) from None
        raise StorageUnavailable(f"Table Storage responded with {error.status_code}: {_first_line(error)}") from error
    except (AzureError, aiohttp.ClientError, TimeoutError) as error:
        raise StorageUnavailable(
            f"Table Storage does not respond ({type(error).__name__}): check StatusStorage or AzureWebJobsStorage, and "
            "whether that account can be reached from here"
        ) from error


def _advice(error: AzureError) -> str:
    return (
        "Table Storage refuses access: check the key in StatusStorage or AzureWebJobsStorage, or grant the identity "
        f"the role Storage Table Data Contributor. Its response: {_first_line(error)}"
    )


def _first_line(error: AzureError) -> str:
    return str(error.message).strip().splitlines()[0][:200] if error.message else type(error).__name__
