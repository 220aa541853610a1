"""What Durable Functions accepts as a payload: warn where Azure gets slow, fail where it refuses."""

import logging
import re
from itertools import accumulate

WARN_BYTES = 45 * 1024  # larger ones do not fit in a queue message and go through a blob
REFUSE_BYTES = 1024 * 1024  # Durable Task Scheduler's limit for one payload
REFUSE_STATUS_BYTES = 16 * 1024  # of custom status, counted in UTF-16 as .NET does

MAX_DEPTH = 64  # of nested JSON, as Newtonsoft.Json reads it

log = logging.getLogger("local.host")


class PayloadRefused(Exception):
    """An input, output or status that Azure would refuse; the message names the function."""


class Payloads:
    """Checks the inputs and outputs of functions; warns once for each function and direction."""

    def __init__(self) -> None:
        self._warned: set[tuple[str, str]] = set()

    def check(self, payload: str | None, function: str, what: str) -> None:
        """Raise PayloadRefused above 1 MB or for JSON that .NET cannot read; warn above 45 KB."""
        size = len((payload or "").encode(errors="replace"))
        if size > REFUSE_BYTES:
            raise PayloadRefused(
                f"the {what} of {function} has {size:,} bytes; more than {REFUSE_BYTES:,} are refused in Azure"
            )
        if problem := _unreadable(payload or "null"):
            raise PayloadRefused(f"the {what} of {function} {problem}, which is refused in Azure")
        if size > WARN_BYTES and (function, what) not in self._warned:
            self._warned.add((function, what))
            log.warning("the %s of %s has %s bytes; keep payloads below 45 KB", what, function, f"{size:,}")


def check_status(custom_status: str, function: str) -> None:
    """Raise PayloadRefused for a custom status above 16 KB."""
    size = 2 * len(custom_status)
    if size > REFUSE_STATUS_BYTES:
        raise PayloadRefused(
            f"the custom status of {function} has {size:,} bytes in UTF-16; "
            f"more than {REFUSE_STATUS_BYTES:,} are refused in Azure"
        )


_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
_STEP = {"[": 1, "{": 1, "]": -1, "}": -1}


def _unreadable(payload: str) -> str | None:
    """Why .NET could not read a payload, or None."""
    structure = _STRINGS.sub("", payload)
    if max(accumulate((_STEP.get(sign, 0) for sign in structure), initial=0)) > MAX_DEPTH:
        return f"is nested deeper than {MAX_DEPTH} levels"
    if re.search(r"NaN|Infinity", structure):
        return "has a number that JSON does not know"
    return None
