"""`python -m local.simulator`: the simulated tenant alone."""

import asyncio
import sys
from argparse import ArgumentParser
from pathlib import Path

from local.simulator.standalone import SIGN_INS, Options, main
from local.simulator.user_mixes import MIXES


def _options() -> Options:
    parser = ArgumentParser(prog="python -m local.simulator", description="Run a simulated Microsoft 365 tenant.")
    usual = Options()
    parser.add_argument("--users", type=int, default=usual.users, help="licensed users")
    parser.add_argument("--seed", type=int, default=usual.seed, help="another seed, another tenant")
    parser.add_argument("--mix", choices=sorted(MIXES), default=usual.mix, help="what kinds of users")
    parser.add_argument("--latency-ms", type=float, default=usual.latency_ms, help="added to every answer")
    parser.add_argument("--jitter-ms", type=float, default=usual.jitter_ms, help="up to so much more")
    parser.add_argument("--throttle-above", type=int, default=None, help="Bookings calls at once before it answers 429")
    parser.add_argument("--sign-in", choices=SIGN_INS, default=usual.sign_in, help="whose settings to print")
    parser.add_argument("--folder", type=Path, default=None, help="where certificates go (default: a temporary folder)")
    return Options(**vars(parser.parse_args()))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(_options(), _say))
