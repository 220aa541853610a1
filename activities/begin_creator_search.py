"""The activity ``begin_creator_search``."""

import azure.durable_functions as df

from activities import step
from atlas.scans import shared_steps
from atlas.scans.messages import SharedRequest, SharedResult

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def begin_creator_search(request: dict) -> dict:
    """Start the audit query for who created shared pages, so that it runs while the scan does everything else."""
    return await step.run(shared_steps.begin_creator_search, SharedRequest.from_dict(request), SharedResult)
