"""The options of a simulated tenant: what it contains, and how it behaves."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from local.simulator import user_mixes


class UnknownOption(ValueError):
    """A change names an option that does not exist."""


class Changeable:
    """Options that may be changed while the tenant runs."""

    def with_changes(self, changes: Mapping[str, Any]) -> Self:
        """The same options with these replaced; sections may be given as nested mappings."""
        fields = {f.name for f in dataclasses.fields(self)}  # type: ignore[arg-type]  # every subclass is a dataclass
        if unknown := sorted(set(changes) - fields):
            raise UnknownOption(
                f"{type(self).__name__} has no {', '.join(unknown)}; it has {', '.join(sorted(fields))}"
            )
        plain = {name: self._merge(name, value) for name, value in changes.items()}
        return dataclasses.replace(self, **plain)  # type: ignore[type-var]  # as above

    def _merge(self, name: str, value: Any) -> Any:
        current = getattr(self, name)
        if isinstance(current, Changeable) and isinstance(value, Mapping):
            return current.with_changes(value)
        return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True)
class ServiceBehaviour(Changeable):
    """How fast a service responds, and when it throttles."""

    latency_ms: float = 0
    """Added to every response."""
    jitter_ms: float = 0
    """Up to this much more, drawn from the seed."""
    max_in_flight: int | None = None
    """More concurrent requests than this get 429; None: never."""
    retry_after: str | None = "1"
    """`Retry-After` of those 429s; None sends none, as some workloads do."""


@dataclass(frozen=True)
class GraphBehaviour(ServiceBehaviour):
    """Microsoft Graph (docs/microsoft-365.md, section 2)."""

    max_page_size: int = 999
    """Users a page holds at most; smaller values make small tenants page."""
    empty_page_after: int | None = 1
    """After this many pages comes an empty one that has a next link; None: never."""
    duplicate_across_pages: bool = False
    """The last user of page 1 is repeated on the next page."""
    foreign_next_link: bool = False
    """The first next link points to another host, which must not get the token."""
    shuffle_batches: bool = True
    businesses_limit: int = 500
    """How many shared pages are listed at most, without a link to the others."""
    audit_versions: tuple[str, ...] = ("beta",)
    """Where audit queries work; on most tenants not on v1.0."""
    audit_polls: int = 1
    """How often an audit query is still running when its state is requested."""


@dataclass(frozen=True)
class ExchangeBehaviour(ServiceBehaviour):
    """Exchange Online over REST (docs/microsoft-365.md, section 3)."""

    role: str | None = "Global Reader"
    """Role of the service principal; None or one that cannot read (Security Reader) gives 403. View-Only Recipients and
    View-Only Configuration can read a part."""
    max_page_size: int = 1000
    """Rows a page holds at most."""
    page_lifetime_seconds: float = 1800
    audit_search: bool = False
    """Whether the service principal has View-Only Audit Logs, so that Search-UnifiedAuditLog works."""
    warnings: tuple[str, ...] = ()
    """Warnings that do not mean truncation, for example of a corrupted object; added to the first page."""


@dataclass(frozen=True)
class BookingsBehaviour(ServiceBehaviour):
    """The anonymous Bookings service (docs/microsoft-365.md, section 5)."""

    slow_seconds: float = 15
    """How long pages of the kind `slow` and unknown staff IDs take."""
    page_appears_after_seconds: float = 0
    """How long a page is missing after its owner first opened Bookings; in reality a few minutes."""
    page_retry_after: str = "1"
    """`Retry-After` of the pages that are always throttled."""
    auth_hides_pages: bool = False
    """With BookingsAuthEnabled, pages respond as if they did not exist, instead of with 401."""
    starts_inside_busy: bool = True
    """Some pages report the first interval as available although it starts inside a busy block."""


@dataclass(frozen=True)
class SignIn(ServiceBehaviour):
    """Entra and the managed identity endpoint (docs/microsoft-365.md, section 1)."""

    graph_roles: tuple[str, ...] = (
        "User.Read.All",
        "Bookings.Read.All",
        "GroupMember.Read.All",
        "AuditLogsQuery-Exchange.Read.All",
    )
    """Everything the product asks for. Empty: the token is issued anyway, without `roles`."""
    exchange_roles: tuple[str, ...] = ("Exchange.ManageAsApp",)
    token_seconds: int = 3599
    managed_token_seconds: int = 86399
    secret_expired: bool = False
    consented: bool = True
    """Whether the app registration has a service principal in the tenant that is scanned."""
    federated_audience: str = "api://AzureADTokenExchange"
    """Audience of the registration's federated credential."""
    federated_credential: bool = True
    """Whether the registration trusts the user-assigned identity."""
    public_client: bool = True
    """Whether the registration allows public client flows, such as a device code."""
    device_code: str = "entered"
    """What the person does with a device code: ``entered``, ``pending`` (nothing yet) or ``declined``."""


@dataclass(frozen=True)
class Organization(Changeable):
    """Get-OrganizationConfig (docs/microsoft-365.md, section 4). By default, nothing forbids bookings."""

    ews_enabled: bool | None = None
    ews_policy: str | None = None
    ews_allow_list: tuple[str, ...] | None = None
    ews_block_list: tuple[str, ...] | None = None
    ews_allowed_app_ids: tuple[str, ...] | None = None
    """Returned only if the cmdlet is called with RetrieveEwsOperationAccessPolicy."""
    bookings_enabled: bool | None = True
    changed_at: str | None = None
    """`WhenChangedUTC`, as Exchange writes it; None omits it."""
    bookings_auth_enabled: bool = False
    """Forces sign-in on Bookings pages: the anonymous service then responds with 401."""


@dataclass(frozen=True)
class Behaviour(Changeable):
    """How the tenant behaves; every part may be changed while it runs."""

    graph: GraphBehaviour = field(default_factory=GraphBehaviour)
    exchange: ExchangeBehaviour = field(default_factory=ExchangeBehaviour)
    bookings: BookingsBehaviour = field(default_factory=BookingsBehaviour)
    sign_in: SignIn = field(default_factory=SignIn)
    organization: Organization = field(default_factory=Organization)

    def behaviour_of(self, service: str) -> ServiceBehaviour:
        """Latency and throttling of one service, by its name."""
        paces: dict[str, ServiceBehaviour] = {"graph": self.graph, "exchange": self.exchange, "bookings": self.bookings}
        return paces.get(service, self.sign_in)


@dataclass(frozen=True)
class TenantPlan:
    """What the tenant contains; the same plan gives the same tenant each time."""

    users: int = 200
    """Licensed users: exactly as many have a Bookings plan that is Enabled or Warning."""
    seed: int = 1
    mix: user_mixes.Mix = field(default_factory=lambda: user_mixes.DEFAULT)
    """Kinds of the licensed users, and their shares."""
    stale: int | None = None
    """Additional users whom the licence filter lists without a usable plan; None: 3 %, at least 4."""
    unlicensed: int | None = None
    """Additional users without the plan; None: 10 %, at least 5."""
    exchange_only: int | None = None
    """Additional mailboxes that only Exchange knows; None: 2 %, at least 3."""
    shared_pages: int = 25
    """Shared Bookings pages; 25 include one of each kind but the malformed one, which comes next."""
    home_tenant_id: str | None = None
    """Tenant of the app registration and the identities, if it is not the one that is scanned."""
    behaviour: Behaviour = field(default_factory=Behaviour)

    @property
    def stale_users(self) -> int:
        """Users in the filter's result without a usable plan."""
        return max(4, self.users * 3 // 100) if self.stale is None else self.stale

    @property
    def unlicensed_users(self) -> int:
        """Users outside the filter's result."""
        return max(5, self.users // 10) if self.unlicensed is None else self.unlicensed

    @property
    def exchange_only_mailboxes(self) -> int:
        """Mailboxes without a user."""
        return max(3, self.users // 50) if self.exchange_only is None else self.exchange_only
