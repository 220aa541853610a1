"""The activity ``delete_expired``."""

import azure.durable_functions as df

from activities import step
from atlas.scans import retention
from atlas.scans.messages import ExpiredResult, StepRequest

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def delete_expired(request: dict) -> dict:
    """Delete a part of what has expired."""
    return await step.run(retention.delete_expired, StepRequest.from_dict(request), ExpiredResult)
