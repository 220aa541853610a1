"""How many users have adopted their personal pages: by domain, by department, and in the whole tenant."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from atlas.domain.page_urls import domain_of
from atlas.domain.statuses import Status
from atlas.domain.user_rows import MeetingType, UserRow

DEFAULT_MINUTES = frozenset({15, 30})
"""The meeting types that Bookings creates with every page."""
MAX_GROUPS = 500
"""Domains, and departments, that are counted separately; the smallest beyond that are counted together."""
MAX_NAME_LENGTH = 64
"""The longest department that Entra stores."""


@dataclass(frozen=True, slots=True)
class Uptake:
    """Numbers of users, each a part of the one before it."""

    licensed: int = 0
    has_page: int = 0
    """The page responded or required sign-in, now or when its status was last known."""
    offers_meetings: int = 0
    """The page has a public meeting type."""
    only_default_types: int = 0
    """All of its public meeting types are the defaults of 15 and 30 minutes."""

    def __add__(self, other: "Uptake") -> "Uptake":
        return Uptake(
            self.licensed + other.licensed,
            self.has_page + other.has_page,
            self.offers_meetings + other.offers_meetings,
            self.only_default_types + other.only_default_types,
        )


type Groups = Mapping[str, Uptake]
"""The uptake of each group, by its name. Users without a department are in the group with the empty name."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """The numbers of a tenant, or of a part of its rows."""

    total: Uptake = field(default_factory=Uptake)
    domains: Groups = field(default_factory=dict)
    other_domains: Uptake | None = None
    """The smallest domains together; ``None``: ``domains`` holds all."""
    departments: Groups = field(default_factory=dict)
    other_departments: Uptake | None = None
    scan_id: str | None = None
    """The scan that counted them; ``None``: no scan did."""
    counted_at: datetime | None = None

    def __add__(self, other: "Adoption") -> "Adoption":
        return Adoption(
            self.total + other.total,
            _add_groups(self.domains, other.domains),
            _sum(self.other_domains, other.other_domains),
            _add_groups(self.departments, other.departments),
            _sum(self.other_departments, other.other_departments),
        )

    def with_largest_groups(self, groups: int = MAX_GROUPS) -> "Adoption":
        """Keep at most ``groups`` domains and departments, by number of licensed users, and add up the others."""
        domains, other_domains = _largest(self.domains, groups)
        departments, other_departments = _largest(self.departments, groups)
        return replace(
            self,
            domains=domains,
            other_domains=_sum(self.other_domains, other_domains),
            departments=departments,
            other_departments=_sum(self.other_departments, other_departments),
        )


def adoption_of(rows: Iterable[UserRow]) -> Adoption:
    """The adoption of these rows. Users who are no longer licensed are not counted."""
    domains: dict[str, Uptake] = {}
    departments: dict[str, Uptake] = {}
    total = Uptake()
    for row in rows:
        if row.status is Status.GONE:
            continue
        uptake = uptake_of(row)
        domain = domain_of(row.user.upn) or ""
        department = (row.user.department or "").strip()[:MAX_NAME_LENGTH]
        total += uptake
        domains[domain] = domains.get(domain, Uptake()) + uptake
        departments[department] = departments.get(department, Uptake()) + uptake
    return Adoption(total, domains, None, departments)


def uptake_of(row: UserRow) -> Uptake:
    """The numbers of one user."""
    types = row.meeting_types or ()
    return Uptake(1, int(row.url is not None), int(bool(types)), int(has_only_default_types(types)))


def has_only_default_types(types: Sequence[MeetingType]) -> bool:
    """Whether there is at least one type, and all are defaults: 15 or 30 minutes, each once, with that in the title.

    Bookings writes the titles in the language of the mailbox, so that only the number can be recognised.
    """
    durations = [one.duration_minutes for one in types if _is_default(one)]
    return bool(durations) and len(durations) == len(types) == len(set(durations))


def _largest(groups: Groups, limit: int) -> tuple[Groups, Uptake | None]:
    ordered = sorted(groups.items(), key=lambda item: (-item[1].licensed, item[0]))
    others = ordered[limit:]
    return dict(ordered[:limit]), sum((uptake for _, uptake in others), Uptake()) if others else None


def _is_default(one: MeetingType) -> bool:
    return one.duration_minutes in DEFAULT_MINUTES and str(one.duration_minutes) in one.title


def _add_groups(left: Groups, right: Groups) -> Groups:
    return {name: left.get(name, Uptake()) + right.get(name, Uptake()) for name in dict.fromkeys((*left, *right))}


def _sum(left: Uptake | None, right: Uptake | None) -> Uptake | None:
    return left + right if left and right else left or right
