"""Checks whether the product can work: sign in, and reach Graph, Exchange, Bookings and its tables."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from atlas.domain.scans import Scan
from atlas.domain.unknown import Reason
from atlas.health.permissions import Permission
from atlas.microsoft365.exchange import Exchange
from atlas.microsoft365.failures import TenantFailure
from atlas.microsoft365.sign_in import GRAPH_SCOPE
from atlas.microsoft365.signed_calls import TokenSource
from atlas.resources import Resources, TenantClients
from atlas.tables.store import StorageFailure, StorageUnavailable

NONEXISTENT_MAILBOX = UUID("00000000-0000-4000-8000-000000000000")
CHECK_TIMEOUT_SECONDS = 20


class HealthStatus(StrEnum):
    """The values are a contract, listed in docs/api.md."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """Scans run, but know less or are slower: Exchange is not available, or a service throttles."""
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Check:
    """Whether one check passed; ``None``: not checked, because the settings exclude it."""

    ok: bool | None
    detail: str
    reason: Reason | None = None
    """Why it failed, if a service was called."""

    @property
    def is_throttled(self) -> bool:
        """Whether the service only throttles, perhaps because of our own scan."""
        return self.reason is Reason.THROTTLED


@dataclass(frozen=True, slots=True)
class Health:
    """The result of all checks, and when they were made."""

    status: HealthStatus
    sign_in: Check
    graph: Check
    exchange: Check
    bookings: Check
    tables: Check
    last_scan: Scan | None
    at: datetime


type Checks = dict[Permission, Check]


async def check_health(resources: Resources, tokens: TokenSource) -> Health:
    """Send each service one or two small requests concurrently. Never raises for a service that fails."""
    checks, (tables, last_scan) = await asyncio.gather(check_permissions(resources, tokens), check_tables(resources))
    exchange = _worst(checks[Permission.EXCHANGE_SETTINGS], checks[Permission.MAILBOXES])
    needed = (checks[Permission.SIGN_IN], checks[Permission.USERS], checks[Permission.BOOKINGS], tables)
    if not all(check.ok or check.is_throttled for check in needed):
        status = HealthStatus.UNHEALTHY
    else:
        degraded = any(check.ok is False for check in (*needed, exchange))
        status = HealthStatus.DEGRADED if degraded else HealthStatus.HEALTHY
    sign_in, graph, bookings = (checks[name] for name in (Permission.SIGN_IN, Permission.USERS, Permission.BOOKINGS))
    return Health(status, sign_in, graph, exchange, bookings, tables, last_scan, resources.clock())


async def check_permissions(clients: TenantClients, tokens: TokenSource) -> Checks:
    """Verify each permission by a call that needs it, never by what a token claims."""
    calls: dict[Permission, Awaitable[Check]] = {
        Permission.SIGN_IN: _check(tokens.token(GRAPH_SCOPE), "signs in"),
        Permission.USERS: _check(clients.directory.get_licensed_page(None, 1), "lists licensed users"),
        Permission.EXCHANGE_SETTINGS: _check_exchange(
            clients, lambda exchange: exchange.get_organization(), "reads the organisation's settings"
        ),
        Permission.MAILBOXES: _check_exchange(
            clients, lambda exchange: exchange.prove_mailboxes(), "reads mailboxes and their policies"
        ),
        # The mailbox does not exist: any response that is understood proves that the service can be reached.
        Permission.BOOKINGS: _check(clients.pages.get_page(NONEXISTENT_MAILBOX), "responds"),
    }
    results = await asyncio.gather(*calls.values())
    return dict(zip(calls, results, strict=True))


async def check_shared_pages(clients: TenantClients) -> Checks:
    """Verify each permission that the inventory of shared pages uses; it works without any one of them."""
    calls: dict[Permission, Awaitable[Check]] = {
        Permission.SHARED_PAGES: _check(clients.directory.prove_shared_pages(), "lists shared pages"),
        Permission.PAGE_ACCESS: _check_exchange(
            clients, lambda exchange: exchange.prove_page_access(), "reads who can open shared pages"
        ),
        Permission.GROUP_MEMBERS: _check(clients.directory.prove_group_members(), "reads the members of groups"),
        Permission.AUDIT_LOG: _check_audit_log(clients),
    }
    results = await asyncio.gather(*calls.values())
    return dict(zip(calls, results, strict=True))


async def _check_audit_log(clients: TenantClients) -> Check:
    """Check the audit log through Microsoft Graph or, as a scan does if Graph refuses, through Exchange."""
    check = await _check(clients.directory.prove_audit_log(), "searches the audit log")
    if check.reason is not Reason.REFUSED or clients.mailboxes is None:
        return check
    now = clients.clock()
    search = clients.mailboxes.search_creations(now - timedelta(minutes=1), now)
    through_exchange = await _check(search, "not granted, but Exchange searches the audit log")
    return through_exchange if through_exchange.ok else check


async def _check_exchange(clients: TenantClients, call: Callable[[Exchange], Awaitable[object]], detail: str) -> Check:
    if clients.mailboxes is None:
        return Check(None, "EXCHANGE_EVIDENCE is false")
    return await _check(call(clients.mailboxes), detail)


def _worst(first: Check, second: Check) -> Check:
    """The check that failed, of two checks of one service; if neither did, a check with both details."""
    if first.ok is False or second.ok is None:
        return first
    return second if second.ok is False else Check(first.ok, f"{first.detail}, {second.detail}")


async def check_tables(resources: Resources) -> tuple[Check, Scan | None]:
    """Check whether the tables can be created and read; also return the last finished scan."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            return Check(ok=True, detail="can be read"), await resources.scans.last_finished()
    except StorageFailure as failure:
        reason = Reason.UNREACHABLE if isinstance(failure, StorageUnavailable) else Reason.REFUSED
        return Check(ok=False, detail=str(failure), reason=reason), None
    except TimeoutError:
        return Check(ok=False, detail=_too_slow(), reason=Reason.UNREACHABLE), None


async def _check(call: Awaitable[object], detail: str) -> Check:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            await call
    except TenantFailure as failure:
        return Check(ok=False, detail=str(failure), reason=failure.reason)
    except TimeoutError:
        return Check(ok=False, detail=_too_slow(), reason=Reason.UNREACHABLE)
    return Check(ok=True, detail=detail)


def _too_slow() -> str:
    return f"no response within {CHECK_TIMEOUT_SECONDS} s"
