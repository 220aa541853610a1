"""The activity ``mark_gone``."""

import azure.durable_functions as df

from atlas import telemetry, wiring
from atlas.scans import closing

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="scan")
async def mark_gone(scan: str) -> dict:
    """Count the rows of a scan, and mark the users who are not licensed any more."""
    resources = await wiring.resources()
    with telemetry.span("mark_gone", scan):
        return (await closing.mark_gone(resources, scan)).to_dict()
