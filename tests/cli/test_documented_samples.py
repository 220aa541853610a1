"""The samples of terminal output in the documents are what the commands really print."""

import shlex

import pytest

from local.simulator import SimulatedTenant
from local.simulator.policy import AGENT
from tests.docs.samples import missing_part, terminal_samples

BLOCKS = {"organization": {"ews_policy": "EnforceBlockList", "ews_block_list": (AGENT,)}}
ONLY_CONFIGURATION = {
    "sign_in": {"graph_roles": ("User.Read.All", "Bookings.Read.All")},
    "exchange": {"role": "View-Only Configuration"},
}
TENANTS = {"policy": BLOCKS, "doctor": ONLY_CONFIGURATION}
SAMPLES = terminal_samples("docs/administrator.md")


@pytest.mark.parametrize("command", SAMPLES)
async def test_a_sample_is_what_the_command_prints(start, command):
    _, name, *arguments = shlex.split(command)
    behaviour = {} if arguments else TENANTS.get(name, {})
    commands = await start(behaviour, users=200, settings_of=SimulatedTenant.settings_for_secret)

    match name, arguments:
        case "user", [who]:
            shown = await commands.user(who)
        case "policy", []:
            shown = await commands.policy()
        case "doctor", []:
            shown = await commands.doctor()
        case "doctor", ["--calibrate", with_page, without_page]:
            shown = await commands.doctor((with_page, without_page))

    assert shown.errors == ""
    assert missing_part(SAMPLES[command], shown.text) is None, shown.text


def test_every_command_that_shows_a_screen_has_a_sample():
    assert {" ".join(command.split()[:2]) for command in SAMPLES} == {"atlas user", "atlas policy", "atlas doctor"}
    assert any("--calibrate" in command for command in SAMPLES)


@pytest.mark.parametrize(
    ("sample", "output"),
    [("a\n…\nc", "a\nc\nd"), ("a\nb", "a"), ("a", "a\nb"), ("b\n…", "a\nb"), ("a\n…\nb\nc", "a\nb\nx\nc")],
)
def test_a_sample_that_differs_is_found(sample, output):
    assert missing_part(sample, output) is not None


@pytest.mark.parametrize("sample", ["a\nb\nc", "a\n…", "…\nc", "a\n…\nc", "…\nb\n…"])
def test_an_ellipsis_stands_for_any_lines(sample):
    assert missing_part(sample, "a\nb\nc") is None
