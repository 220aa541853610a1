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
    app_folder, ready_file = asked.app.resolve(), asked.ready_file and asked.ready_file.resolve()
    if app_folder.is_dir():
        os.chdir(app_folder)  # where the worker in Azure runs
    if asked.end_with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    options = Options(hazards=Hazards(repeat=asked.repeat_activities, seed=asked.seed))
    try:
        asyncio.run(serve(app_folder, asked.port, options=options, on_ready=lambda ready: _announce(ready, ready_file)))
    except (BrokenApp, PortInUse, UnusableSettings) as fault:
        print(f"The local host cannot start: {fault}", file=sys.stderr)  # noqa: T201 - a terminal's last words
        return 1
    return 0


def _end_with_stdin() -> None:
    while os.read(0, 1024):
        pass
    signal.raise_signal(signal.SIGTERM)


def _announce(ready: Ready, ready_file: Path | None) -> None:
    print(ready.summary, file=sys.stderr, flush=True)  # noqa: T201 - a terminal's first words
    if ready_file:
        draft = ready_file.with_suffix(".draft")
        draft.write_text(ready.url, encoding="utf-8")
        draft.replace(ready_file)  # so that whoever waits for the file never sees half of it


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.host", description=__doc__)
    parser.add_argument("--port", type=int, default=7071, help="0 takes a free one (default 7071)")
    parser.add_argument("--app", type=Path, default=Path(), metavar="FOLDER", help="the folder of function_app.py")
    parser.add_argument("--log-file", type=Path, metavar="FILE", help="also write the log here")
    parser.add_argument(
        "--repeat-activities", type=float, default=0.0, metavar="P", help="run this share of activities twice"
    )
    parser.add_argument("--ready-file", type=Path, metavar="FILE", help="write the address here once it answers")
    parser.add_argument("--end-with-stdin", action="store_true", help="stop when standard input ends")
    parser.add_argument("--seed", type=int, default=0, help="decides which ones")
    return parser


def _a_thread_still_runs() -> bool:
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread() and not thread.daemon]
    for thread in others:
        thread.join(0.2)  # an idle one of the worker's ends at once
    return any(thread.is_alive() for thread in others)


if __name__ == "__main__":
    code = main()
    if _a_thread_still_runs():  # a synchronous function, which would hold the interpreter back
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
