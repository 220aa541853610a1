"""The composition root: builds the resources from ``Settings``; the only file that knows all others."""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from weakref import WeakKeyDictionary

import stamina

from atlas import telemetry
from atlas.domain.excluded_users import ExcludedUsers
from atlas.domain.pages import PageRules, sign_in_hosts
from atlas.live_queries import LiveQueries, RateLimit
from atlas.microsoft365.bookings_pages import BookingsPages
from atlas.microsoft365.calls import ApiClient
from atlas.microsoft365.connections import open_http, open_session, trusted_authorities
from atlas.microsoft365.exchange import Exchange
from atlas.microsoft365.exclusions import Exclusions
from atlas.microsoft365.graph import Graph
from atlas.microsoft365.sign_in import EXCHANGE_SCOPE, GRAPH_SCOPE, SignIn, sign_in_with
from atlas.microsoft365.signed_calls import SignedApiClient
from atlas.resources import Resources, TenantClients, shared_page_tables
from atlas.settings import Settings, SignInKind
from atlas.tables.census import Census
from atlas.tables.change_feed import ChangeFeed
from atlas.tables.outbox import Outbox
from atlas.tables.personal_bookings import KIND
from atlas.tables.read_ahead import ReadAhead
from atlas.tables.rows import RowTable
from atlas.tables.scan_log import ScanLog
from atlas.tables.store import TableStore, open_tables
from atlas.tables.user_index import UserIndex

URL_LOGGERS = ("azure", "httpx", "httpcore", "msal", "urllib3")


@dataclass(frozen=True, slots=True)
class Opened:
    """The resources of the use cases, and the sign-in, which only health checks and `atlas doctor` need."""

    resources: Resources
    sign_in: SignIn
    live: LiveQueries
    live_limit: RateLimit


type Lifetime = AsyncGenerator[Opened]
_lifetimes: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[tuple[Opened, Lifetime]]] = WeakKeyDictionary()


async def opened() -> Opened:
    """The resources of this process, opened from the environment on first use. Raises ``InvalidSettings``.

    Concurrent callers wait for the same opening. Resources are closed with their event loop, which closes the
    asynchronous generators it has started.
    """
    loop = asyncio.get_running_loop()
    opening = _lifetimes.get(loop)
    if opening is None or (opening.done() and (opening.cancelled() or opening.exception())):
        opening = _lifetimes[loop] = loop.create_task(_open())
    result, _ = await asyncio.shield(opening)
    return result


async def _open() -> tuple[Opened, Lifetime]:
    settings = Settings.load(os.environ)
    if settings.telemetry:
        await asyncio.to_thread(telemetry.configure, settings.telemetry)
    lifetime = _lifetime(settings)
    return await anext(lifetime), lifetime


async def resources() -> Resources:
    """The resources of this process. Raises ``InvalidSettings``."""
    return (await opened()).resources


@asynccontextmanager
async def open_clients(
    settings: Settings, kind: SignInKind | None = None, show_code: Callable[[str], None] | None = None
) -> AsyncGenerator[tuple[TenantClients, SignIn]]:
    """The clients of the tenant, without tables, closed at the end of the block. No request is sent yet.

    ``kind`` is a way to sign in that the settings do not name.
    """
    _silence_libraries()
    trust = trusted_authorities(settings.extra_certificates)
    async with open_http(trust) as http:
        sign_in = sign_in_with(kind or settings.sign_in, settings.tenant_id, settings.authority_host, trust, show_code)
        yield _clients(settings, ApiClient(http), sign_in), sign_in


async def _lifetime(settings: Settings) -> Lifetime:
    if settings.storage is None:
        raise AssertionError("Settings.load requires storage")
    _silence_libraries()
    trust = trusted_authorities(settings.extra_certificates)
    # No generator inside this one: a loop that ends closes all of them at the same time, in no particular order.
    async with open_http(trust) as http, open_session(trust) as session:
        sign_in = sign_in_with(settings.sign_in, settings.tenant_id, settings.authority_host, trust)
        store = open_tables(settings.storage, session)
        try:
            clients = _clients(settings, ApiClient(http), sign_in)
            yield Opened(
                resources_with(settings, clients, store),
                sign_in,
                LiveQueries(settings.live_reuse_seconds),
                RateLimit(settings.live_lookups_per_minute),
            )
        finally:
            await store.aclose()
            telemetry.flush()


open_resources = asynccontextmanager(_lifetime)
"""The clients and tables for these settings, closed at the end of the block. No request is sent yet."""


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the one place that reads the clock


def _silence_libraries() -> None:
    # Azure's worker logs everything from INFO up, and these libraries log URLs, which contain UPNs and mailbox GUIDs.
    for name in URL_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    # A failed sign-in is reported by the exception.
    logging.getLogger("azure.identity").setLevel(logging.CRITICAL)
    # Every retry ends in a response or a reported failure; a log line for each would only repeat it.
    stamina.instrumentation.set_on_retry_hooks(())


def _clients(settings: Settings, client: ApiClient, sign_in: SignIn) -> TenantClients:
    tenant_id = settings.tenant_id
    exchange = Exchange(SignedApiClient(client, sign_in, EXCHANGE_SCOPE, settings.exchange_url), tenant_id)
    rules = PageRules(sign_in_hosts(settings.authority_host), settings.not_set_up_markers)
    graph = Graph(SignedApiClient(client, sign_in, GRAPH_SCOPE, settings.graph_url))
    return TenantClients(
        directory=graph,
        mailboxes=exchange if settings.exchange_evidence else None,
        pages=BookingsPages(client, settings.bookings_url, tenant_id, rules),
        exclusions=Exclusions(ExcludedUsers.parse(settings.exclude_users or ()), graph),
        clock=_now,
        tenant_id=tenant_id,
        bookings_url=settings.bookings_url,
        probe_availability=settings.probe_availability,
    )


def resources_with(settings: Settings, clients: TenantClients, store: TableStore) -> Resources:
    """These clients, with the tables of this store."""
    tenant_id = settings.tenant_id
    rows, changes = RowTable(store, tenant_id, KIND), ChangeFeed(store, tenant_id, KIND)
    index, census = UserIndex(store, tenant_id), Census(store)
    return Resources(
        **{field.name: getattr(clients, field.name) for field in fields(TenantClients)},
        rows=rows,
        changes=changes,
        outbox=Outbox(rows, changes, clients.clock, index.add, index.remove),
        index=index,
        census=census,
        read_ahead=ReadAhead(census, rows),
        scans=ScanLog(store, tenant_id),
        shared=shared_page_tables(store, tenant_id, clients.clock),
        emit=telemetry.emit,
        probe_concurrency=settings.probe_concurrency,
        history_days=settings.history_days,
        not_set_up_recheck_days=settings.not_set_up_recheck_days,
        shared_pages=settings.shared_pages,
        max_full_access=settings.max_full_access,
    )
