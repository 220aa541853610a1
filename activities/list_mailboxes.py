"""The activity ``list_mailboxes``."""

import azure.durable_functions as df

from activities import step
from atlas.scans import census
from atlas.scans.messages import ListingRequest, ListingResult

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def list_mailboxes(request: dict) -> dict:
    """List one page of the tenant's mailboxes and store it in the census."""
    return await step.run(census.list_mailboxes, ListingRequest.from_dict(request), ListingResult)
