"""What a maker finds in the designer: each action and trigger, the route it calls, and what it changes about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from api.models.changes import KIND_LABELS
from api.models.lists import MAX_PAGE_SIZE
from api.models.users import STORED_STATUS_LABELS, STORED_STATUSES, BookingPage
from api.openapi.schemas import Model
from atlas.domain.changes import ChangeKind

type Overlay = Mapping[str, Any]

UNCHANGED: Overlay = {}
IMPORTANT: Overlay = {"x-ms-visibility": "important"}
ADVANCED: Overlay = {"x-ms-visibility": "advanced"}


@dataclass(frozen=True, slots=True)
class Step:
    """One action or trigger of the connector."""

    operation_id: str
    route: str
    """The operation ID of the route that it calls."""
    summary: str
    description: str
    parameters: Mapping[str, Overlay] = field(default_factory=dict)
    """The parameters of the route that it has, each with its changes; the others are left out."""
    model: Model | None = None
    """The model of its response with status 200, if that is not the route's."""
    extensions: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_trigger(self) -> bool:
        """Whether it starts a flow."""
        return "x-ms-trigger" in self.extensions


STEPS: tuple[Step, ...] = (
    Step(
        "GetBookingPage",
        "GetUserBookings",
        summary="Get booking page",
        description="Gets the URL of a colleague's booking page, or why there is none.",
        parameters={
            "user": UNCHANGED,
            "fresh": ADVANCED,
            "ifNotFound": ADVANCED,
            "availability": {"x-ms-visibility": "internal", "required": True, "default": False},
        },
        model=BookingPage,
        extensions=IMPORTANT,
    ),
    Step(
        "GetAvailability",
        "GetUserAvailability",
        summary="Get availability",
        description="Gets the times when a colleague can be booked, with the URL of the booking page.",
        parameters={
            "user": UNCHANGED,
            "meetingType": {
                "x-ms-dynamic-values": {
                    "operationId": "GetBookingPage",
                    "parameters": {"user": {"parameter": "user"}, "availability": False},
                    "value-collection": "meetingTypes",
                    "value-path": "id",
                    "value-title": "title",
                },
                # Newer designers read this one, older ones the one above.
                "x-ms-dynamic-list": {
                    "operationId": "GetBookingPage",
                    "parameters": {"user": {"parameterReference": "user"}, "availability": {"value": False}},
                    "itemsPath": "meetingTypes",
                    "itemValuePath": "id",
                    "itemTitlePath": "title",
                },
            },
            "from": UNCHANGED,
            "to": UNCHANGED,
            "timeZone": UNCHANGED,
            "fresh": ADVANCED,
            "ifNotFound": ADVANCED,
        },
        extensions=IMPORTANT,
    ),
    Step(
        "ListPages",
        "ListUsers",
        summary="List pages",
        description="Lists the booking pages of the tenant, and why each licensed user without a page has none.",
        parameters={
            # The designer shows choices for a string only, and still accepts several values separated by commas.
            "status": {
                "type": "string",
                "collectionFormat": None,
                "items": None,
                "enum": [*map(str, STORED_STATUSES)],
                **STORED_STATUS_LABELS,
            },
            "domain": UNCHANGED,
            "enabled": UNCHANGED,
            "userType": UNCHANGED,
            "search": UNCHANGED,
            # The platform sends the default of an optional parameter only if a maker adds it, and of this one always.
            "limit": {"x-ms-visibility": "internal", "required": True, "default": MAX_PAGE_SIZE},
        },
        extensions={"x-ms-pageable": {"nextLinkName": "nextLink"}},
    ),
    Step(
        "StartScan",
        "StartScan",
        summary="Start scan",
        description="Starts a scan of the whole tenant, or joins the one that is running, and waits until it ends.",
    ),
    Step(
        "GetScan",
        "GetScan",
        summary="Get scan",
        description="Gets how far a scan has progressed, or how it ended.",
        # The platform sends this when it follows the Location of a scan that it has started.
        parameters={"id": UNCHANGED, "async": {"x-ms-visibility": "internal", "default": None}},
    ),
    Step(
        "WhenPageChanges",
        "ListChanges",
        summary="When a page changes",
        description="This operation triggers when a booking page is set up or withdrawn, or its URL changes.",
        parameters={
            # As for the status of a list.
            "kind": {
                "type": "string",
                "collectionFormat": None,
                "items": None,
                "enum": [*map(str, ChangeKind)],
                **KIND_LABELS,
            },
            "since": {"x-ms-visibility": "internal"},
        },
        extensions={
            **IMPORTANT,
            "x-ms-trigger": "batch",
            "x-ms-trigger-metadata": {"kind": "query", "mode": "polling"},
            "x-ms-trigger-hint": "To see it work now, set up a booking page, start a scan, and wait until it ends.",
        },
    ),
)
