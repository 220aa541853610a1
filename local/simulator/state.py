"""The state that the services share: the tenant, its behaviour, the clock, faults, metrics and addresses."""

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.simulator import ids
from local.simulator.faults import Faults
from local.simulator.metrics import Metrics
from local.simulator.options import Behaviour, TenantPlan
from local.simulator.shared_pages import SharedPages
from local.simulator.tenant import Tenant


@dataclass
class SimulatorState:
    """One simulated Microsoft 365, shared by its services."""

    plan: TenantPlan
    clock: Callable[[], float] = time.time
    """Epoch seconds; a test can pass its own."""
    tenant: Tenant = field(init=False)
    shared_pages: SharedPages = field(init=False)
    behaviour: Behaviour = field(init=False)
    faults: Faults = field(init=False)
    metrics: Metrics = field(default_factory=Metrics)
    urls: dict[str, str] = field(default_factory=dict)
    """Base URL of each service, without a slash at the end; known once the sockets are open."""

    def __post_init__(self) -> None:
        self.tenant = Tenant(self.plan)
        self.shared_pages = SharedPages(self.plan, self.tenant.population, datetime.fromtimestamp(self.clock(), UTC))
        self.behaviour = self.plan.behaviour
        self.faults = Faults(self.plan.seed)
        self._request_key = ids.key_of(self.plan.seed, "requests")
        self._requests = itertools.count()

    def behave(self, changes: Mapping[str, Any]) -> Behaviour:
        """Change how the tenant behaves from now on."""
        self.behaviour = self.behaviour.with_changes(changes)
        return self.behaviour

    def request_id(self) -> str:
        """A new request ID."""
        return ids.guid_of(self._request_key, next(self._requests))
