"""The activity ``compare_shared_names``."""

import azure.durable_functions as df

from activities import step
from atlas.scans import shared_steps
from atlas.scans.messages import SharedRequest, SharedResult

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def compare_shared_names(request: dict) -> dict:
    """Compare the names of shared pages with each other, and with one part of the people."""
    return await step.run(shared_steps.compare_shared_names, SharedRequest.from_dict(request), SharedResult)
