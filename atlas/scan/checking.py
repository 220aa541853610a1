"""Checks whether the product can do its work: sign in, reach Graph, Exchange and Bookings, and its tables."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from atlas.domain.scans import Scan
from atlas.microsoft365.failures import TenantFailure, Throttled
from atlas.microsoft365.sign_in import GRAPH_SCOPE, Grants
from atlas.scan.ports import Tools
from atlas.tables.store import StorageFailure

NOBODYS_MAILBOX = UUID("00000000-0000-4000-8000-000000000000")
LONGEST_CHECK_SECONDS = 20


class HealthStatus(StrEnum):
    """Names are fixed by the product contract, section 5.1."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """The scan works, and knows less or is slower: Exchange does not tell, or a service throttles."""
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Check:
    """Whether one need is met; ``None``: not asked, by the settings."""

    ok: bool | None
    detail: str
    is_passing: bool = False
    """Whether what is wrong passes by itself: a service that throttles, our own scan perhaps, is there."""


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


async def check_health(tools: Tools, grants: Grants) -> Health:
    """Ask every service one small question at once. Never raises for a service that fails."""
    sign_in, graph, exchange, bookings, (tables, last_scan) = await asyncio.gather(
        _checked(grants.token(GRAPH_SCOPE), "signs in"),
        _checked(tools.directory.get_licensed_page(None, 1), "lists licensed users"),
        _exchange(tools),
        _bookings(tools),
        _tables(tools),
    )
    checks = (sign_in, graph, exchange, bookings, tables)
    if not all(check.ok or check.is_passing for check in (sign_in, graph, bookings, tables)):
        status = HealthStatus.UNHEALTHY
    else:
        status = HealthStatus.DEGRADED if any(check.ok is False for check in checks) else HealthStatus.HEALTHY
    return Health(status, sign_in, graph, exchange, bookings, tables, last_scan, tools.clock())


async def _exchange(tools: Tools) -> Check:
    if tools.mailboxes is None:
        return Check(None, "not asked, by EXCHANGE_EVIDENCE")
    return await _checked(tools.mailboxes.get_organization(), "reads the organisation's settings")


async def _bookings(tools: Tools) -> Check:
    """Any answer that is understood will do, about a mailbox that nobody has."""
    return await _checked(tools.pages.get_page(NOBODYS_MAILBOX), "answers")


async def _tables(tools: Tools) -> tuple[Check, Scan | None]:
    try:
        async with asyncio.timeout(LONGEST_CHECK_SECONDS):
            return Check(ok=True, detail="can be read"), await tools.scans.last_finished()
    except StorageFailure as failure:
        return Check(ok=False, detail=str(failure)), None
    except TimeoutError:
        return Check(ok=False, detail=_too_slow()), None


async def _checked(question: Awaitable[object], promise: str) -> Check:
    try:
        async with asyncio.timeout(LONGEST_CHECK_SECONDS):
            await question
    except TenantFailure as failure:
        return Check(ok=False, detail=str(failure), is_passing=isinstance(failure, Throttled))
    except TimeoutError:
        return Check(ok=False, detail=_too_slow())
    return Check(ok=True, detail=promise)


def _too_slow() -> str:
    return f"did not answer within {LONGEST_CHECK_SECONDS} s"
