"""The activity ``probe_user``: one for each licensed user."""

import logging

import azure.durable_functions as df

from atlas import telemetry, wiring
from atlas.scans.messages import ProbeRequest, ProbeResult
from atlas.scans.probing import probe_one

blueprint = df.Blueprint()
log = logging.getLogger(__name__)


@blueprint.activity_trigger(input_name="request")
async def probe_user(request: dict) -> dict:
    """Probe one licensed user and record the result. A failure is returned, not raised.

    The lane probes the user again, and counts users whose row could not be written.
    """
    probe = ProbeRequest.from_dict(request)
    try:
        resources = await wiring.resources()
        with telemetry.span("probe_user", probe.scan_id, logs_failure=False):
            return (await probe_one(resources, probe)).to_dict()
    except Exception:  # raised, it would end the lane, and its stack would be stored in Durable history
        log.exception("probe of user %d on page %d of %s failed", probe.index, probe.page, probe.scan_id)
        return ProbeResult().to_dict()
