"""The activity ``list_users``."""

import azure.durable_functions as df

from atlas import telemetry, wiring
from atlas.scans import census
from atlas.scans.messages import UsersRequest

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def list_users(request: dict) -> dict:
    """Put one page of licensed users into the census."""
    resources = await wiring.resources()
    with telemetry.span("list_users", request["scan_id"]):
        return (await census.list_users(resources, UsersRequest.from_dict(request))).to_dict()
