"""The sizes that Durable Functions allows: warn where Azure gets slow, fail where it refuses."""

import logging

WARN_BYTES = 45 * 1024  # larger ones leave the queue message and take a detour through a blob
REFUSE_BYTES = 1024 * 1024  # Durable Task Scheduler's limit for one payload
REFUSE_STATUS_BYTES = 16 * 1024  # of custom status, counted in UTF-16 as .NET does

log = logging.getLogger("local.host")


class PayloadTooLarge(Exception):
    """An input, output or status that Azure would refuse; the message names the function."""


class Payloads:
    """Weighs what travels through Durable Functions; warns once for each function and direction."""

    def __init__(self) -> None:
        self._warned: set[tuple[str, str]] = set()

    def weigh(self, payload: str | None, function: str, what: str) -> None:
        """Raise PayloadTooLarge above 1 MB, and warn above 45 KB."""
        size = len((payload or "").encode())
        if size > REFUSE_BYTES:
            raise PayloadTooLarge(
                f"the {what} of {function} has {size:,} bytes; more than {REFUSE_BYTES:,} are refused in Azure"
            )
        if size > WARN_BYTES and (function, what) not in self._warned:
            self._warned.add((function, what))
            log.warning("the %s of %s has %s bytes; keep payloads below 45 KB", what, function, f"{size:,}")


def weigh_status(custom_status: str, function: str) -> None:
    """Raise PayloadTooLarge for a custom status above 16 KB."""
    size = 2 * len(custom_status)
    if size > REFUSE_STATUS_BYTES:
        raise PayloadTooLarge(
            f"the custom status of {function} has {size:,} bytes in UTF-16; "
            f"more than {REFUSE_STATUS_BYTES:,} are refused in Azure"
        )
