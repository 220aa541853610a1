"""The JSON shapes of docs/api.md: camelCase, times in UTC with ``Z``, ``null`` for not known."""

from datetime import UTC, datetime
from typing import Any

from atlas.domain.advice import advice_for_organization, advice_for_user
from atlas.domain.owa_policies import OwaPolicy
from atlas.domain.page_urls import anonymous_url
from atlas.domain.scans import Scan
from atlas.domain.user_rows import UserRow
from atlas.health.checks import Health
from atlas.pages.free_times import FreeTimes, NoFreeTimes
from atlas.pages.listing import ServedChange
from atlas.pages.lookup import LookupResult
from atlas.pages.organization_policy import OrganizationPolicy
from atlas.tables.status_rows import meeting_type_dict


def user_shape(row: UserRow) -> dict[str, Any]:
    """A user."""
    return {
        "userId": row.user.user_id,
        "userPrincipalName": row.user.upn,
        "displayName": row.user.display_name,
        "department": row.user.department,
        "accountEnabled": row.user.account_enabled,
        "userType": row.user.user_type,
        "recipientType": row.recipient_type,
        "primarySmtpAddress": row.primary_smtp_address,
        "mailboxGuid": row.mailbox_guid,
        "status": str(row.status),
        "reason": row.reason,
        "url": row.url,
        "anonymousUrl": anonymous_url(row.url) if row.url else None,
        "meetingTypes": None if row.meeting_types is None else [*map(meeting_type_dict, row.meeting_types)],
        "bookable": row.bookable,
        "policyVerdict": row.policy_verdict and str(row.policy_verdict),
        "policyReason": row.policy_reason,
        "findings": [str(finding) for finding in row.findings],
        "lastKnownStatus": row.last_known_status and str(row.last_known_status),
        "lastKnownAt": moment_text(row.last_known_at),
        "checkedAt": moment_text(row.checked_at),
        "changedAt": moment_text(row.changed_at),
        "scanId": row.scan_id,
    }


def look_up_shape(found: LookupResult, bookings_url: str) -> dict[str, Any]:
    """A look-up: the user, what would change the status, and where the answer comes from."""
    fix = advice_for_user(found.row, bookings_url)
    return {**user_shape(found.row), "fix": fix, "source": str(found.source)}


def free_times_shape(times: FreeTimes | NoFreeTimes, zone_name: str) -> dict[str, Any]:
    """The members ``availability`` and ``availabilityProblem`` of a look-up; clocks are read in the caller's zone."""
    if isinstance(times, NoFreeTimes):
        return {"availability": None, "availabilityProblem": {"code": times.code, "detail": times.detail}}
    zone = times.window.zone
    availability = {
        "from": times.window.start.astimezone(zone).isoformat(),
        "to": times.window.end.astimezone(zone).isoformat(),
        "timeZone": zone_name,
        "meetingType": times.meeting_type and meeting_type_dict(times.meeting_type),
        "items": [
            {
                "status": item.status,
                "start": item.start.astimezone(zone).isoformat(),
                "end": item.end.astimezone(zone).isoformat(),
            }
            for item in times.items
        ],
        "free": [
            {"start": slot.start.astimezone(zone).isoformat(), "end": slot.end.astimezone(zone).isoformat()}
            for slot in times.free
        ],
    }
    return {"availability": availability, "availabilityProblem": None}


def change_shape(told: ServedChange) -> dict[str, Any]:
    """A change, with the cursor behind it."""
    change = told.change
    return {
        "cursor": told.cursor,
        "at": moment_text(change.at),
        "kind": str(change.kind),
        "userId": change.user_id,
        "userPrincipalName": change.upn,
        "displayName": change.display_name,
        "fromStatus": change.from_status and str(change.from_status),
        "toStatus": str(change.to_status),
        "url": change.url,
        "previousUrl": change.previous_url,
        "scanId": change.scan_id,
    }


def policy_shape(policy: OrganizationPolicy) -> dict[str, Any]:
    """The organisation's policy."""
    organization, verdict, app_ids = policy.organization, policy.verdict, policy.ews_allowed_app_ids
    return {
        "verdict": str(verdict.verdict),
        "reason": verdict.reason,
        "setting": verdict.setting,
        "value": verdict.value,
        "fix": advice_for_organization(verdict),
        "ewsAllowedAppIds": None if app_ids is None else list(app_ids),
        "bookings": organization and dict(organization.bookings),
        "owaPolicies": None if policy.owa_policies is None else [*map(_owa_policy_dict, policy.owa_policies)],
        "cis139": str(policy.cis_1_3_9),
        "openQuestions": [str(question) for question in verdict.questions],
        "checkedAt": moment_text(policy.at),
    }


def _owa_policy_dict(policy: OwaPolicy) -> dict[str, Any]:
    return {
        "identity": policy.identity,
        "isDefault": policy.is_default,
        "bookingsMailboxCreationEnabled": policy.allows_creation,
        "bookingsMailboxDomain": policy.domain,
    }


def scan_shape(scan: Scan) -> dict[str, Any]:
    """A scan."""
    return {
        "id": scan.scan_id,
        "state": str(scan.state),
        "trigger": scan.trigger,
        "startedAt": moment_text(scan.started_at),
        "finishedAt": moment_text(scan.finished_at),
        "usersListed": scan.users_listed,
        "usersProbed": scan.users_probed,
        "byStatus": None if scan.by_status is None else dict(scan.by_status),
        "throttledWaits": scan.throttled_waits,
        "estimatedEnd": moment_text(scan.estimated_end),
        "warnings": list(scan.warnings),
        "error": scan.error,
    }


def health_shape(health: Health, now: datetime) -> dict[str, Any]:
    """The health of the app; the age of the last finished scan is that of ``now``."""
    checks = {
        "signIn": health.sign_in,
        "graph": health.graph,
        "exchange": health.exchange,
        "bookings": health.bookings,
        "tables": health.tables,
    }
    last = health.last_scan
    return {
        "status": str(health.status),
        "checks": {name: {"ok": check.ok, "detail": check.detail} for name, check in checks.items()},
        "lastScan": last
        and {
            "id": last.scan_id,
            "state": str(last.state),
            "finishedAt": moment_text(last.finished_at),
            "ageSeconds": last.finished_at and round((now - last.finished_at).total_seconds()),
        },
    }


def moment_text(moment: datetime | None) -> str | None:
    """RFC 3339, UTC, to the second or, where there are any, the millisecond."""
    if moment is None:
        return None
    utc = moment.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds").replace("+00:00", "Z")
