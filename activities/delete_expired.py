"""The activity ``delete_expired``."""

import azure.durable_functions as df

from atlas import telemetry, wiring
from atlas.scans import closing

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="scan")
async def delete_expired(scan: str) -> bool:
    """Remove a part of what is kept no longer; answers whether there is more."""
    resources = await wiring.resources()
    with telemetry.span("delete_expired", scan):
        return await closing.delete_expired(resources, scan)
