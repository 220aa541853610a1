"""The activity ``read_organization``."""

import azure.durable_functions as df

from atlas import telemetry, wiring
from atlas.scan import census

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="order")
async def read_organization(order: dict) -> dict:
    """Note that the scan runs, and read the organisation's settings."""
    tools = await wiring.tools()
    with telemetry.span("read_organization", order["scan_id"]):
        answer = await census.read_organization(tools, order["scan_id"], is_last_attempt=order["is_last_attempt"])
        return answer.to_dict()
