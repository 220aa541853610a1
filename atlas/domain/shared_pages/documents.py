"""A shared page as JSON, in the shape that docs/api.md lists."""

from collections.abc import Mapping
from typing import Any

from atlas.domain.shared_pages.access_of_users import UserSharedPage
from atlas.domain.shared_pages.businesses import BookingService, StaffMember
from atlas.domain.shared_pages.findings import FindingDetail, finding_details
from atlas.domain.shared_pages.holders import Holder
from atlas.domain.shared_pages.rows import SharedPageRow
from atlas.domain.text import moment_text

type Document = Mapping[str, Any]


def page_document(row: SharedPageRow) -> Document:
    """The page as it is listed."""
    return {
        "id": row.address,
        "displayName": row.display_name,
        "accountId": row.account_id,
        "accountEnabled": row.account_enabled,
        "hiddenFromAddressLists": row.hidden_from_address_lists,
        "createdAt": row.created_at and moment_text(row.created_at),
        "createdBy": row.created_by,
        "creatorProblem": row.creator_problem,
        "published": row.published,
        "publicUrl": row.public_url,
        "staffCount": None if row.staff is None else len(row.staff),
        "serviceCount": None if row.services is None else len(row.services),
        "knownTo": [*row.known_to],
        "holders": [_holder(holder) for holder in row.holders or ()],
        "findings": [found.name for found in row.findings],
        "state": row.state,
        "checkedAt": moment_text(row.checked_at),
        "changedAt": row.changed_at and moment_text(row.changed_at),
        "scanId": row.scan_id,
    }


def page_details_document(row: SharedPageRow) -> Document:
    """The page as it is returned on its own."""
    return {
        **page_document(row),
        "staff": [_staff(member) for member in row.staff or ()],
        "services": [_service(service) for service in row.services or ()],
        "findingDetails": [_finding_document(detail) for detail in finding_details(row)],
    }


def user_page_document(page: UserSharedPage) -> Document:
    """One way in which a user can open a page."""
    return {
        "id": page.address,
        "displayName": page.display_name,
        "publicUrl": page.public_url,
        "published": page.published,
        "access": [*page.access],
        "viaGroup": page.via_group,
        "role": page.role,
    }


def _holder(holder: Holder) -> Document:
    return {
        "kind": holder.kind,
        "userId": holder.object_id,
        "userPrincipalName": holder.upn,
        "displayName": holder.display_name,
        "access": [*holder.access],
        "viaGroup": holder.via_group,
        "enabled": holder.enabled,
        "licensed": holder.licensed,
        "memberCount": holder.member_count,
    }


def _staff(member: StaffMember) -> Document:
    return {"displayName": member.display_name, "emailAddress": member.email_address, "role": member.role}


def _service(service: BookingService) -> Document:
    return {
        "id": service.service_id,
        "title": service.title,
        "durationMinutes": service.duration_minutes,
        "hidden": service.hidden,
    }


def _finding_document(detail: FindingDetail) -> Document:
    return {"name": detail.name, "severity": detail.severity, "evidence": detail.evidence, "fix": detail.fix}
