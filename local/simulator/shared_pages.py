"""The shared Bookings pages of a tenant, as a pure function of the seed and the day: docs/microsoft-365.md, section 6.

For every finding of the product there is a page that has it and a near miss that does not.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property

from local.simulator import ids
from local.simulator.names import INITIAL_DOMAIN
from local.simulator.options import TenantPlan
from local.simulator.users import Population

_DOMAIN = "contoso.com"
_TITLES = ("Help Desk", "Reception", "Admissions", "Press Office", "Room Service", "Fitting Room", "Beratung Zürich")
_OLDEST_DAYS = 1000
_STEP_DAYS = 389
"""How many days one page is younger than the one before it, modulo the oldest: some of any few pages are recent."""
_AUDIT_DAYS = 180
LARGE_GROUP_MEMBERS = 501


class SharedPageKind(StrEnum):
    """What is special about a shared page."""

    ORDINARY = "ordinary"
    SIGN_IN_ENABLED = "signInEnabled"
    SIGN_IN_UNKNOWN = "signInUnknown"
    """Near miss: Exchange does not report whether the account is disabled."""
    RESERVED_ADDRESS = "reservedAddress"
    NEARLY_RESERVED_ADDRESS = "nearlyReservedAddress"
    LOOK_ALIKE_ADDRESS = "lookAlikeAddress"
    """The address of a user, with one letter doubled."""
    NEARLY_LOOK_ALIKE_ADDRESS = "nearlyLookAlikeAddress"
    DUPLICATE_NAME = "duplicateName"
    DUPLICATE_NAME_TWIN = "duplicateNameTwin"
    """The other page of that name."""
    NEARLY_DUPLICATE_NAME = "nearlyDuplicateName"
    NOBODY_LEFT = "nobodyLeft"
    """All holders have lost their licence or account."""
    SOMEBODY_LEFT = "somebodyLeft"
    TOO_MANY_HOLDERS = "tooManyHolders"
    ENOUGH_HOLDERS = "enoughHolders"
    """As many full-access holders as are allowed."""
    EXTERNAL_STAFF = "externalStaff"
    INTERNAL_GUEST_STAFF = "internalGuestStaff"
    PUBLISHED_EMPTY = "publishedEmpty"
    UNPUBLISHED_EMPTY = "unpublishedEmpty"
    NOT_IN_EXCHANGE = "notInExchange"
    NOT_IN_GRAPH = "notInGraph"
    HIDDEN_BUT_PUBLISHED = "hiddenButPublished"
    HIDDEN_AND_UNPUBLISHED = "hiddenAndUnpublished"
    GROUP_ACCESS = "groupAccess"
    LARGE_GROUP_ACCESS = "largeGroupAccess"
    NOISY_PERMISSIONS = "noisyPermissions"
    """Inherited, denied and system entries beside real ones."""
    MALFORMED = "malformed"
    """Exchange lists it without a valid address, and Graph with malformed staff."""


FINDINGS: dict[SharedPageKind, str] = {
    kind: kind.value
    for kind in (
        SharedPageKind.SIGN_IN_ENABLED,
        SharedPageKind.RESERVED_ADDRESS,
        SharedPageKind.LOOK_ALIKE_ADDRESS,
        SharedPageKind.DUPLICATE_NAME,
        SharedPageKind.NOBODY_LEFT,
        SharedPageKind.TOO_MANY_HOLDERS,
        SharedPageKind.EXTERNAL_STAFF,
        SharedPageKind.PUBLISHED_EMPTY,
        SharedPageKind.NOT_IN_EXCHANGE,
        SharedPageKind.HIDDEN_BUT_PUBLISHED,
    )
}
FINDINGS[SharedPageKind.DUPLICATE_NAME_TWIN] = "duplicateName"
"""The finding that a page of this kind must have; any other kind must have none."""


@dataclass(frozen=True, slots=True)
class SimulatedGroup:
    """A group that holds access."""

    group_id: str
    address: str
    display_name: str
    members: tuple[int, ...]
    """Indexes of users; a large group repeats them under other IDs."""
    member_count: int


@dataclass(frozen=True, slots=True)
class SharedPage:
    """One shared page, as Exchange, Graph and the audit log know it."""

    index: int
    kind: SharedPageKind
    address: str
    other_addresses: tuple[str, ...]
    display_name: str
    account_id: str
    account_disabled: bool | None
    hidden: bool
    published: bool
    created_at: datetime
    created_by: str
    full_access: tuple[str, ...]
    send_as: tuple[str, ...]
    send_on_behalf: tuple[str, ...]
    staff: tuple[tuple[str, str, str], ...]
    """Display name, address and role."""
    services: tuple[tuple[str, int, bool], ...]
    """Title, minutes, and whether it is hidden."""
    in_exchange: bool = True
    in_graph: bool = True

    @property
    def finding(self) -> str | None:
        """The finding that this page must have because of its kind."""
        return FINDINGS.get(self.kind)


@dataclass(frozen=True, slots=True)
class SharedPageChange:
    """What was done to one page since the start."""

    is_deleted: bool = False
    display_name: str | None = None
    published: bool | None = None
    granted: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()


@dataclass
class SharedPages:
    """The shared pages of a tenant, and what was done to them."""

    plan: TenantPlan
    population: Population
    """Whose users hold access; permissions outlive their holders."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When the tenant starts: its pages were created on the days before."""
    changes: dict[int, SharedPageChange] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.today = self.now.replace(hour=8, minute=0, second=0, microsecond=0)
        self._originals: dict[int, SharedPage] = {}
        self._account_key = ids.key_of(self.plan.seed, "shared page accounts")
        self._group_key = ids.key_of(self.plan.seed, "groups")

    @cached_property
    def _indexes(self) -> dict[str, int]:
        """Pages by every address, and by their account."""
        originals = [self._original(index) for index in range(self.plan.shared_pages)]
        return {
            key.lower(): page.index
            for page in originals
            for key in (page.address, page.account_id, *page.other_addresses)
        }

    def all(self) -> Iterator[SharedPage]:
        """Every page that exists, in a stable order."""
        for index in range(self.plan.shared_pages):
            page = self.page(index)
            if page:
                yield page

    def in_exchange(self) -> list[SharedPage]:
        """The pages whose scheduling mailbox Exchange lists."""
        return [page for page in self.all() if page.in_exchange]

    def in_graph(self) -> list[SharedPage]:
        """The pages that Graph knows as businesses."""
        return [page for page in self.all() if page.in_graph]

    def page(self, index: int) -> SharedPage | None:
        """The page as it is now; None if it was deleted."""
        change = self.changes.get(index, SharedPageChange())
        if change.is_deleted:
            return None
        page = self._original(index)
        return replace(
            page,
            display_name=change.display_name or page.display_name,
            published=page.published if change.published is None else change.published,
            full_access=tuple(
                trustee for trustee in (*page.full_access, *change.granted) if trustee not in change.revoked
            ),
        )

    def find(self, key: str) -> SharedPage | None:
        """The page with this address, ignoring case, by any of its addresses, or with this account."""
        index = self._indexes.get(key.lower())
        return None if index is None else self.page(index)

    def change(self, index: int, **changes: object) -> None:
        """Do something to a page; the names are those of `SharedPageChange`."""
        before = self.changes.get(index, SharedPageChange())
        self.changes[index] = replace(before, **changes)  # type: ignore[arg-type]  # checked by the dataclass

    def groups(self) -> tuple[SimulatedGroup, SimulatedGroup]:
        """A small group with nested members, and one that is too large to list."""
        members = tuple(range(min(4, self.plan.users)))
        return (
            SimulatedGroup(
                ids.guid_of(self._group_key, 0), f"frontdesk@{_DOMAIN}", "Front desk", members, len(members)
            ),
            SimulatedGroup(
                ids.guid_of(self._group_key, 1), f"everyone@{_DOMAIN}", "Everyone", members, LARGE_GROUP_MEMBERS
            ),
        )

    def group(self, key: str) -> SimulatedGroup | None:
        """The group with this ID or address."""
        return next((group for group in self.groups() if key.lower() in {group.group_id, group.address}), None)

    def _original(self, index: int) -> SharedPage:
        """The page as created; a few thousand are kept."""
        if index not in self._originals:
            self._originals[index] = self._create(index)
        return self._originals[index]

    def _create(self, index: int) -> SharedPage:
        kinds = tuple(SharedPageKind)
        kind = kinds[index % len(kinds)] if index < len(kinds) * 2 else SharedPageKind.ORDINARY
        random_bytes = hashlib.blake2b(index.to_bytes(8), digest_size=8, key=self._account_key).digest()
        title = _TITLES[random_bytes[0] % len(_TITLES)]
        local = f"{title.replace(' ', '').replace('ü', 'ue')}{index}"
        holder, other = self._upn(random_bytes[1]), self._upn(random_bytes[2] + 1)
        page = SharedPage(
            index=index,
            kind=kind,
            address=f"{local}@{_DOMAIN}",
            other_addresses=(f"{local.lower()}@{INITIAL_DOMAIN}",),
            display_name=f"{title} {index}",
            account_id=ids.guid_of(self._account_key, index),
            account_disabled=True,
            hidden=False,
            published=True,
            created_at=self.today - timedelta(days=_OLDEST_DAYS - index * _STEP_DAYS % _OLDEST_DAYS),
            created_by=holder,
            full_access=(holder, other) if random_bytes[3] % 2 else (holder,),
            send_as=(holder,) if random_bytes[4] % 2 else (),
            send_on_behalf=(other,) if random_bytes[5] % 4 == 0 else (),
            staff=(("Staff One", holder, "administrator"), ("Staff Two", other, "teamMember")),
            services=(("First consultation", 30, False), ("Internal meeting", 60, True)),
        )
        return self._of_kind(page)

    def _of_kind(self, page: SharedPage) -> SharedPage:
        small, large = self.groups()
        name = self._upn(page.index).partition("@")[0]
        lost = self._unlicensed_upn()
        many = tuple(self._upn(number) for number in range(6))
        variants: dict[SharedPageKind, dict[str, object]] = {
            SharedPageKind.SIGN_IN_ENABLED: {"account_disabled": False},
            SharedPageKind.SIGN_IN_UNKNOWN: {"account_disabled": None},
            SharedPageKind.RESERVED_ADDRESS: {
                "address": f"{'hostmaster' if page.index < len(SharedPageKind) else 'admin'}@{_DOMAIN}"
            },
            SharedPageKind.NEARLY_RESERVED_ADDRESS: {"address": f"administration{page.index}@{_DOMAIN}"},
            SharedPageKind.LOOK_ALIKE_ADDRESS: {"address": f"{name}{name[-1:]}@{_DOMAIN}"},
            SharedPageKind.NEARLY_LOOK_ALIKE_ADDRESS: {"address": f"appointments-{page.index}-{name[:3]}@{_DOMAIN}"},
            SharedPageKind.DUPLICATE_NAME: {"display_name": "Appointments"},
            SharedPageKind.DUPLICATE_NAME_TWIN: {"display_name": "Appointments"},
            SharedPageKind.NEARLY_DUPLICATE_NAME: {"display_name": f"Appointments {page.index}"},
            SharedPageKind.NOBODY_LEFT: {"full_access": (lost,), "send_as": (), "send_on_behalf": ()},
            SharedPageKind.SOMEBODY_LEFT: {"full_access": (lost, self._upn(0)), "send_as": (), "send_on_behalf": ()},
            SharedPageKind.TOO_MANY_HOLDERS: {"full_access": many},
            SharedPageKind.ENOUGH_HOLDERS: {"full_access": many[:5]},
            SharedPageKind.EXTERNAL_STAFF: {
                "staff": (*page.staff, ("External", "someone@fabrikam.com", "externalGuest"))
            },
            SharedPageKind.INTERNAL_GUEST_STAFF: {"staff": (*page.staff, ("Guest", self._upn(3), "guest"))},
            SharedPageKind.PUBLISHED_EMPTY: {"staff": (), "services": ()},
            SharedPageKind.UNPUBLISHED_EMPTY: {"staff": (), "services": (), "published": False},
            SharedPageKind.NOT_IN_EXCHANGE: {"in_exchange": False},
            SharedPageKind.NOT_IN_GRAPH: {"in_graph": False},
            SharedPageKind.HIDDEN_BUT_PUBLISHED: {"hidden": True},
            SharedPageKind.HIDDEN_AND_UNPUBLISHED: {"hidden": True, "published": False},
            SharedPageKind.GROUP_ACCESS: {"full_access": (small.address,), "send_as": (small.address,)},
            SharedPageKind.LARGE_GROUP_ACCESS: {"full_access": (large.address, self._upn(1))},
        }
        return replace(page, **variants.get(page.kind, {}))  # type: ignore[arg-type]  # fields of the dataclass

    def _upn(self, number: int) -> str:
        """The UPN of one of the licensed users; different numbers give different users if there are enough."""
        if not self.plan.users:
            return f"nobody@{_DOMAIN}"
        return self.population.user(number % self.plan.users).upn

    def _unlicensed_upn(self) -> str:
        """The UPN of a user without a Bookings plan, or of a user who does not exist."""
        first = self.population.in_filter
        return self.population.user(first).upn if first < self.population.in_graph else f"nobody@{_DOMAIN}"


def was_audited(page: SharedPage, now: datetime) -> bool:
    """Whether the audit log still has the record of its creation."""
    return now - page.created_at <= timedelta(days=_AUDIT_DAYS)
