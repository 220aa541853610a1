"""``atlas policy``: the organisation's verdict and settings, and exit code 0 only for ``on``."""

import pytest

from atlas.domain.bookings_settings import MEANINGS
from local.simulator import Fault
from local.simulator.policy import AGENT

ALLOWS = {"ews_policy": "EnforceAllowList", "ews_allow_list": (AGENT,)}
BLOCKS = {"ews_policy": "EnforceBlockList", "ews_block_list": (AGENT,)}


@pytest.mark.parametrize(
    ("organization", "verdict", "words"),
    [
        ({}, "on", ["to turn personal bookings off for the whole organisation"]),
        (
            {"ews_policy": "EnforceAllowList", "ews_allow_list": (AGENT,)},
            "on",
            [f"-EwsAllowList @{{Remove='{AGENT}'}}"],
        ),
        ({"ews_block_list": (AGENT,)}, "on", ["it is not known whether it has an effect", "older article"]),
        (BLOCKS, "off", [f"-EwsBlockList @{{Remove='{AGENT}'}}", "a mailbox whose own policy allows them"]),
        ({**BLOCKS, "ews_block_list": ("MicrosoftOWS*",)}, "off", ["through MicrosoftOWS*", "matches other apps too"]),
        ({"ews_policy": "EnforceAllowList"}, "off", [f"-EwsAllowList @{{Add='{AGENT}'}}"]),
        ({"ews_enabled": False}, "ewsDisabled", ["EwsEnabled is False", "-EwsEnabled $true"]),
        ({"ews_policy": "EnforceNew"}, "unknown", ["EnforceNew", "before you change it"]),
        (
            {"changed_at": "2199-01-01T00:00:00Z"},
            "on",
            ["may not be in force yet", "2199-01-01 00:00 UTC"],
        ),
        ({"changed_at": "2001-01-01T02:00:00+02:00"}, "on", ["last changed at 2001-01-01 00:00 UTC"]),
        ({"ews_allowed_app_ids": ("app-1", "app-2")}, "on", ["EwsAllowedAppIDs app-1, app-2"]),
        ({"ews_allowed_app_ids": ()}, "on", ["EwsAllowedAppIDs empty; does not affect the verdict"]),
        ({}, "on", ["EwsAllowedAppIDs empty; does not affect the verdict"]),
        ({"bookings_enabled": None}, "on", ["CIS 1.3.9 unknown", "BookingsEnabled not set"]),
        ({"bookings_enabled": False}, "on", ["CIS 1.3.9 pass"]),
        ({"bookings_enabled": True}, "on", ["CIS 1.3.9 fail"]),
    ],
)
async def test_the_verdict_is_shown_with_its_settings_and_advice(start, organization, verdict, words):
    commands = await start({"organization": organization}, users=1)

    shown = await commands.policy()

    assert shown.code == (0 if verdict == "on" else 1)
    assert shown.words.startswith(f"verdict {verdict}: ")
    assert [word for word in words if word not in shown.words] == []
    assert "What would change it" in shown.text
    assert "Set-CASMailbox -Identity 'user@contoso.com'" in shown.text
    assert commands.tenant.metrics()["writes"] == []


async def test_every_bookings_setting_and_every_owa_policy_is_shown(start):
    shown = await (await start(users=1)).policy()

    unbroken = shown.text.replace("\n", "").replace(" ", "")
    assert [name for name in MEANINGS if name[:25] not in unbroken] == []
    assert "OwaMailboxPolicy-Default True True" in shown.words
    assert "No shared Bookings False False contoso.com" in shown.words


@pytest.mark.parametrize(
    ("behaviour", "settings", "text"),
    [
        ({"exchange": {"role": None}}, {}, "refused"),
        ({"sign_in": {"exchange_roles": ()}}, {}, "refused"),
        ({}, {"EXCHANGE_EVIDENCE": "false"}, "Exchange is not called, because EXCHANGE_EVIDENCE is false"),
    ],
)
async def test_unavailable_settings_are_unknown_with_a_reason_and_grant(start, behaviour, settings, text):
    commands = await start(behaviour, users=1)

    shown = await commands.policy(**settings)

    assert shown.code == 1
    assert shown.words.startswith("verdict unknown: the EWS settings of the organisation are not known: ")
    assert text in shown.words
    assert "CIS 1.3.9 unknown" in shown.words
    assert "Exchange.ManageAsApp" in shown.words
    assert "Set-" not in shown.text


async def test_refused_owa_policies_do_not_affect_the_verdict(start):
    commands = await start(users=1)
    commands.tenant.add_fault(Fault("exchange.Get-OwaMailboxPolicy", status=403, times=None))

    shown = await commands.policy()

    assert shown.code == 0
    assert "CIS 1.3.9 unknown" in shown.words
    assert "OWA policy" not in shown.text


async def test_control_characters_in_settings_are_replaced(start):
    policy, entry = "Enforce\x1b[2J", "MicrosoftOWS*\x1b]0;x\x07"
    commands = await start({"organization": {"ews_policy": policy, "ews_block_list": (entry,)}}, users=1)

    shown = await commands.policy()

    assert {sign for sign in shown.text if not sign.isprintable()} == {"\n"}
