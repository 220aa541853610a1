"""Values that the tests of shared pages start from."""

from dataclasses import replace
from datetime import UTC, datetime

from atlas.domain.shared_pages.access import AccessRight
from atlas.domain.shared_pages.businesses import BookingService, Business, BusinessDetails, StaffMember
from atlas.domain.shared_pages.findings import FindingContext
from atlas.domain.shared_pages.holders import Holder, HolderKind
from atlas.domain.shared_pages.mailboxes import SchedulingMailbox
from atlas.domain.shared_pages.rows import NOT_SEARCHED, PageState, SharedPageRow, Source

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
CREATED = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
ACCOUNT_ID = "0a000000-0000-0000-0000-000000000001"
ADELE_ID = "6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0"

ADELE = Holder(
    HolderKind.USER,
    (AccessRight.FULL_ACCESS,),
    object_id=ADELE_ID,
    upn="AdeleV@contoso.com",
    display_name="Adele Vance",
    enabled=True,
    licensed=True,
    trustees=("AdeleV@contoso.com",),
)
STAFF = StaffMember("Adele Vance", "adelev@contoso.com", "administrator")
SERVICE = BookingService("service-1", "First visit", 30, hidden=False)

HEALTHY = SharedPageRow(
    key=ACCOUNT_ID,
    address="HelpDesk@contoso.com",
    state=PageState.PRESENT,
    checked_at=NOW,
    addresses=("helpdesk@contoso.com", "helpdesk@contoso.onmicrosoft.com"),
    display_name="Help Desk",
    account_id=ACCOUNT_ID,
    account_enabled=False,
    hidden_from_address_lists=False,
    created_at=CREATED,
    creator_problem=NOT_SEARCHED,
    published=True,
    public_url="https://outlook.office365.com/owa/calendar/HelpDesk@contoso.com/bookings/",
    staff=(STAFF,),
    services=(SERVICE,),
    known_to=(Source.EXCHANGE, Source.GRAPH),
    holders=(ADELE,),
    scan_id="scan-1",
)
"""A page without any finding."""
ORDINARY = FindingContext(max_full_access=5, exchange_complete=True)

MAILBOX = SchedulingMailbox(
    primary_address="HelpDesk@contoso.com",
    addresses=("helpdesk@contoso.com", "helpdesk@contoso.onmicrosoft.com"),
    account_id=ACCOUNT_ID,
    display_name="Help Desk",
    hidden_from_address_lists=False,
    account_disabled=True,
    created_at=CREATED,
    send_on_behalf=(),
)
DETAILS = BusinessDetails(
    Business("HelpDesk@contoso.onmicrosoft.com", "Help Desk", is_published=True, public_url=HEALTHY.public_url),
    staff=(STAFF,),
    services=(SERVICE,),
)


def user(number, *rights, **more):
    """A user who holds some rights, full access unless others are named."""
    upn = f"user{number}@contoso.com"
    holder = Holder(
        HolderKind.USER,
        rights or (AccessRight.FULL_ACCESS,),
        object_id=f"00000000-0000-0000-0000-{number:012d}",
        upn=upn,
        enabled=True,
        licensed=True,
        trustees=(upn,),
    )
    return replace(holder, **more)


def group(name="Front office", **more):
    """A group that holds full access."""
    holder = Holder(
        HolderKind.GROUP,
        (AccessRight.FULL_ACCESS,),
        object_id="99999999-0000-0000-0000-000000000000",
        display_name=name,
        trustees=(name,),
    )
    return replace(holder, **more)
