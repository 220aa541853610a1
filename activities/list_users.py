"""The activity ``list_users``."""

import azure.durable_functions as df

from activities import step
from atlas.scans import census
from atlas.scans.messages import ListingRequest, ListingResult

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def list_users(request: dict) -> dict:
    """Write one page of licensed users to the census."""
    return await step.run(census.list_users, ListingRequest.from_dict(request), ListingResult)
