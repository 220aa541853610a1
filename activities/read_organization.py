"""The activity ``read_organization``."""

import azure.durable_functions as df

from atlas import telemetry, wiring
from atlas.scans import census

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def read_organization(request: dict) -> dict:
    """Note that the scan runs, and read the organisation's settings."""
    resources = await wiring.resources()
    with telemetry.span("read_organization", request["scan_id"]):
        answer = await census.read_organization(
            resources, request["scan_id"], is_last_attempt=request["is_last_attempt"]
        )
        return answer.to_dict()
