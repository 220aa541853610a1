"""Who is licensed for Bookings, and what is stored about the user."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from atlas.domain.records import MalformedRecord

BOOKINGS_PLAN_ID = UUID("199a5c09-e0ca-4e37-8f7c-b05d533e1ea2")
"""The service plan MICROSOFTBOOKINGS, identified by this ID alone, never by its service name."""

USABLE_PLAN_STATES = frozenset({"enabled", "warning"})
"""``Warning`` is the grace period of an expired subscription: the plan still works."""

STATES_BY_USE = ("enabled", "warning", "suspended", "lockedout", "deleted")

DELETED = "the user was deleted"
"""Why a user is gone who no longer exists in the directory."""


@dataclass(frozen=True, slots=True)
class LicensedUser:
    """A user of the directory whose Bookings plan is usable, as Microsoft Graph describes one."""

    user_id: str
    """Entra object ID in lower case; the key of everything stored about the user."""
    upn: str
    display_name: str | None = None
    department: str | None = None
    mail: str | None = None
    account_enabled: bool | None = None
    user_type: str | None = None
    """``Member`` or ``Guest``."""


def is_usable_state(capability_status: str) -> bool:
    """Whether a plan in this state works now."""
    return capability_status.lower() in USABLE_PLAN_STATES


def bookings_plan_states(plans: Sequence[Any]) -> list[str]:
    """The states of the Bookings plan in Graph's ``assignedPlans``, the most useful first.

    A malformed plan of another product does not matter. Raises ``MalformedRecord`` if it is not clear whether a usable
    plan is among them.
    """
    bookings_plans = [plan for plan in plans if not isinstance(plan, dict) or _is_bookings_plan(plan)]
    states = [plan["capabilityStatus"] for plan in bookings_plans if _has_state(plan)]
    if len(states) < len(bookings_plans) and not any(map(is_usable_state, states)):
        raise MalformedRecord("assignedPlans is malformed")
    return sorted(states, key=_usefulness)


def _is_bookings_plan(plan: Mapping[str, Any]) -> bool:
    return str(plan.get("servicePlanId")).lower() == str(BOOKINGS_PLAN_ID)


def _has_state(plan: Any) -> bool:
    return isinstance(plan, dict) and isinstance(plan.get("capabilityStatus"), str)


def _usefulness(state: str) -> int:
    return STATES_BY_USE.index(state.lower()) if state.lower() in STATES_BY_USE else len(STATES_BY_USE)


def why_not_licensed(plan_state: str | None) -> str:
    """Why a Bookings plan in this state does not work; ``None``: the user has no such plan."""
    match (plan_state or "").lower():
        case "":
            return "the Bookings plan was never assigned to the user"
        case "suspended":
            return "the user's Bookings plan is Suspended: its subscription has expired, and the data is kept"
        case "deleted":
            return "the user's Bookings plan is Deleted: it was removed from the user's licences"
        case _:
            return f"the user's Bookings plan is {plan_state}"
