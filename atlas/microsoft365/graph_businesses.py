"""Shared Bookings pages in Microsoft Graph: paths, and parsers of businesses, staff and services.

See docs/microsoft-365.md, section 6.1.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from atlas.domain.pages import parse_minutes
from atlas.domain.records import parse_records
from atlas.domain.shared_pages.businesses import (
    BookingService,
    Business,
    BusinessDetails,
    BusinessList,
    ListedBusiness,
    StaffMember,
)
from atlas.domain.text import sanitize_json
from atlas.domain.unknown import Unknown
from atlas.microsoft365.batches import or_unknown
from atlas.microsoft365.calls import Request, Response, classify_status
from atlas.microsoft365.failures import NotUnderstood, TenantFailure
from atlas.microsoft365.graph_batch import get_many
from atlas.microsoft365.graph_documents import NO_CODE, error_code, records_of
from atlas.microsoft365.signed_calls import SignedApiClient

LIST_PATH = "/solutions/bookingBusinesses"
MISSING_PERMISSION = "grant the application permission Bookings.Read.All of Microsoft Graph"


async def get_business_list(client: SignedApiClient) -> BusinessList:
    """The shared pages, as many as Graph lists. Raises ``TenantFailure``."""
    request = Request("GET", f"{client.base_url}/v1.0{LIST_PATH}")
    return parse_business_list((await client.send(request, _classify)).json())


async def get_businesses(
    client: SignedApiClient, business_ids: Sequence[str]
) -> Mapping[str, BusinessDetails | Unknown | None]:
    """Each page with its staff and services: three parts of a batch."""
    paths = {
        f"{part}{number}": path(business_id)
        for number, business_id in enumerate(business_ids)
        for part, path in (("page", business_path), ("staff", staff_path), ("services", services_path))
    }
    responses = await get_many(client, paths, _classify_unless_404)
    return {
        business_id: _details(*(responses[f"{part}{number}"] for part in ("page", "staff", "services")))
        for number, business_id in enumerate(business_ids)
    }


def _details(
    page: Response | TenantFailure, staff: Response | TenantFailure, services: Response | TenantFailure
) -> BusinessDetails | Unknown | None:
    business = or_unknown(page, lambda response: parse_business(response.json()) if _exists(response) else None)
    if business is None or isinstance(business, Unknown):
        return business
    return BusinessDetails(
        business,
        or_unknown(staff, lambda response: parse_staff(_parse_existing(response))),
        or_unknown(services, lambda response: parse_services(_parse_existing(response))),
    )


def _exists(response: Response) -> bool:
    """Raises ``NotUnderstood`` for a 404 that is not Graph's own."""
    if response.status != 404:
        return True
    if error_code(response) == NO_CODE:
        raise NotUnderstood("Microsoft Graph responded with 404 without a code to the request for a shared page")
    return False


def _parse_existing(response: Response) -> Any:
    if response.status == 404:
        raise NotUnderstood("Microsoft Graph responded with 404 to the request for a part of a shared page")
    return response.json()


def _classify(response: Response) -> TenantFailure | None:
    return classify_status(response, MISSING_PERMISSION)


def _classify_unless_404(response: Response) -> TenantFailure | None:
    return None if response.status == 404 else _classify(response)


def business_path(business_id: str) -> str:
    """The path of one business; its ID is an address and has to be encoded."""
    return f"{LIST_PATH}/{quote(business_id, safe='')}"


def staff_path(business_id: str) -> str:
    """The path of the staff of a business."""
    return f"{business_path(business_id)}/staffMembers"


def services_path(business_id: str) -> str:
    """The path of the services of a business."""
    return f"{business_path(business_id)}/services"


class _Business(BaseModel):
    model_config = ConfigDict(frozen=True)
    business_id: str = Field(alias="id", min_length=1)
    display_name: str | None = Field(None, alias="displayName")
    is_published: bool | None = Field(None, alias="isPublished")
    public_url: str | None = Field(None, alias="publicUrl")


class _Staff(BaseModel):
    model_config = ConfigDict(frozen=True)
    display_name: str | None = Field(None, alias="displayName")
    email_address: str | None = Field(None, alias="emailAddress")
    role: str | None = None


class _Service(BaseModel):
    model_config = ConfigDict(frozen=True)
    service_id: str = Field(alias="id", min_length=1)
    title: str | None = Field(None, alias="displayName")
    duration: Any = Field(None, alias="defaultDuration")
    hidden: bool | None = Field(None, alias="isHiddenFromCustomers")


def parse_business_list(document: Any) -> BusinessList:
    """The list, which has neither pages nor details. Raises ``NotUnderstood``."""
    listed = parse_records(sanitize_json(records_of(document, "shared pages")), _Business.model_validate)
    return BusinessList(
        tuple(ListedBusiness(business.business_id, business.display_name) for business in listed.valid),
        len(listed.malformed),
    )


def parse_business(document: Any) -> Business:
    """One business. Raises ``NotUnderstood``."""
    parsed = parse_records([sanitize_json(document)], _Business.model_validate)
    if parsed.malformed:
        raise NotUnderstood(f"Microsoft Graph sent a shared page of which {parsed.malformed[0].problem}")
    business = parsed.valid[0]
    return Business(business.business_id, business.display_name, business.is_published, business.public_url)


def parse_staff(document: Any) -> tuple[StaffMember, ...]:
    """The staff of a business. Raises ``NotUnderstood``, also for one malformed member: a part would mislead."""
    staff = parse_records(sanitize_json(records_of(document, "staff")), _Staff.model_validate)
    if staff.malformed:
        raise NotUnderstood(f"Microsoft Graph sent staff of which {staff.malformed[0].problem}")
    return tuple(StaffMember(member.display_name, member.email_address, member.role) for member in staff.valid)


def parse_services(document: Any) -> tuple[BookingService, ...]:
    """The services of a business, as ``parse_staff``."""
    services = parse_records(sanitize_json(records_of(document, "services")), _Service.model_validate)
    if services.malformed:
        raise NotUnderstood(f"Microsoft Graph sent services of which {services.malformed[0].problem}")
    return tuple(
        BookingService(service.service_id, service.title or "", parse_minutes(service.duration), service.hidden)
        for service in services.valid
    )
