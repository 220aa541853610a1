"""The activity ``list_mailboxes``."""

import azure.durable_functions as df

from atlas import telemetry, wiring
from atlas.domain.payloads import MailboxesOrder
from atlas.scan import census

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="order")
async def list_mailboxes(order: dict) -> dict:
    """Put one page of all mailboxes into the census."""
    tools = await wiring.tools()
    with telemetry.span("list_mailboxes", order["scan_id"]):
        return (await census.list_mailboxes(tools, MailboxesOrder.from_dict(order))).to_dict()
