"""The activity ``close_scan``."""

import azure.durable_functions as df

from activities import step
from atlas.scans import closing
from atlas.scans.messages import Closing, ClosingResult

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def close_scan(request: dict) -> dict:
    """Write how the scan ended, and release the lock."""
    return await step.run(closing.close_scan, Closing.from_dict(request), ClosingResult, needs_lock=False)
