"""The commands in the advice take effect: each is run on settings, which are then judged again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.domain.advice import advice_for_organization, commands_for_mailbox
from atlas.domain.ews_commands import commands_for, commands_for_user, mailbox_command, quote_literal
from atlas.domain.ews_settings import AGENT, ews_scope
from atlas.domain.policy import Scope, Verdict, judge_mailbox, judge_organization
from tests.domain.powershell import EwsSettings, Literal, tokens

ENTRIES = st.lists(
    st.sampled_from([AGENT, AGENT.lower(), "MicrosoftOWS*", "*", "*bookings", "Other/*", "O'Neill's app/*"]),
    max_size=5,
    unique=True,
)
SETTINGS = st.builds(
    EwsSettings,
    policy=st.sampled_from([None, "EnforceAllowList", "EnforceBlockList"]),
    allowed=ENTRIES,
    blocked=ENTRIES,
    enabled=st.none() | st.booleans(),
)
AWKWARD = st.text(
    st.sampled_from("a.@ '\u2018\u2019\u201a\u201b\"`$();|&{}%#\n") | st.characters(exclude_categories=["Cs"])
)


def scope_of(settings: EwsSettings):
    return ews_scope(settings.policy, settings.allowed, settings.blocked, ews_enabled=settings.enabled)


def judge_settings(settings: EwsSettings, scope: Scope):
    judge = judge_organization if scope is Scope.ORGANIZATION else judge_mailbox
    return judge(scope_of(settings))


def commands(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.startswith("    ")]


@pytest.mark.parametrize("scope", Scope)
@given(SETTINGS)
def test_the_commands_switch_the_verdict_and_back(scope, settings):
    before = judge_settings(settings, scope)
    advice = (
        advice_for_organization(before)
        if scope is Scope.ORGANIZATION
        else commands_for_mailbox("adele@contoso.com", scope_of(settings))
    )

    run = commands(advice.partition("For one user")[0])
    for change in run[::2]:
        settings.run(change)
    between = judge_settings(settings, scope)
    for back in reversed(run[1::2]):
        settings.run(back)

    assert between.verdict is (Verdict.OFF if before.verdict is Verdict.ON else Verdict.ON)
    assert judge_settings(settings, scope).verdict is before.verdict
    assert "about 4 hours" in advice or "about an hour" in advice


@given(SETTINGS)
def test_the_commands_under_each_policy_switch_a_user(settings):
    settings.enabled = True
    lines = commands_for_user("adele@contoso.com").splitlines()
    heading = next(
        number for number, line in enumerate(lines) if line.startswith(("With", "Without")) and _is_of(line, settings)
    )
    verdicts = []
    for line in lines[heading + 1 : heading + 3]:
        # Wildcards of a mailbox are not known here: the commands are for lists that name the agent, or do not.
        settings.allowed = [entry for entry in settings.allowed if "*" not in entry or "Other" in entry]
        settings.blocked = [entry for entry in settings.blocked if "*" not in entry or "Other" in entry]
        settings.run(line.strip())
        verdicts.append(str(judge_settings(settings, Scope.MAILBOX).verdict))

    assert verdicts == ["on", "off"]


def _is_of(line: str, settings: EwsSettings) -> bool:
    return settings.policy in line if settings.policy else line.startswith("Without")


@pytest.mark.parametrize(
    ("policy", "entries"), [("EnforceBlockList", ["MicrosoftOWS*"]), ("EnforceAllowList", ["MicrosoftOWS*", AGENT])]
)
def test_a_wildcard_comes_with_a_warning(policy, entries):
    advice = advice_for_organization(judge_organization(ews_scope(policy, entries, entries, ews_enabled=None)))

    assert "'MicrosoftOWS*'" in commands(advice)[0]
    assert "MicrosoftOWS* matches other apps too" in advice


def test_the_agents_own_name_has_no_warning():
    advice = advice_for_organization(judge_organization(ews_scope("EnforceBlockList", None, [AGENT], ews_enabled=None)))

    assert "other apps" not in advice


def test_turning_ews_on_warns_about_every_app():
    advice = advice_for_organization(judge_organization(ews_scope(None, None, None, ews_enabled=False)))

    assert commands(advice)[:2] == [
        "Set-OrganizationConfig -EwsEnabled $true",
        "Set-OrganizationConfig -EwsEnabled $false",
    ]
    assert "every app that uses EWS" in advice


def test_an_undocumented_policy_has_no_commands():
    verdict = judge_organization(ews_scope("EnforceNew", None, [AGENT], ews_enabled=None))

    assert commands_for("Set-OrganizationConfig", verdict.deciding, verdict.value) is None
    assert commands(advice_for_organization(verdict))[0].startswith("Get-OrganizationConfig | Format-List Ews")


def test_unknown_settings_lead_to_the_permission():
    advice = advice_for_organization(judge_organization(None))

    assert commands(advice) == []
    assert "Exchange.ManageAsApp" in advice
    assert "View-Only Configuration" in advice


@given(AWKWARD)
def test_any_text_is_one_powershell_literal(text):
    assert tokens(quote_literal(text)) == [Literal(text)]
    assert tokens(f"{mailbox_command(text)} -EwsEnabled $true") == [
        "Set-CASMailbox",
        "-Identity",
        Literal(text),
        "-EwsEnabled",
        "$true",
    ]


@pytest.mark.parametrize("quote", "'\u2018\u2019\u201a\u201b")
def test_every_powershell_quote_is_doubled(quote):
    assert quote_literal(f"o{quote}hara@contoso.com") == f"'o{quote}{quote}hara@contoso.com'"
