"""Where the CPU of the host goes: samples by py-spy, assigned to the part of the product that caused them."""

import asyncio
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("tables", ("atlas/tables/",)),
    ("calls to the tenant", ("atlas/microsoft365/calls.py", "atlas/microsoft365/bookings_pages.py")),
    ("census", ("atlas/scans/census.py", "atlas/microsoft365/")),
    ("telemetry", ("atlas/telemetry.py", "opentelemetry")),
    ("our own code", ("atlas/", "activities/", "orchestrators/", "api/")),
    ("Durable: replay in Microsoft's SDK", ("azure/durable_functions",)),
    ("Functions worker library", ("azure_functions_runtime", "azure/functions")),
    ("network", ("aiohttp", "asyncio/selector_events", "asyncio/sslproto")),
    ("local host", ("local/host",)),
)
"""A sample belongs to the first part of which a function is on its stack."""
RATE = 200


@dataclass(slots=True)
class Profile:
    """Samples of one process."""

    samples: Counter[str] = field(default_factory=Counter)

    def add(self, stack: str, count: int) -> None:
        """Count a stack, as py-spy writes it: functions with their files, outermost first."""
        part = next((name for name, keys in PARTS if any(key in stack for key in keys)), "event loop and other")
        self.samples[part] += count

    def shares(self) -> dict[str, float]:
        """The share of each part, largest first."""
        total = self.samples.total() or 1
        return {part: count / total for part, count in self.samples.most_common()}


@asynccontextmanager
async def profiled(pid: int) -> AsyncIterator[Profile]:
    """Samples a process during the block; the profile is complete after it. Raises FileNotFoundError without py-spy."""
    beside_python = Path(sys.executable).with_name("py-spy")
    program = str(beside_python) if beside_python.exists() else shutil.which("py-spy")
    if program is None:
        raise FileNotFoundError("py-spy is not installed")
    profile = Profile()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "stacks")
        command = [program, "record", "--pid", str(pid), "--output", str(output), "--format", "raw", "--gil"]
        command += ["--rate", str(RATE), "--duration", "3600", "--full-filenames"]
        child = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            yield profile
        finally:
            if child.returncode is None:
                child.send_signal(signal.SIGINT)
            await child.wait()
        for line in _lines(output):
            stack, _, count = line.rpartition(" ")
            profile.add(stack, int(count))


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()
