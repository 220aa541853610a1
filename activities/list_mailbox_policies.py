"""The activity ``list_mailbox_policies``."""

import azure.durable_functions as df

from atlas import telemetry, wiring
from atlas.scans import census
from atlas.scans.messages import MailboxesRequest

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def list_mailbox_policies(request: dict) -> dict:
    """Put the EWS settings of one page of mailboxes into the census."""
    resources = await wiring.resources()
    with telemetry.span("list_mailbox_policies", request["scan_id"]):
        return (await census.list_mailbox_policies(resources, MailboxesRequest.from_dict(request))).to_dict()
