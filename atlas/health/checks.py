"""Checks whether the product can do its work: sign in, reach Graph, Exchange and Bookings, and its tables."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from atlas.domain.scans import Scan
from atlas.domain.unknown import Reason
from atlas.health.permissions import Permission
from atlas.microsoft365.failures import TenantFailure
from atlas.microsoft365.sign_in import GRAPH_SCOPE, TokenSource
from atlas.resources import Mailboxes, Resources, TenantClients
from atlas.tables.store import StorageFailure, StorageUnavailable

NONEXISTENT_MAILBOX = UUID("00000000-0000-4000-8000-000000000000")
CHECK_TIMEOUT_SECONDS = 20


class HealthStatus(StrEnum):
    """Names are fixed: docs/api.md lists them."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """The scan works, and knows less or is slower: Exchange does not tell, or a service throttles."""
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Check:
    """Whether one need is met; ``None``: not asked, by the settings."""

    ok: bool | None
    detail: str
    reason: Reason | None = None
    """Why it is not known to be met, of a service that was asked."""

    @property
    def is_passing(self) -> bool:
        """Whether what is wrong passes by itself: a service that throttles, our own scan perhaps, is there."""
        return self.reason is Reason.THROTTLED


@dataclass(frozen=True, slots=True)
class Health:
    """What was found, and when."""

    status: HealthStatus
    sign_in: Check
    graph: Check
    exchange: Check
    bookings: Check
    tables: Check
    last_scan: Scan | None
    at: datetime


type Checks = dict[Permission, Check]


async def check_health(resources: Resources, grants: TokenSource) -> Health:
    """Ask every service a small question or two at once. Never raises for a service that fails."""
    checks, (tables, last_scan) = await asyncio.gather(check_permissions(resources, grants), check_tables(resources))
    exchange = _worst(checks[Permission.EXCHANGE_SETTINGS], checks[Permission.MAILBOXES])
    needed = (checks[Permission.SIGN_IN], checks[Permission.USERS], checks[Permission.BOOKINGS], tables)
    if not all(check.ok or check.is_passing for check in needed):
        status = HealthStatus.UNHEALTHY
    else:
        told = (*needed, exchange)
        status = HealthStatus.DEGRADED if any(check.ok is False for check in told) else HealthStatus.HEALTHY
    sign_in, graph, bookings = (checks[need] for need in (Permission.SIGN_IN, Permission.USERS, Permission.BOOKINGS))
    return Health(status, sign_in, graph, exchange, bookings, tables, last_scan, resources.clock())


async def check_permissions(clients: TenantClients, grants: TokenSource) -> Checks:
    """Each right is proved by a call that needs it, never by what a token claims."""
    questions: dict[Permission, Awaitable[Check]] = {
        Permission.SIGN_IN: _checked(grants.token(GRAPH_SCOPE), "signs in"),
        Permission.USERS: _checked(clients.directory.get_licensed_page(None, 1), "lists licensed users"),
        Permission.EXCHANGE_SETTINGS: _exchange(
            clients, lambda exchange: exchange.get_organization(), "reads the organisation's settings"
        ),
        Permission.MAILBOXES: _exchange(
            clients, lambda exchange: exchange.prove_mailboxes(), "reads mailboxes and their policies"
        ),
        # Any answer that is understood will do, about a mailbox that nobody has.
        Permission.BOOKINGS: _checked(clients.pages.get_page(NONEXISTENT_MAILBOX), "answers"),
    }
    answers = await asyncio.gather(*questions.values())
    return dict(zip(questions, answers, strict=True))


async def check_shared_pages(clients: TenantClients) -> Check:
    """Whether shared pages may be listed, which this version does not do yet."""
    return await _checked(clients.directory.prove_shared_pages(), "lists shared pages")


async def _exchange(clients: TenantClients, ask: Callable[[Mailboxes], Awaitable[object]], promise: str) -> Check:
    if clients.mailboxes is None:
        return Check(None, "not asked, by EXCHANGE_EVIDENCE")
    return await _checked(ask(clients.mailboxes), promise)


def _worst(first: Check, second: Check) -> Check:
    """Of two checks of one service the one that fails; both promises where none does."""
    if first.ok is False or second.ok is None:
        return first
    return second if second.ok is False else Check(first.ok, f"{first.detail}, {second.detail}")


async def check_tables(resources: Resources) -> tuple[Check, Scan | None]:
    """Whether the tables can be made and read, and the last scan that finished."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            return Check(ok=True, detail="can be read"), await resources.scans.last_finished()
    except StorageFailure as failure:
        reason = Reason.UNREACHABLE if isinstance(failure, StorageUnavailable) else Reason.REFUSED
        return Check(ok=False, detail=str(failure), reason=reason), None
    except TimeoutError:
        return Check(ok=False, detail=_too_slow(), reason=Reason.UNREACHABLE), None


async def _checked(question: Awaitable[object], promise: str) -> Check:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            await question
    except TenantFailure as failure:
        return Check(ok=False, detail=str(failure), reason=failure.reason)
    except TimeoutError:
        return Check(ok=False, detail=_too_slow(), reason=Reason.UNREACHABLE)
    return Check(ok=True, detail=promise)


def _too_slow() -> str:
    return f"did not answer within {CHECK_TIMEOUT_SECONDS} s"
