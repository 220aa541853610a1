"""Who counts as licensed for Bookings, and what is kept about such a user."""

from dataclasses import dataclass
from uuid import UUID

BOOKINGS_PLAN_ID = UUID("199a5c09-e0ca-4e37-8f7c-b05d533e1ea2")
"""The service plan MICROSOFTBOOKINGS; it is told by this id alone, never by its service name."""

USABLE_PLAN_STATES = frozenset({"enabled", "warning"})
"""``Warning`` is the grace period of an expired subscription: the plan still works."""


DELETED = "the user was deleted"
"""Why a user is gone whom the directory does not have any more."""


@dataclass(frozen=True, slots=True)
class LicensedUser:
    """A user of the directory whose Bookings plan is usable, as Microsoft Graph describes one."""

    user_id: str
    """Entra object id, lower case; the key of everything that is kept about the user."""
    upn: str
    display_name: str | None = None
    department: str | None = None
    mail: str | None = None
    account_enabled: bool | None = None
    user_type: str | None = None
    """``Member`` or ``Guest``."""


def is_usable_state(capability_status: str) -> bool:
    """Whether a plan of this state works now."""
    return capability_status.lower() in USABLE_PLAN_STATES


def why_not_licensed(plan_state: str | None) -> str:
    """What is wrong with a user's Bookings plan of this state; ``None``: the user has none in any state."""
    match (plan_state or "").lower():
        case "":
            return "the Bookings plan was never assigned to the user"
        case "suspended":
            return "the user's Bookings plan is Suspended: its subscription has expired, and the data is kept"
        case "deleted":
            return "the user's Bookings plan is Deleted: it was taken out of the user's licences"
        case _:
            return f"the user's Bookings plan is {plan_state}"
