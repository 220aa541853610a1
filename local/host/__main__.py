"""`python -m local.host`: runs a function app from a terminal."""

import argparse
import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

from local.host.console import set_up_logging
from local.host.serve import BrokenApp, Hazards, Options, PortInUse, Ready, serve
from local.host.settings import UnusableSettings


def main(arguments: list[str] | None = None) -> int:
    """Run the host; the exit code is 1 when it cannot start, and 0 when it was told to stop."""
    asked = _parser().parse_args(arguments)
    set_up_logging(asked.log_file and asked.log_file.resolve())
    app_folder = asked.app.resolve()
    if app_folder.is_dir():
        os.chdir(app_folder)  # where the worker in Azure runs
    if asked.end_with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    options = Options(hazards=Hazards(repeat=asked.repeat_activities, seed=asked.seed))
    try:
        asyncio.run(serve(app_folder, asked.port, options=options, on_ready=_announce))
    except (BrokenApp, PortInUse, UnusableSettings) as fault:
        print(f"The local host cannot start: {fault}", file=sys.stderr)  # noqa: T201 - a terminal's last words
        return 1
    return 0


def _end_with_stdin() -> None:
    while os.read(0, 1024):
        pass
    signal.raise_signal(signal.SIGTERM)


def _announce(ready: Ready) -> None:
    print(ready.summary, file=sys.stderr, flush=True)  # noqa: T201 - a terminal's first words
    print(ready.url, flush=True)  # noqa: T201 - the one line for programs


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.host", description=__doc__)
    parser.add_argument("--port", type=int, default=7071, help="0 takes a free one (default 7071)")
    parser.add_argument("--app", type=Path, default=Path(), metavar="FOLDER", help="the folder of function_app.py")
    parser.add_argument("--log-file", type=Path, metavar="FILE", help="also write the log here")
    parser.add_argument(
        "--repeat-activities", type=float, default=0.0, metavar="P", help="run this share of activities twice"
    )
    parser.add_argument("--end-with-stdin", action="store_true", help="stop when standard input ends")
    parser.add_argument("--seed", type=int, default=0, help="decides which ones")
    return parser


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    if threading.active_count() > 1:
        os._exit(code)  # a synchronous function that still runs would hold the interpreter back
    sys.exit(code)
