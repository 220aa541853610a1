"""The activity ``close_scan``."""

import logging

import azure.durable_functions as df

from atlas import telemetry, wiring
from atlas.scans import closing
from atlas.scans.messages import Closing

blueprint = df.Blueprint()
log = logging.getLogger(__name__)


@blueprint.activity_trigger(input_name="request")
async def close_scan(request: dict) -> dict:
    """Write how the scan ended, and let the next one in."""
    end = Closing.from_dict(request)
    resources = await wiring.resources()
    with telemetry.span("close_scan", end.scan_id):
        scan = await closing.close_scan(resources, end)
    log.info("scan %s %s: %s", scan.scan_id, scan.state, dict(scan.by_status or {}))
    others = len(scan.warnings) - len(end.warnings)  # Exchange's own, which may name a person
    told = (*end.warnings, *([scan.error] if scan.error else []), *([f"{others} more warnings"] if others else []))
    for warning in told:
        log.warning("scan %s: %s", scan.scan_id, warning)
    return {"state": str(scan.state)}
