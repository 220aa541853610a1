"""The activity ``list_businesses``."""

import azure.durable_functions as df

from activities import step
from atlas.scans import shared_steps
from atlas.scans.messages import SharedRequest, SharedResult

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def list_businesses(request: dict) -> dict:
    """Write what Microsoft Graph lists of shared pages to the census."""
    return await step.run(shared_steps.list_businesses, SharedRequest.from_dict(request), SharedResult)
