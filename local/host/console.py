"""The console: one line for each log record, and a summary at the start."""

import logging
import sys
import textwrap
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from local.host.guard import Keys
from local.host.routes import Routes
from local.host.timers import Timer
from local.host.worker import running_function

QUIET = ("azure.functions", "azure.durable_functions", "aiohttp.access", "asyncio")
"""Loggers of the worker and the host. The app configures the loggers of its own libraries."""

NOT_SIMULATED = """\
This host runs the app on this machine as Azure Functions would. It does not simulate: Easy Auth, function keys (unless
REQUIRE_KEYS=1), scale-out to several processes, the latency of storage queues, cold starts, function timeouts, entities
and call_http. Durable state is in memory and ends with this process. Activities run exactly once, unless you add a
hazard such as --repeat-activities."""


class OneLine(logging.Formatter):
    """Time, level, the function that logged (or the logger, outside a function), message."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        who = getattr(record, "function", "") or record.name
        line = f"{at} {record.levelname:<7} {who}: {record.getMessage().rstrip()}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _note_function(record: logging.LogRecord) -> bool:
    # A filter, because it runs where the record is made: in the function's own task or thread.
    record.function = "host" if record.name == "local.host" else running_function()
    return True


def set_up_logging(log_file: Path | None = None, level: int = logging.INFO) -> None:
    """Send all logs to standard error, and to a file if there is one."""
    outputs: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if log_file:
        outputs.append(logging.FileHandler(log_file, encoding="utf-8"))
    for output in outputs:
        output.setFormatter(OneLine())
        output.addFilter(_note_function)
    logging.captureWarnings(capture=True)
    logging.basicConfig(level=level, handlers=outputs, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def summary(
    base_url: str,
    keys: Keys,
    routes: Routes,
    timers: Iterable[Timer],
    orchestrators: Iterable[str],
    activities: Iterable[str],
) -> str:
    """List the app's functions and their addresses."""
    lines = [f"Functions of this app, at {base_url}", ""]
    for route in sorted(routes.all, key=lambda route: (route.template, route.methods_text)):
        lines.append(f"  {route.methods_text:<10} {base_url}{route.template}")
    for timer in timers:
        due = timer.schedule.after(datetime.now(UTC))
        lines.append(
            f"  timer      {timer.function.name}: {timer.schedule.expression}, next {due:%Y-%m-%d %H:%M:%S} UTC"
        )
    lines += [_list_names("orchestrators", orchestrators), _list_names("activities", activities)]
    lines += ["", f"  Webhooks and admin routes require the code {keys.host}"]
    if keys.function:
        lines.append(f"  Functions require the key {keys.function}")
    return "\n".join([*lines, "", NOT_SIMULATED, ""])


def _list_names(what: str, names: Iterable[str]) -> str:
    text = ", ".join(sorted(names)) or "none"
    return textwrap.fill(text, 118, initial_indent=f"  {what:<13} ", subsequent_indent=" " * 16, break_on_hyphens=False)
