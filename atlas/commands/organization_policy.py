"""``atlas policy``: what the organisation's settings say of personal bookings, asked now."""

from collections.abc import Mapping

from atlas import wiring
from atlas.commands import printing
from atlas.domain.policy import Verdict
from atlas.report.screens import policy_screen
from atlas.scan.reading_policy import read_policy
from atlas.settings import Settings


async def show(environment: Mapping[str, str]) -> int:
    """Show the verdict, the settings and what changes them; 1 if the verdict is any other than ``on``."""
    settings = Settings.load(environment, needs_storage=False)
    async with wiring.open_services(settings) as (services, _):
        policy = await read_policy(services)
    printing.show(policy_screen(policy))
    return 0 if policy.verdict.verdict is Verdict.ON else 1
