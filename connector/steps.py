"""The actions and triggers that makers see in the designer: the route of each, and how its parameters differ."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from api.models.changes import KIND_LABELS
from api.models.lists import MAX_PAGE_SIZE
from api.models.lookups import BookingPage
from api.models.responses import enum_labels
from api.models.shared_pages import KIND_LABELS as SHARED_KIND_LABELS
from api.models.users import STORED_STATUS_LABELS, STORED_STATUSES
from api.openapi.schemas import Model
from atlas.domain.changes import ChangeKind
from atlas.domain.shared_pages.changes import SharedChangeKind
from atlas.domain.time_zones import windows_names

type Overlay = Mapping[str, Any]

UNCHANGED: Overlay = {}
IMPORTANT: Overlay = {"x-ms-visibility": "important"}
ADVANCED: Overlay = {"x-ms-visibility": "advanced"}
INTERNAL: Overlay = {"x-ms-visibility": "internal"}
POLLED: Overlay = {"x-ms-trigger": "batch", "x-ms-trigger-metadata": {"kind": "query", "mode": "polling"}}
# The designer shows choices for a string only, and still accepts several values separated by commas.
SEVERAL: Overlay = {"type": "string", "collectionFormat": None, "items": None}
STATUS: Overlay = {**SEVERAL, "enum": [*map(str, STORED_STATUSES)], **STORED_STATUS_LABELS}
CHANGE_KIND: Overlay = {**SEVERAL, "enum": [*map(str, ChangeKind)], **KIND_LABELS}
SHARED_CHANGE_KIND: Overlay = {**SEVERAL, "enum": [*map(str, SharedChangeKind)], **SHARED_KIND_LABELS}
# A fixed list: it changes about once a year, and a maker can enter every other name as a custom value.
TIME_ZONE: Overlay = {
    "enum": [*windows_names()],
    **enum_labels({key: f"{key} ({name})" for key, name in windows_names().items()}),
}


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

    @property
    def cursor_parameter(self) -> str:
        """The parameter of a trigger in which the platform sends back the cursor of the previous response."""
        (name,) = [name for name, overlay in self.parameters.items() if overlay == INTERNAL]
        return name


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
            "timeZone": TIME_ZONE,
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
            "status": STATUS,
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
        "ExportPages",
        "ExportUsers",
        summary="Export pages",
        description="Returns the same list as a CSV file, which opens in Excel.",
        parameters={
            "status": STATUS,
            "domain": UNCHANGED,
            "enabled": UNCHANGED,
            "userType": UNCHANGED,
            "search": UNCHANGED,
        },
    ),
    Step(
        "ListSharedPages",
        "ListSharedPages",
        summary="List shared pages",
        description="Lists the shared booking pages of the tenant, who can open each, and what needs attention.",
        parameters={
            "published": UNCHANGED,
            "finding": UNCHANGED,
            "search": UNCHANGED,
            "state": ADVANCED,
            "limit": {"x-ms-visibility": "internal", "required": True, "default": MAX_PAGE_SIZE},
        },
        extensions={"x-ms-pageable": {"nextLinkName": "nextLink"}},
    ),
    Step(
        "GetSharedPage",
        "GetSharedPage",
        summary="Get shared page",
        description="Gets a shared booking page with its staff, services, findings and everyone who can open it.",
        parameters={
            "id": {
                "x-ms-dynamic-values": {
                    "operationId": "ListSharedPages",
                    "parameters": {"limit": MAX_PAGE_SIZE},
                    "value-collection": "value",
                    "value-path": "id",
                    "value-title": "displayName",
                },
                "x-ms-dynamic-list": {
                    "operationId": "ListSharedPages",
                    "parameters": {"limit": {"value": MAX_PAGE_SIZE}},
                    "itemsPath": "value",
                    "itemValuePath": "id",
                    "itemTitlePath": "displayName",
                },
            }
        },
    ),
    Step(
        "ListUserSharedPages",
        "ListUserSharedPages",
        summary="List a user's shared pages",
        description="Lists the shared booking pages that a colleague can open, and by which right, group or role.",
        parameters={"user": UNCHANGED},
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
        "ListScans",
        "ListScans",
        summary="List scans",
        description="Lists recent scans, newest first, with their totals.",
        parameters={"limit": UNCHANGED},
    ),
    Step(
        "WhenPageChanges",
        "ListChanges",
        summary="When a page changes",
        description="This operation triggers when a booking page is set up or withdrawn, or its URL changes.",
        parameters={
            "kind": CHANGE_KIND,
            "since": INTERNAL,
        },
        extensions={
            **IMPORTANT,
            **POLLED,
            "x-ms-trigger-hint": "To see it work now, set up a booking page, start a scan, and wait until it ends.",
        },
    ),
    Step(
        "WhenSharedPageChanges",
        "ListSharedPageChanges",
        summary="When a shared page changes",
        description="This operation triggers when a shared page is created, deleted or published, or access changes.",
        parameters={"kind": SHARED_CHANGE_KIND, "since": INTERNAL},
        extensions={
            **POLLED,
            "x-ms-trigger-hint": "To see it work now, create a shared page, start a scan, and wait until it ends.",
        },
    ),
    Step(
        "WhenScanEnds",
        "ListScans",
        summary="When a scan ends",
        description="This operation triggers when a scan has completed, failed or been cancelled.",
        parameters={"endedAfter": INTERNAL},
        extensions={**POLLED, "x-ms-trigger-hint": "To see it work now, start a scan, and wait until it ends."},
    ),
)
