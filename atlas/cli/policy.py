"""``atlas policy``: what the organisation's settings say of personal bookings, asked now."""

from collections.abc import Mapping

from atlas import wiring
from atlas.cli import output
from atlas.cli.screens import policy_screen
from atlas.domain.policy import Verdict
from atlas.pages.organization_policy import get_organization_policy
from atlas.settings import Settings


async def show(environment: Mapping[str, str]) -> int:
    """Show the verdict, the settings and what changes them; 1 if the verdict is any other than ``on``."""
    settings = Settings.load(environment, needs_storage=False)
    async with wiring.open_clients(settings) as (clients, _):
        policy = await get_organization_policy(clients)
    output.show(policy_screen(policy))
    return 0 if policy.verdict.verdict is Verdict.ON else 1
