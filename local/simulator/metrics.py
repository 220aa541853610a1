"""Counts requests by service: how many, how many concurrently, and whether any would have written something."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class ServiceMetrics:
    """The requests to one service."""

    requests: int = 0
    by_operation: Counter[str] = field(default_factory=Counter)
    by_status: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    max_in_flight: int = 0
    """Without latency, requests hardly overlap: set one before asserting this."""

    def opened(self, operation: str) -> None:
        """A request has arrived."""
        self.requests += 1
        self.by_operation[operation] += 1
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)

    def closed(self, status: int) -> None:
        """The response has been sent."""
        self.in_flight -= 1
        self.by_status[str(status)] += 1


class Metrics:
    """The requests to all services."""

    def __init__(self) -> None:
        self.services: dict[str, ServiceMetrics] = {}
        self.writes: list[str] = []
        """Requests that would have changed something in the tenant; there must be none."""

    def of(self, service: str) -> ServiceMetrics:
        """The counts of one service."""
        return self.services.setdefault(service, ServiceMetrics())

    def reset(self) -> None:
        """Count from zero; requests under way stay counted as in flight."""
        for name, counted in self.services.items():
            self.services[name] = ServiceMetrics(in_flight=counted.in_flight, max_in_flight=counted.in_flight)
        self.writes.clear()

    def to_dict(self) -> dict[str, Any]:
        """All counts as plain values."""
        services = {
            name: {
                "requests": counted.requests,
                "by_operation": dict(counted.by_operation),
                "by_status": dict(counted.by_status),
                "in_flight": counted.in_flight,
                "max_in_flight": counted.max_in_flight,
            }
            for name, counted in self.services.items()
        }
        microsoft365 = sum(self.of(name).requests for name in ("graph", "exchange", "bookings"))
        return {"services": services, "requests_to_microsoft_365": microsoft365, "writes": list(self.writes)}
