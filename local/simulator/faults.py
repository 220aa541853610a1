"""Faults on demand: which requests fail, how, and how many times. A run can be repeated with the same seed."""

import random
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Effect(StrEnum):
    """What a fault does to the response, besides its status."""

    NONE = ""
    TRUNCATED = "truncated"
    """The second half of the body is missing: JSON that ends early."""
    CUT_OFF = "cutOff"
    """The connection is closed within the body."""
    DRIP = "drip"
    """The body arrives in ten parts, over `delay_seconds` in total."""
    ENDLESS = "endless"
    """The body never ends."""


@dataclass(slots=True)
class Fault:
    """A failure that waits for requests.

    `target` is the beginning of `service.operation`: `graph.users`, `graph.users.next` (a page after the first),
    `graph.batch`, `graph.part.settings` (a part of a batch), `exchange.Get-Mailbox`, `exchange.Get-Mailbox.next`,
    `bookings.services`, `bookings.getStaffAvailability`, `entra.token`, `managed_identity.token`.
    """

    target: str
    status: int = 503
    """0 closes the connection without a response; 200 sends the normal response, to delay it or to apply `effect`."""
    times: int | None = 1
    """How many requests fail; None: all."""
    skip: int = 0
    """How many requests pass first."""
    probability: float = 1.0
    retry_after: str | None = None
    """`Retry-After` header, for example `2.128`; None sends none."""
    error: str = ""
    """The service's own name for the error: `Directory_ExpiredPageToken`, `ServerBusyException`, `expiredPage`."""
    body: str | None = None
    """Sent instead of the service's own body."""
    delay_seconds: float = 0
    """Before the response, or during it with the effect `drip`."""
    headers: dict[str, str] = field(default_factory=dict)
    """More headers: another `Content-Type`, a `Location`."""
    effect: Effect = Effect.NONE

    def __post_init__(self) -> None:
        self.effect = Effect(self.effect)


class Faults:
    """The faults that wait, in the order they were added; the first that fits a request applies."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  # repeatable on purpose
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let requests fail from now on."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Let everything work again."""
        self._waiting.clear()

    def next_for(self, operation: str) -> Fault | None:
        """The fault that affects this request, if any."""
        for fault in self._targeting(operation):
            if fault.skip > 0:
                fault.skip -= 1
            elif self._random.random() < fault.probability:
                self._use_up(fault)
                return fault
        return None

    def jitter(self, maximum: float) -> float:
        """A random number below this."""
        return self._random.random() * maximum

    def shuffle(self, items: list[Any]) -> None:
        """Shuffle a list in place."""
        self._random.shuffle(items)

    def waiting(self) -> list[dict[str, Any]]:
        """The faults that wait, as plain values."""
        return [asdict(fault) for fault in self._waiting]

    def _targeting(self, operation: str) -> Iterable[Fault]:
        return [fault for fault in self._waiting if f"{operation}.".startswith(f"{fault.target}.")]

    def _use_up(self, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times <= 0:
            self._waiting.remove(fault)
