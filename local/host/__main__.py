"""`python -m local.host`: runs a function app from a terminal."""

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from pathlib import Path

from local.host.console import set_up_logging
from local.host.serve import BrokenApp, Hazards, Options, PortInUse, Ready, serve
from local.host.settings import UnusableSettings

HAZARDS = (
    ("--repeat-activities", "SHARE", "run this share of activities twice"),
    ("--kill-activities", "SHARE", "kill this share of activities between two steps, and run them again"),
    ("--late-results", "SECONDS", "deliver results of activities up to so much later, out of order"),
    ("--late-terminate", "SECONDS", "let a terminated orchestration go on for so long"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run the host; the exit code is 1 if it cannot start, and 0 after a signal."""
    given = _parser().parse_args(arguments)
    set_up_logging(given.log_file and given.log_file.resolve())
    app_folder, ready_file = given.app.resolve(), given.ready_file and given.ready_file.resolve()
    if app_folder.is_dir():
        os.chdir(app_folder)  # where the worker in Azure runs
    if given.end_with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    hazards = Hazards(
        repeat=given.repeat_activities,
        kill=given.kill_activities,
        late_seconds=given.late_results,
        terminate_seconds=given.late_terminate,
        timer_speed=given.timer_speed,
        seed=given.seed,
    )
    options = Options(hazards=hazards)
    try:
        asyncio.run(serve(app_folder, given.port, options=options, on_ready=lambda ready: _announce(ready, ready_file)))
    except (BrokenApp, PortInUse, UnusableSettings) as fault:
        print(f"The local host cannot start: {fault}", file=sys.stderr)  # noqa: T201 - for the terminal
        return 1
    return 0


def _end_with_stdin() -> None:
    while os.read(0, 1024):
        pass
    signal.raise_signal(signal.SIGTERM)


def _announce(ready: Ready, ready_file: Path | None) -> None:
    print(ready.summary, file=sys.stderr, flush=True)  # noqa: T201 - for the terminal
    if ready_file:
        draft = ready_file.with_suffix(".draft")
        draft.write_text(json.dumps({"url": ready.url, "code": ready.code}), encoding="utf-8")
        draft.replace(ready_file)  # so that no reader sees half of it


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.host", description=__doc__)
    parser.add_argument("--port", type=int, default=7071, help="0 takes a free one (default 7071)")
    parser.add_argument("--app", type=Path, default=Path(), metavar="FOLDER", help="the folder of function_app.py")
    parser.add_argument("--log-file", type=Path, metavar="FILE", help="also write the log here")
    hazards = parser.add_argument_group("hazards of production")
    for name, metavar, explained in HAZARDS:
        hazards.add_argument(name, type=float, default=0.0, metavar=metavar, help=explained)
    hazards.add_argument(
        "--timer-speed", type=float, default=1.0, help="make durable timers fire this many times sooner"
    )
    hazards.add_argument("--seed", type=int, default=0, help="another seed, other activities")
    parser.add_argument(
        "--ready-file", type=Path, metavar="FILE", help="write the address and the code here when ready"
    )
    parser.add_argument("--end-with-stdin", action="store_true", help="stop when standard input ends")
    return parser


def _a_thread_still_runs() -> bool:
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread() and not thread.daemon]
    for thread in others:
        thread.join(0.2)  # an idle thread of the worker ends immediately
    return any(thread.is_alive() for thread in others)


if __name__ == "__main__":
    code = main()
    if _a_thread_still_runs():  # a synchronous function would keep the interpreter alive
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
