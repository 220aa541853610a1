"""The samples of terminal output in the documents are what the commands really print."""

import asyncio
import re
import shlex

import pytest

from atlas import wiring
from atlas.settings import Settings
from local.simulator import SimulatedTenant
from local.simulator.policy import AGENT
from local.simulator.standalone import Options
from local.simulator.standalone import main as simulate
from tests.docs.documents import blocks
from tests.docs.samples import missing_part, terminal_samples
from tests.e2e.deployment import UNSET
from tests.forked import forked_atlas
from tests.shared_pages.stage import run_stage

BLOCKS = {"organization": {"ews_policy": "EnforceBlockList", "ews_block_list": (AGENT,)}}
ONLY_CONFIGURATION = {
    "exchange": {"role": "View-Only Configuration"},
}
TENANTS = {"policy": BLOCKS, "doctor": ONLY_CONFIGURATION}
SAMPLES = terminal_samples("docs/administrator.md")


async def shared_after_a_scan(commands, azurite):
    storage = {"AzureWebJobsStorage": azurite.connection_string}
    async with wiring.open_resources(Settings.load({**commands.tenant.settings(), **storage})) as opened:
        await run_stage(opened.resources, "scan-20261123T030000000-0a1b2c3d")
    return await commands.shared(storage)


@pytest.mark.parametrize("command", SAMPLES)
async def test_a_sample_is_what_the_command_prints(start, azurite, command):
    _, name, *arguments = shlex.split(command)
    behaviour = {} if arguments else TENANTS.get(name, {})
    commands = await start(behaviour, users=200, settings_of=SimulatedTenant.settings_for_secret)

    match name, arguments:
        case "user", [who]:
            shown = await commands.user(who)
        case "policy", []:
            shown = await commands.policy()
        case "shared", []:
            shown = await shared_after_a_scan(commands, azurite)
        case "doctor", []:
            shown = await commands.doctor()
        case "doctor", ["--calibrate", with_page, without_page]:
            shown = await commands.doctor((with_page, without_page))

    assert shown.errors == ""
    assert missing_part(SAMPLES[command], shown.text) is None, shown.text


async def test_the_sample_of_invalid_settings_is_what_the_host_prints():
    [(command, sample)] = terminal_samples("docs/settings.md").items()
    settings = dict(re.findall(r"(\w+)=(\S+)", command))

    refused = await asyncio.to_thread(forked_atlas, "host", settings={**UNSET, **settings})

    assert command.endswith("make host")
    assert refused.returncode == 2
    assert missing_part(sample, refused.stderr) is None, refused.stderr


async def test_the_sample_of_the_simulated_tenant_is_what_it_prints():
    [sample] = [block for block in blocks("docs/simulator.md", "") if block.startswith("export TENANT_ID")]
    options = Options(users=int(re.findall(r"# (\d+) licensed users", sample)[0]))
    lines: list[str] = []
    printed = asyncio.Event()

    def say(line: str) -> None:
        lines.append(line)
        if "Ctrl-C" in line:
            printed.set()

    async with asyncio.TaskGroup() as group:
        tenant = group.create_task(simulate(options, say))
        await printed.wait()
        tenant.cancel()

    assert missing_part(sample, "\n".join(lines)) is None, lines


def test_every_command_that_shows_a_screen_has_a_sample():
    assert {" ".join(command.split()[:2]) for command in SAMPLES} == {
        "atlas user",
        "atlas policy",
        "atlas shared",
        "atlas doctor",
    }
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
