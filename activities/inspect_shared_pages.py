"""The activity ``inspect_shared_pages``."""

import azure.durable_functions as df

from activities import step
from atlas.scans import shared_steps
from atlas.scans.messages import SharedRequest, SharedResult

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def inspect_shared_pages(request: dict) -> dict:
    """Inspect and record one part of the shared pages."""
    return await step.run(shared_steps.inspect_shared_pages, SharedRequest.from_dict(request), SharedResult)
