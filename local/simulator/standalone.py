"""Runs a simulated tenant in a terminal: prints its settings, and runs until it is stopped."""

import asyncio
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from local.simulator.options import Behaviour, TenantPlan
from local.simulator.serve import SimulatedTenant, running
from local.simulator.user_mixes import MIXES

SIGN_INS = ("system_assigned", "user_assigned", "secret", "certificate", "federated")


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the command line."""

    users: int = 200
    seed: int = 1
    mix: str = "default"
    """One of `MIXES`."""
    latency_ms: float = 0
    """Of every service."""
    jitter_ms: float = 0
    throttle_above: int | None = None
    """Concurrent Bookings requests above which the response is 429."""
    sign_in: str = "system_assigned"
    """Whose settings are printed: one of `SIGN_INS`."""
    folder: Path | None = None
    """Where the certificates go; None: a temporary folder."""


def plan_of(options: Options) -> TenantPlan:
    """The tenant that the options describe."""
    pace = {"latency_ms": options.latency_ms, "jitter_ms": options.jitter_ms}
    throttled = {**pace, "max_in_flight": options.throttle_above}
    behaviour = Behaviour().with_changes({"graph": pace, "exchange": pace, "bookings": throttled})
    return TenantPlan(users=options.users, seed=options.seed, mix=MIXES[options.mix], behaviour=behaviour)


async def main(options: Options, say: Callable[[str], None]) -> None:
    """Run until SIGINT or SIGTERM; `say` prints a line."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with tempfile.TemporaryDirectory(prefix="simulated-tenant-") as temporary:
        async with running(plan_of(options), folder=options.folder or Path(temporary)) as tenant:
            _introduce(tenant, options, say)
            await stop.wait()


def _introduce(tenant: SimulatedTenant, options: Options, say: Callable[[str], None]) -> None:
    for name, value in tenant.all_settings()[options.sign_in].items():
        say(f"export {name}={quote(value)}")
    say(f"# {options.users} licensed users; control: {tenant.control_url}/control/users")
    say("# stop with Ctrl-C")
