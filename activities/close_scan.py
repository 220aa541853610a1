"""The activity ``close_scan``."""

import logging

import azure.durable_functions as df

from atlas import telemetry, wiring
from atlas.domain.payloads import Closing
from atlas.scan import closing

blueprint = df.Blueprint()
log = logging.getLogger(__name__)


@blueprint.activity_trigger(input_name="order")
async def close_scan(order: dict) -> dict:
    """Write how the scan ended, and let the next one in."""
    end = Closing.from_dict(order)
    tools = await wiring.tools()
    with telemetry.span("close_scan", end.scan_id):
        scan = await closing.close_scan(tools, end)
    log.info("scan %s %s: %s", scan.scan_id, scan.state, dict(scan.by_status or {}))
    others = len(scan.warnings) - len(end.warnings)  # Exchange's own, which may name a person
    told = (*end.warnings, *([scan.error] if scan.error else []), *([f"{others} more warnings"] if others else []))
    for warning in told:
        log.warning("scan %s: %s", scan.scan_id, warning)
    return {"state": str(scan.state)}
