"""Adoption: what callers receive."""

from typing import Self

from pydantic import ConfigDict, Field

from api.models.responses import Moment, Response
from atlas.domain.adoption import Adoption as StoredAdoption
from atlas.report.documents import adoption_document


class UsersCounted(Response):
    """Numbers of users."""

    model_config = ConfigDict(title="Users Counted")

    licensed: int = Field(title="Licensed", description="Users who are licensed for Bookings.")
    has_page: int = Field(
        title="Has Page", description="Users whose page responded or required sign-in when its status was last known."
    )
    offers_meetings: int = Field(title="Offers Meetings", description="Users whose page has a public meeting type.")
    only_default_types: int = Field(
        title="Only Default Types",
        description="Users who offer only the default meeting types of 15 and 30 minutes.",
    )


class GroupCounted(UsersCounted):
    """The numbers of one domain or department."""

    model_config = ConfigDict(title="Group Counted")

    name: str | None = Field(
        title="Name", description="The name of the domain or department; empty for users without one."
    )


class Adoption(Response):
    """How many users have set up their pages, by domain and by department."""

    model_config = ConfigDict(title="Adoption")

    scan_id: str | None = Field(title="Scan ID", description="The scan that counted them; empty before the first one.")
    counted_at: Moment | None = Field(title="Counted At", description="When they were counted.")
    total: UsersCounted = Field(title="Total", description="All users.")
    domains: list[GroupCounted] = Field(
        title="Domains", description="The domains of user principal names, those with the most users first."
    )
    other_domains: UsersCounted | None = Field(
        title="Other Domains", description="The domains that are not listed, together; empty if all are listed."
    )
    departments: list[GroupCounted] = Field(
        title="Departments", description="The departments, those with the most users first."
    )
    other_departments: UsersCounted | None = Field(
        title="Other Departments", description="The departments that are not listed, together; empty if all are listed."
    )

    @classmethod
    def of(cls, adoption: StoredAdoption) -> Self:
        """The numbers that a scan has counted."""
        return cls.model_validate(adoption_document(adoption))
