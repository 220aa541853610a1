"""A row, a scan, a change, free times and a policy, each with a value in every field."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from atlas.domain.adoption import Adoption, Uptake
from atlas.domain.availability import AvailabilityItem, Slot
from atlas.domain.bookings_settings import MEANINGS as BOOKINGS_SETTINGS
from atlas.domain.changes import Change, ChangeKind
from atlas.domain.ews_settings import AGENT, ews_scope
from atlas.domain.findings import Finding
from atlas.domain.owa_policies import Benchmark, OwaPolicy
from atlas.domain.policy import judge_organization, judge_policy
from atlas.domain.scans import Scan, ScanState
from atlas.domain.statuses import Status
from atlas.domain.time_windows import TimeWindow
from atlas.domain.user_rows import MeetingType, UserRow
from atlas.domain.users import LicensedUser
from atlas.microsoft365.exchange_settings import Organization
from atlas.pages.free_times import FreeTimes
from atlas.pages.organization_policy import OrganizationPolicy

NOW = datetime(2026, 11, 21, 8, 41, 59, tzinfo=UTC)
ANY_GUID = "72f988bf-86f1-41af-91ab-2d7cd011db47"
SCAN_ID = "scan-20261121T084159188-a0acee44"

USER = LicensedUser(
    user_id=ANY_GUID,
    upn="adele@contoso.com",
    display_name="Adele",
    department="Sales",
    mail="adele@contoso.com",
    account_enabled=True,
    user_type="Member",
)
ROW = UserRow(
    user=USER,
    status=Status.PUBLISHED,
    checked_at=NOW,
    reason="a reason",
    recipient_type="UserMailbox",
    primary_smtp_address="adele@contoso.com",
    mailbox_guid=ANY_GUID,
    url="https://outlook.office.com/bookwithme/user/a@contoso.com",
    meeting_types=(MeetingType("1", "Coffee", 30, is_online=True, url="https://contoso.com"),),
    bookable=False,
    policy=judge_policy(ews_scope("EnforceBlockList", None, [AGENT], ews_enabled=True), None),
    findings=(Finding.NOTHING_BOOKABLE,),
    last_known_status=Status.PUBLISHED,
    last_known_at=NOW,
    changed_at=NOW,
    scan_id=SCAN_ID,
    status_since=NOW,
)
SCAN = Scan(
    scan_id=SCAN_ID,
    state=ScanState.COMPLETED,
    trigger="http",
    started_at=NOW,
    finished_at=NOW,
    users_listed=1,
    users_probed=1,
    by_status={"published": 1},
    throttled_waits=1,
    users_kept=1,
    estimated_end=NOW,
    warnings=("a warning",),
    error="an error",
)
SALES = Uptake(licensed=3, has_page=2, offers_meetings=1, only_default_types=1)
ADOPTION = Adoption(
    total=SALES,
    domains={"contoso.com": SALES},
    other_domains=SALES,
    departments={"Sales": SALES},
    other_departments=SALES,
    scan_id=SCAN_ID,
    counted_at=NOW,
)
CHANGE = Change(
    at=NOW,
    kind=ChangeKind.URL_CHANGED,
    user_id=ANY_GUID,
    upn="adele@contoso.com",
    display_name="Adele",
    department="Sales",
    primary_smtp_address="adele@contoso.com",
    from_status=Status.PUBLISHED,
    to_status=Status.PUBLISHED,
    url="https://new",
    previous_url="https://old",
    scan_id=SCAN_ID,
)
FREE_TIMES = FreeTimes(
    window=TimeWindow(NOW, NOW + timedelta(days=1), ZoneInfo("UTC")),
    meeting_type=ROW.meeting_types[0] if ROW.meeting_types else None,
    items=(AvailabilityItem("BOOKINGSAVAILABILITYSTATUS_AVAILABLE", NOW, NOW + timedelta(hours=1)),),
    free=(Slot(NOW, NOW + timedelta(hours=1)),),
)
EWS = ews_scope("EnforceBlockList", None, [AGENT], ews_enabled=True, changed_at=NOW)
POLICY = OrganizationPolicy(
    verdict=judge_organization(EWS, NOW),
    organization=Organization(
        ews=EWS,
        bookings_enabled=False,
        bookings_auth_enabled=False,
        bookings=dict.fromkeys(BOOKINGS_SETTINGS, False),
    ),
    ews_allowed_app_ids=(ANY_GUID,),
    owa_policies=(OwaPolicy("a policy", is_default=True, allows_creation=False, domain="contoso.com"),),
    cis_1_3_9=Benchmark.PASS,
    at=NOW,
)
