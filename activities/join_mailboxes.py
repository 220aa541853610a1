"""The activity ``join_mailboxes``."""

import azure.durable_functions as df

from activities import step
from atlas.scans import census
from atlas.scans.messages import JoinRequest, JoinResult

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def join_mailboxes(request: dict) -> dict:
    """Write one page of licensed users with their mailboxes to the census."""
    return await step.run(census.join_mailboxes, JoinRequest.from_dict(request), JoinResult)
