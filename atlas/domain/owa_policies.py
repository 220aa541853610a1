"""Who may make shared Bookings pages: the settings beside personal bookings, and what a benchmark says of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class OwaPolicy:
    """An OWA mailbox policy, as far as it bears on Bookings; ``None`` where Exchange tells no value."""

    identity: str
    is_default: bool | None
    allows_creation: bool | None
    """``BookingsMailboxCreationEnabled``: whether its users may make shared pages."""
    domain: str | None = None
    """``BookingsMailboxDomain``: the domain that addresses of new shared pages are of."""


class Benchmark(StrEnum):
    """The outcome of a control."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    UNKNOWN = "unknown"


def judge_cis_1_3_9(bookings_enabled: bool | None, policies: Sequence[OwaPolicy] | None) -> Benchmark:  # noqa: FBT001
    """CIS Microsoft 365 benchmark 1.3.9: shared Bookings pages are restricted to selected users.

    It passes where ``BookingsEnabled`` is false, or the default OWA policy forbids to make pages. A setting without a
    value is neither on nor off: two well-known scanners read it in opposite ways, so it is ``unknown`` here.
    """
    defaults = [policy.allows_creation for policy in policies or () if policy.is_default]
    if bookings_enabled is False or (defaults and all(allows is False for allows in defaults)):
        return Benchmark.PASS
    if bookings_enabled is None or not defaults or None in defaults:
        return Benchmark.UNKNOWN
    return Benchmark.FAIL
