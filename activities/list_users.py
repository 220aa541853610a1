"""The activity ``list_users``."""

import azure.durable_functions as df

from atlas import telemetry, wiring
from atlas.domain.payloads import UsersOrder
from atlas.scan import census

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="order")
async def list_users(order: dict) -> dict:
    """Put one page of licensed users into the census."""
    tools = await wiring.tools()
    with telemetry.span("list_users", order["scan_id"]):
        return (await census.list_users(tools, UsersOrder.from_dict(order))).to_dict()
