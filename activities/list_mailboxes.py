"""The activity ``list_mailboxes``."""

import azure.durable_functions as df

from atlas import telemetry, wiring
from atlas.scans import census
from atlas.scans.messages import MailboxesRequest

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def list_mailboxes(request: dict) -> dict:
    """Put one page of all mailboxes into the census."""
    resources = await wiring.resources()
    with telemetry.span("list_mailboxes", request["scan_id"]):
        return (await census.list_mailboxes(resources, MailboxesRequest.from_dict(request))).to_dict()
