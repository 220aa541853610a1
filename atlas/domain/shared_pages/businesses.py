"""What Microsoft Graph reports about a shared page: a booking business with its staff and services."""

from dataclasses import dataclass

from atlas.domain.unknown import Unknown

LIST_LIMITS = frozenset({500, 1000})
"""Graph cuts its list off at one of these lengths, and returns no link to the rest."""

EXTERNAL_GUEST = "externalGuest"
"""The role of a person outside the organisation."""


@dataclass(frozen=True, slots=True)
class ListedBusiness:
    """One item of the list. The list returns only these fields."""

    business_id: str
    """An address of the scheduling mailbox, as Graph writes it."""
    display_name: str | None = None


@dataclass(frozen=True, slots=True)
class BusinessList:
    """The list of businesses, as far as Graph returns it."""

    businesses: tuple[ListedBusiness, ...]
    malformed: int = 0
    """How many items could not be read."""

    @property
    def truncated(self) -> bool:
        """Whether Graph cut the list off."""
        return len(self.businesses) + self.malformed in LIST_LIMITS


@dataclass(frozen=True, slots=True)
class Business:
    """One booking business, requested individually."""

    business_id: str
    display_name: str | None = None
    is_published: bool | None = None
    public_url: str | None = None


@dataclass(frozen=True, slots=True)
class StaffMember:
    """A member of the staff of a page."""

    display_name: str | None
    email_address: str | None
    role: str | None
    """As Graph names it."""


@dataclass(frozen=True, slots=True)
class BookingService:
    """What can be booked on a page."""

    service_id: str
    title: str
    duration_minutes: int | None = None
    hidden: bool | None = None
    """Hidden from customers."""


@dataclass(frozen=True, slots=True)
class BusinessDetails:
    """A business with its staff and services; each is ``Unknown`` if it could not be read."""

    business: Business
    staff: tuple[StaffMember, ...] | Unknown
    services: tuple[BookingService, ...] | Unknown
