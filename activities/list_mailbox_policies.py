"""The activity ``list_mailbox_policies``."""

import azure.durable_functions as df

from activities import step
from atlas.scans import census
from atlas.scans.messages import ListingRequest, ListingResult

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def list_mailbox_policies(request: dict) -> dict:
    """Write the EWS settings of one page of mailboxes to the census."""
    return await step.run(census.list_mailbox_policies, ListingRequest.from_dict(request), ListingResult)
