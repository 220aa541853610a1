"""The timer: starts a scan on ``SCAN_SCHEDULE``, and deletes what is older than ``HISTORY_DAYS``."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import cache
from uuid import uuid4

import azure.durable_functions as df
import azure.functions as func

from api.orchestrations import DurableOrchestrations, PurgeNotSupported
from atlas import wiring
from atlas.resources import Resources
from atlas.scans.lifecycle import Orchestrations, start_due_scan
from atlas.scans.retention import delete_expired_without_scan
from atlas.settings import InvalidSettings, schedule_of

WAITS: Sequence[float] = (15, 30, 60, 120, 240, 480)
"""Seconds between the attempts to start a scan: 16 minutes in total, within ``functionTimeout``. The schedule comes
round only once a day by default, so a single attempt is not enough."""

log = logging.getLogger(__name__)

blueprint = df.Blueprint()


@blueprint.timer_trigger(arg_name="timer", schedule=schedule_of(os.environ))
@blueprint.durable_client_input(client_name="client")
async def start_scheduled_scan(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Start a scan, unless one is running, and delete what has expired, whether or not a scan can start."""
    orchestrations = DurableOrchestrations(client)
    try:
        await start_with_retries(wiring.resources, orchestrations)
    finally:
        await delete_expired(wiring.resources, orchestrations)


async def start_with_retries(
    open_resources: Callable[[], Awaitable[Resources]],
    orchestrations: Orchestrations,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Start a scan; a failure is retried with growing waits, and the last one raised.

    If another scan is running, that one carries a warning that this one did not start.
    """
    due = None
    for wait in (*WAITS, None):
        try:
            resources = await open_resources()
            due = due or resources.clock()
            scan = await start_due_scan(resources, orchestrations, due, uuid4().hex[:8])
        except InvalidSettings:  # they do not change while this process lives
            raise
        except Exception:  # whatever fails, a later attempt may succeed; the last failure is raised
            log.exception("the timer could not start a scan%s", f" and tries again in {wait:.0f} s" if wait else "")
            if wait is None:
                raise
            await sleep(wait)
        else:
            log.info("scan %s is %s", scan.scan_id, scan.state)
            return


async def delete_expired(
    open_resources: Callable[[], Awaitable[Resources]], orchestrations: DurableOrchestrations
) -> None:
    """Delete rows and histories that have expired. A failure is logged: the next night deletes what is left."""
    try:
        resources = await open_resources()
        if not await delete_expired_without_scan(resources):
            log.info("not everything that has expired could be deleted in time; the next night continues")
        await orchestrations.delete_before(resources.clock() - timedelta(days=resources.history_days))
    except PurgeNotSupported as refusal:
        _warn_once(str(refusal))
    except Exception:  # the scan that the timer has started must not count as failed
        log.exception("the timer could not delete what has expired")


@cache
def _warn_once(warning: str) -> None:
    log.warning(warning)
