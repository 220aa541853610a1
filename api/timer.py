"""The timer: starts the scan of the tenant on ``SCAN_SCHEDULE``, and lets old flows go."""

import logging
import os
from datetime import timedelta
from uuid import uuid4

import azure.durable_functions as df
import azure.functions as func

from api.orchestrations import DurableOrchestrations
from atlas import wiring
from atlas.scans.lifecycle import start_scan
from atlas.settings import schedule_of

log = logging.getLogger(__name__)

blueprint = df.Blueprint()


@blueprint.timer_trigger(arg_name="timer", schedule=schedule_of(os.environ))
@blueprint.durable_client_input(client_name="client")
async def start_scheduled_scan(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Start a scan, unless one runs, and forget flows that ended longer ago than ``HISTORY_DAYS``."""
    try:
        resources, orchestrations = await wiring.resources(), DurableOrchestrations(client)
        scan = await start_scan(resources, orchestrations, "timer", uuid4().hex[:8])
        log.info("scan %s is %s", scan.scan_id, scan.state)
        await orchestrations.delete_before(resources.clock() - timedelta(days=resources.history_days))
    except Exception:  # nobody waits for a timer: the log is where it is told
        log.exception("the timer could not start a scan")
        raise
