"""What a maker finds in the designer: each action and trigger, the route it stands for, and what it changes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from api.openapi.operations import STORED_STATUSES

type Overlay = Mapping[str, Any]

AS_IT_IS: Overlay = {}
IMPORTANT: Overlay = {"x-ms-visibility": "important"}
ADVANCED: Overlay = {"x-ms-visibility": "advanced"}


@dataclass(frozen=True, slots=True)
class Step:
    """One action or trigger of the connector."""

    operation_id: str
    route: str
    """The operation of the description whose route it calls."""
    summary: str
    description: str
    parameters: Mapping[str, Overlay] = field(default_factory=dict)
    """Those of the route's parameters that it has, each with what is laid over it; the others are left out."""
    shape: str | None = None
    """The shape of its answers with status 200, where that is not the route's."""
    path: str | None = None
    """A path of its own, for a second action on one route; a policy leads it to the route's."""
    extensions: Mapping[str, Any] = field(default_factory=dict)


STEPS: tuple[Step, ...] = (
    Step(
        "GetBookingPage",
        "GetUserBookings",
        summary="Get booking page",
        description="Gets the address of a colleague's booking page, or why there is none.",
        parameters={
            "user": AS_IT_IS,
            "fresh": ADVANCED,
            "availability": {"x-ms-visibility": "internal", "required": True, "default": False},
        },
        shape="BookingPage",
        extensions=IMPORTANT,
    ),
    Step(
        "GetAvailability",
        "GetUserBookings",
        summary="Get availability",
        description="Gets the times at which a colleague can be booked, with the address of the booking page.",
        path="/users/{user}/bookings/availability",
        parameters={
            "user": AS_IT_IS,
            "meetingType": {
                "x-ms-dynamic-values": {
                    "operationId": "GetBookingPage",
                    "parameters": {"user": {"parameter": "user"}, "availability": False},
                    "value-collection": "meetingTypes",
                    "value-path": "id",
                    "value-title": "title",
                }
            },
            "from": AS_IT_IS,
            "to": AS_IT_IS,
            "timeZone": AS_IT_IS,
            "fresh": ADVANCED,
        },
        extensions=IMPORTANT,
    ),
    Step(
        "ListPages",
        "ListUsers",
        summary="List pages",
        description="Lists the booking pages of the tenant, with every licensed user who has none and why.",
        parameters={
            # A designer shows a list of choices for one text, and still takes several, separated by commas.
            "status": {
                "type": "string",
                "collectionFormat": None,
                "items": None,
                "enum": list(STORED_STATUSES),
                "description": "Only users in this status, or in several, separated by commas.",
            },
            "domain": AS_IT_IS,
            "enabled": AS_IT_IS,
            "userType": AS_IT_IS,
            "search": AS_IT_IS,
            "limit": ADVANCED,
        },
        extensions={"x-ms-pageable": {"nextLinkName": "nextLink"}},
    ),
    Step(
        "StartScan",
        "StartScan",
        summary="Start scan",
        description="Starts a scan of the whole tenant, or joins the one that runs, and waits for its end.",
    ),
    Step(
        "GetScan",
        "GetScan",
        summary="Get scan",
        description="Gets how far a scan is, or how it ended.",
        # The platform asks so when it follows the Location of a scan that it has started.
        parameters={"id": AS_IT_IS, "async": {"x-ms-visibility": "internal", "default": None}},
    ),
    Step(
        "WhenPageChanges",
        "ListChanges",
        summary="When a page changes",
        description="This operation triggers when a booking page is set up or withdrawn, or gets another address.",
        parameters={
            "since": {
                "x-ms-visibility": "internal",
                "x-ms-trigger-value": {"value-collection": "value", "value-path": "cursor"},
            }
        },
        extensions={
            **IMPORTANT,
            "x-ms-trigger": "batch",
            "x-ms-trigger-metadata": {"kind": "query", "mode": "polling"},
            "x-ms-trigger-hint": "To see it work now, set up a booking page, then start a scan and wait for its end.",
        },
    ),
)
