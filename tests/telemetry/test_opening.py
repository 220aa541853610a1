"""The resources of a process are opened once for all concurrent callers, and closed without any output."""

import subprocess
import sys
from pathlib import Path

from tests.e2e.deployment import UNSET

ROOT = Path(__file__).parents[2]
CONCURRENT_CALLERS = """
import asyncio
from atlas import telemetry, wiring

configured = []
telemetry.configure = lambda given: configured.append(given)

async def main():
    asyncio.get_running_loop().slow_callback_duration = 10  # a busy machine is not what this is about
    found = await asyncio.gather(*(wiring.opened() for _ in range(8)))
    assert len({id(one) for one in found}) == 1
    assert len(configured) == 1
    assert await wiring.opened() is found[0]

asyncio.run(main(), debug=True)
"""
INVALID_AT_FIRST = """
import asyncio, os
from atlas import wiring
from atlas.settings import InvalidSettings

async def main():
    tenant = os.environ.pop("TENANT_ID")
    for _ in range(2):
        try:
            await wiring.opened()
        except InvalidSettings as wrong:
            assert "TENANT_ID is missing" in str(wrong)
        else:
            raise AssertionError("no TENANT_ID, and no error")
    os.environ["TENANT_ID"] = tenant
    await wiring.opened()

asyncio.run(main())
"""
SETTINGS = {
    "TENANT_ID": "72f988bf-86f1-41af-91ab-2d7cd011db47",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=0a1b2c3d-0000-4000-8000-00000000cafe",
}


def run(program: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**UNSET, **SETTINGS, **settings, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_concurrent_callers_share_one_opening() -> None:
    ended = run(CONCURRENT_CALLERS)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_corrected_settings_open_after_invalid_ones() -> None:
    ended = run(INVALID_AT_FIRST, APPLICATIONINSIGHTS_CONNECTION_STRING="")

    assert (ended.returncode, ended.stderr) == (0, "")
