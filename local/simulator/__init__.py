"""A simulated Microsoft 365 tenant: an independent statement of how Microsoft's services behave, on real sockets.

It is built from Microsoft's documents and published measurements (docs/microsoft-365.md), not from the product: neither
imports the other.

    async with running(TenantPlan(users=200), folder=folder) as tenant:
        os.environ.update(tenant.settings())
"""

from local.simulator.expected_results import Evidence, Expected
from local.simulator.faults import Effect, Fault
from local.simulator.options import (
    Behaviour,
    BookingsBehaviour,
    ExchangeBehaviour,
    GraphBehaviour,
    Organization,
    SignIn,
    TenantPlan,
)
from local.simulator.serve import SimulatedTenant, running
from local.simulator.shared_pages import SharedPage, SharedPageKind
from local.simulator.user_kinds import Mailbox, MailboxPolicy, Page, Plan, Record, UserKind
from local.simulator.user_mixes import MIXES

__all__ = [
    "MIXES",
    "Behaviour",
    "BookingsBehaviour",
    "Effect",
    "Evidence",
    "ExchangeBehaviour",
    "Expected",
    "Fault",
    "GraphBehaviour",
    "Mailbox",
    "MailboxPolicy",
    "Organization",
    "Page",
    "Plan",
    "Record",
    "SharedPage",
    "SharedPageKind",
    "SignIn",
    "SimulatedTenant",
    "TenantPlan",
    "UserKind",
    "running",
]
