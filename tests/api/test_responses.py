"""What the response models make of rows, scans and health: valid by their own description, whatever is not known."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from api.models.health import Health
from api.models.responses import Response
from api.models.scans import Scan
from api.models.users import User
from api.openapi.document import all_definitions
from atlas.domain.findings import Finding
from atlas.domain.scans import Scan as StoredScan
from atlas.domain.scans import ScanState
from atlas.domain.statuses import Status
from atlas.domain.text import moment_text
from atlas.domain.user_rows import MeetingType, UserRow
from atlas.domain.users import LicensedUser
from atlas.health.checks import Check, HealthStatus
from atlas.health.checks import Health as HealthResult
from tests.openapi_responses import assert_is_described

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
ROW = UserRow(
    LicensedUser("309c31f7-7a97-4ef7-8eb0-f515f6d11ecd", "adele@contoso.com"), Status.UNKNOWN, NOW, "throttled"
)
PUBLISHED = replace(
    ROW,
    status=Status.PUBLISHED,
    reason=None,
    url="https://outlook.office.com/bookwithme/user/efe6719b094f45a89d4c2a6b2b950fc4@contoso.com",
    meeting_types=(MeetingType("a", "Coffee", None, None, "https://outlook.office.com/x"),),
    findings=(Finding.NOTHING_BOOKABLE,),
    bookable=False,
    last_known_status=Status.PUBLISHED,
    last_known_at=NOW,
    changed_at=NOW,
    scan_id="scan-20261121T083000000-a0acee44",
)


def sent(response: Response) -> dict[str, Any]:
    """The JSON of a response."""
    document: dict[str, Any] = json.loads(response.model_dump_json(by_alias=True))
    return document


@pytest.mark.parametrize("row", [ROW, PUBLISHED], ids=["almost nothing known", "published"])
def test_a_user_is_described(row: UserRow) -> None:
    assert_is_described(all_definitions()["User"], sent(User.of(row)), "a user")


def test_unknown_members_are_null_and_never_omitted() -> None:
    user = sent(User.of(ROW))

    assert user["url"] is user["meetingTypes"] is user["bookable"] is user["changedAt"] is None
    assert user["findings"] == []
    assert user.keys() == sent(User.of(PUBLISHED)).keys()


@pytest.mark.parametrize("by_status", [None, {"published": 2, "gone": 1}])
def test_a_scan_is_described(by_status: dict[str, int] | None) -> None:
    scan = StoredScan("scan-20261121T083000000-a0acee44", ScanState.RUNNING, "http", NOW, by_status=by_status)

    assert_is_described(all_definitions()["Scan"], sent(Scan.of(scan)), "a scan")


@pytest.mark.parametrize("state", [None, ScanState.COMPLETED])
def test_health_is_described(state: ScanState | None) -> None:
    passed = Check(ok=True, detail="responds")
    last = state and StoredScan("scan-20261121T083000000-a0acee44", state, "timer", NOW, finished_at=NOW)
    unused = Check(ok=None, detail="turned off")
    health = HealthResult(HealthStatus.DEGRADED, passed, passed, unused, passed, passed, last, NOW)

    assert_is_described(all_definitions()["Health"], sent(Health.of(health, NOW)), "the health")


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOW, "2026-11-21T08:30:00Z"),
        (NOW + timedelta(microseconds=1500), "2026-11-21T08:30:00.001Z"),
        (datetime(2026, 11, 21, 9, 30, tzinfo=timezone(timedelta(hours=1))), "2026-11-21T08:30:00Z"),
    ],
)
def test_moments_are_written_in_utc_with_z(moment: datetime, text: str) -> None:
    assert moment_text(moment) == text
