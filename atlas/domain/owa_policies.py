"""Who may create shared Bookings pages: the settings for that, and the result of a benchmark."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class OwaPolicy:
    """The parts of an OWA mailbox policy that concern Bookings; ``None`` if Exchange returns no value."""

    identity: str
    is_default: bool | None
    allows_creation: bool | None
    """``BookingsMailboxCreationEnabled``: whether its users may create shared pages."""
    domain: str | None = None
    """``BookingsMailboxDomain``: the domain of the addresses of new shared pages."""


class Benchmark(StrEnum):
    """The outcome of a control."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    UNKNOWN = "unknown"


def judge_cis_1_3_9(bookings_enabled: bool | None, policies: Sequence[OwaPolicy] | None) -> Benchmark:  # noqa: FBT001
    """CIS Microsoft 365 benchmark 1.3.9: shared Bookings pages are restricted to selected users.

    It passes if ``BookingsEnabled`` is false, or the default OWA policy does not allow creating pages. A setting
    without a value is ``unknown`` here: two well-known scanners interpret it in opposite ways.
    """
    defaults = [policy.allows_creation for policy in policies or () if policy.is_default]
    if bookings_enabled is False or (defaults and all(allows is False for allows in defaults)):
        return Benchmark.PASS
    if bookings_enabled is None or not defaults or None in defaults:
        return Benchmark.UNKNOWN
    return Benchmark.FAIL
