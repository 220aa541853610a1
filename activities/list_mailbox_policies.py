"""The activity ``list_mailbox_policies``."""

import azure.durable_functions as df

from atlas import telemetry, wiring
from atlas.domain.payloads import MailboxesOrder
from atlas.scan import census

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="order")
async def list_mailbox_policies(order: dict) -> dict:
    """Put the EWS settings of one page of mailboxes into the census."""
    tools = await wiring.tools()
    with telemetry.span("list_mailbox_policies", order["scan_id"]):
        return (await census.list_mailbox_policies(tools, MailboxesOrder.from_dict(order))).to_dict()
