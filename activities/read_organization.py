"""The activity ``read_organization``."""

import azure.durable_functions as df

from activities import step
from atlas.scans import census
from atlas.scans.messages import OrganizationResult, StepRequest

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def read_organization(request: dict) -> dict:
    """Mark the scan as running, and read the organisation's settings."""
    return await step.run(census.read_organization, StepRequest.from_dict(request), OrganizationResult)
