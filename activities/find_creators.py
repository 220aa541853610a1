"""The activity ``find_creators``."""

import azure.durable_functions as df

from activities import step
from atlas.scans import shared_steps
from atlas.scans.messages import SharedRequest, SharedResult

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def find_creators(request: dict) -> dict:
    """Take one step of the search for who created shared pages."""
    return await step.run(shared_steps.find_creators, SharedRequest.from_dict(request), SharedResult)
