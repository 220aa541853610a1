"""``atlas policy``: whether the organisation allows personal bookings, checked now."""

from collections.abc import Iterable, Mapping

from rich.table import Table
from rich.text import Text

from atlas import wiring
from atlas.cli.connection import connect
from atlas.cli.screen import Screen, facts, new_table, plain, section, show, show_json, status_lines
from atlas.domain.advice import advice_for_organization
from atlas.domain.bookings_settings import MEANINGS, format_setting
from atlas.domain.owa_policies import Benchmark, OwaPolicy
from atlas.domain.policy import Verdict
from atlas.pages.organization_policy import OrganizationPolicy, get_organization_policy
from atlas.report.documents import policy_document

BENCHMARKS = {
    Benchmark.PASS: "only selected users can create shared pages",
    Benchmark.FAIL: "everyone can create shared pages",
    Benchmark.UNKNOWN: "a required setting has no value or could not be read",
}


async def run(environment: Mapping[str, str], *, as_json: bool = False) -> int:
    """Show the verdict, what would change it, and the settings; 1 unless the verdict is ``on``."""
    connection = connect(environment)
    async with wiring.open_clients(connection.settings, connection.sign_in) as (clients, _):
        policy = await get_organization_policy(clients)
    if as_json:
        show_json(policy_document(policy))
    else:
        show(policy_screen(policy))
    return 0 if policy.verdict.verdict is Verdict.ON else 1


def policy_screen(policy: OrganizationPolicy) -> Screen:
    """The organisation's verdict, what would change it and, last because they are long, its Bookings settings."""
    verdict, organization, app_ids = policy.verdict, policy.organization, policy.ews_allowed_app_ids
    screen: Screen = [
        facts(
            {
                "verdict": f"{verdict.verdict}: {verdict.reason}",
                "setting": verdict.setting and f"{verdict.setting} is {format_setting(verdict.value)}",
                "EwsAllowedAppIDs": _format_app_ids(app_ids),
                "CIS 1.3.9": f"{policy.cis_1_3_9}: {BENCHMARKS[policy.cis_1_3_9]}",
            }
        )
    ]
    screen += section("What would change it", advice_for_organization(verdict))
    screen += section("What Microsoft's documentation leaves open", *(question.text for question in verdict.questions))
    if organization or policy.owa_policies is not None:
        screen.append(Text("\nAll settings for Bookings", style="bold"))
    if organization:
        values = ((name, plain(format_setting(value))) for name, value in organization.bookings.items())
        screen += status_lines((name, value, MEANINGS.get(name, "")) for name, value in values)
    if policy.owa_policies is not None:
        screen.append(_owa_table(policy.owa_policies))
    return screen


def _format_app_ids(app_ids: tuple[str, ...] | None) -> str:
    return "not known" if app_ids is None else ", ".join(app_ids) or "empty; does not affect the verdict"


def _owa_table(policies: Iterable[OwaPolicy]) -> Table:
    table = new_table("OWA policy", "default", "can create shared pages", "in the domain")
    for policy in policies:
        default, creation = format_setting(policy.is_default), format_setting(policy.allows_creation)
        table.add_row(plain(policy.identity), default, creation, plain(policy.domain or ""))
    return table
