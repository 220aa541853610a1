"""Adoption: what callers receive."""

from typing import Self

from pydantic import Field

from api.models.responses import Moment, Response
from atlas.domain.adoption import Adoption as StoredAdoption
from atlas.report.documents import adoption_document


class UsersCounted(Response):
    """Numbers of users."""

    licensed: int = Field(description="Users who are licensed for Bookings.")
    has_page: int = Field(description="Users whose page responded or required sign-in when its status was last known.")
    offers_meetings: int = Field(description="Users whose page has a public meeting type.")
    only_default_types: int = Field(description="Users who offer only the default meeting types of 15 and 30 minutes.")


class GroupCounted(UsersCounted):
    """The numbers of one domain or department."""

    name: str | None = Field(description="The name of the domain or department; empty for users without one.")


class Adoption(Response):
    """How many users have set up their pages, by domain and by department."""

    scan_id: str | None = Field(description="The scan that counted them; empty before the first one.")
    counted_at: Moment | None = Field(description="When they were counted.")
    total: UsersCounted = Field(description="All users.")
    domains: list[GroupCounted] = Field(
        description="The domains of user principal names, those with the most users first."
    )
    other_domains: UsersCounted | None = Field(
        description="The domains that are not listed, together; empty if all are listed."
    )
    departments: list[GroupCounted] = Field(description="The departments, those with the most users first.")
    other_departments: UsersCounted | None = Field(
        description="The departments that are not listed, together; empty if all are listed."
    )

    @classmethod
    def of(cls, adoption: StoredAdoption) -> Self:
        """The numbers that a scan has counted."""
        return cls.model_validate(adoption_document(adoption))
