"""The activity ``mark_shared_pages_gone``."""

import azure.durable_functions as df

from activities import step
from atlas.scans import shared_steps
from atlas.scans.messages import SharedRequest, SharedResult

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def mark_shared_pages_gone(request: dict) -> dict:
    """Mark the shared pages of one part of the rows that are gone."""
    return await step.run(shared_steps.mark_shared_pages_gone, SharedRequest.from_dict(request), SharedResult)
