"""The activity ``mark_gone``."""

import azure.durable_functions as df

from activities import step
from atlas.scans import gone
from atlas.scans.messages import GoneResult, ListingRequest

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def mark_gone(request: dict) -> dict:
    """Count one part of the rows, and mark the users who are no longer licensed."""
    return await step.run(gone.mark_gone, ListingRequest.from_dict(request), GoneResult)
