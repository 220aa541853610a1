"""The JSON documents of docs/api.md: what routes return, report files contain and commands print."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic.alias_generators import to_camel

from atlas.domain.adoption import Adoption, Groups, Uptake
from atlas.domain.advice import advice_for_organization, advice_for_user
from atlas.domain.page_urls import anonymous_url
from atlas.domain.scans import Scan
from atlas.domain.text import moment_text
from atlas.domain.user_rows import UserRow
from atlas.pages.organization_policy import OrganizationPolicy
from atlas.tables.personal_bookings import meeting_type_dict

type Document = Mapping[str, Any]


def user_document(row: UserRow) -> Document:
    """A user, as in a list."""
    types = row.meeting_types
    return _json(
        {
            "userId": row.user.user_id,
            "userPrincipalName": row.user.upn,
            "displayName": row.user.display_name,
            "department": row.user.department,
            "accountEnabled": row.user.account_enabled,
            "userType": row.user.user_type,
            "recipientType": row.recipient_type,
            "primarySmtpAddress": row.primary_smtp_address,
            "mailboxGuid": row.mailbox_guid,
            "status": row.status,
            "reason": row.reason,
            "url": row.url,
            "anonymousUrl": anonymous_url(row.url) if row.url else None,
            "meetingTypes": None if types is None else [meeting_type_dict(one) for one in types],
            "bookable": row.bookable,
            "policyVerdict": row.policy and row.policy.verdict,
            "policyReason": row.policy and row.policy.reason,
            "findings": row.findings,
            "lastKnownStatus": row.last_known_status,
            "lastKnownAt": row.last_known_at,
            "checkedAt": row.checked_at,
            "changedAt": row.changed_at,
            "scanId": row.scan_id,
        }
    )


def user_details_document(row: UserRow, bookings_url: str) -> Document:
    """A user with ``fix``, in the shape of a lookup without availability."""
    return {**user_document(row), "fix": advice_for_user(row, bookings_url)}


def scan_document(scan: Scan) -> Document:
    """A scan."""
    members = {to_camel(field.name): getattr(scan, field.name) for field in fields(scan)}
    members.pop("usersKept")  # the API does not return it
    return _json({"id": members.pop("scanId"), **members})


def adoption_document(adoption: Adoption) -> Document:
    """The numbers of users by domain and by department, the largest first."""
    shown = adoption.with_largest_groups()
    return _json(
        {
            "scanId": shown.scan_id,
            "countedAt": shown.counted_at,
            "total": _uptake(shown.total),
            "domains": _groups(shown.domains),
            "otherDomains": shown.other_domains and _uptake(shown.other_domains),
            "departments": _groups(shown.departments),
            "otherDepartments": shown.other_departments and _uptake(shown.other_departments),
        }
    )


def policy_document(policy: OrganizationPolicy) -> Document:
    """The organisation's policy."""
    verdict, organization = policy.verdict, policy.organization
    return _json(
        {
            "verdict": verdict.verdict,
            "reason": verdict.reason,
            "setting": verdict.setting,
            "value": verdict.value,
            "fix": advice_for_organization(verdict),
            "ewsAllowedAppIds": list(policy.ews_allowed_app_ids or ()),
            "bookings": organization and dict(organization.bookings),
            "owaPolicies": [
                {
                    "identity": one.identity,
                    "isDefault": one.is_default,
                    "bookingsMailboxCreationEnabled": one.allows_creation,
                    "bookingsMailboxDomain": one.domain,
                }
                for one in policy.owa_policies or ()
            ],
            "cis139": policy.cis_1_3_9,
            "openQuestions": [question.text for question in verdict.questions],
            "checkedAt": policy.at,
        }
    )


def _groups(groups: Groups) -> list[dict[str, Any]]:
    return [{"name": name or None, **_uptake(uptake)} for name, uptake in groups.items()]


def _uptake(uptake: Uptake) -> dict[str, Any]:
    return {to_camel(name): value for name, value in asdict(uptake).items()}


def _json(document: Mapping[str, Any]) -> Document:
    return {name: _value(value) for name, value in document.items()}


def _value(value: Any) -> Any:
    match value:
        case datetime():
            return moment_text(value)
        case StrEnum():
            return str(value)
        case str():
            return value
        case Mapping():
            return _json(value)
        case Sequence():
            return [_value(one) for one in value]
        case _:
            return value
