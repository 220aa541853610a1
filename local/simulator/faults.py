"""Faults on demand: which calls fail, how, and how often; drawn from the seed, so that a run can be repeated."""

import random
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(slots=True)
class Fault:
    """A failure that waits for calls.

    `target` is the beginning of `service.operation`: `graph.users`, `graph.users.next` (a page after the first),
    `graph.batch`, `graph.part.settings` (a part of a batch), `exchange.Get-Mailbox`, `exchange.Get-Mailbox.next`,
    `bookings.services`, `bookings.getStaffAvailability`, `entra.token`, `managed_identity.token`.
    """

    target: str
    status: int = 503
    """0 closes the connection without an answer."""
    times: int | None = 1
    """So many calls fail, then the fault is over; None: for ever."""
    skip: int = 0
    """So many calls pass first."""
    probability: float = 1.0
    retry_after: str | None = None
    """`Retry-After` header, for example `2.128`; None sends none."""
    error: str = ""
    """The service's own name for it: `Directory_ExpiredPageToken`, `ServerBusyException`, `expiredPage`."""
    body: str | None = None
    """Sent instead of the service's own error body."""
    delay_seconds: float = 0
    """Before the answer; with status 200 the call is only slow."""


class Faults:
    """The faults that wait, in the order they were added; the first that fits a call wins."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  # repeatable on purpose
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let calls fail from now on."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Let everything work again."""
        self._waiting.clear()

    def next_for(self, operation: str) -> Fault | None:
        """The fault that hits this call, if any."""
        for fault in self._aimed_at(operation):
            if fault.skip > 0:
                fault.skip -= 1
            elif self._random.random() < fault.probability:
                self._use_up(fault)
                return fault
        return None

    def jitter(self, most: float) -> float:
        """A random number below this."""
        return self._random.random() * most

    def shuffle(self, items: list[Any]) -> None:
        """Mix a list in place."""
        self._random.shuffle(items)

    def waiting(self) -> list[dict[str, Any]]:
        """The faults that wait, as plain values."""
        return [asdict(fault) for fault in self._waiting]

    def _aimed_at(self, operation: str) -> Iterable[Fault]:
        return [fault for fault in self._waiting if f"{operation}.".startswith(f"{fault.target}.")]

    def _use_up(self, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times <= 0:
            self._waiting.remove(fault)
