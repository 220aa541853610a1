"""The activity ``forget_old``."""

import azure.durable_functions as df

from atlas import telemetry, wiring
from atlas.scan import closing

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="scan")
async def forget_old(scan: str) -> bool:
    """Remove a part of what is kept no longer; answers whether there is more."""
    tools = await wiring.tools()
    with telemetry.span("forget_old", scan):
        return await closing.forget_old(tools, scan)
