"""The activity ``list_shared_mailboxes``."""

import azure.durable_functions as df

from activities import step
from atlas.scans import shared_steps
from atlas.scans.messages import SharedRequest, SharedResult

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def list_shared_mailboxes(request: dict) -> dict:
    """Write one page of the mailboxes of shared pages to the census."""
    return await step.run(shared_steps.list_shared_mailboxes, SharedRequest.from_dict(request), SharedResult)
