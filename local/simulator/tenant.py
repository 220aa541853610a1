"""The tenant as it is now: the population of the plan, and the changes made while it runs."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from local.simulator import ids
from local.simulator.names import INITIAL_DOMAIN
from local.simulator.options import TenantPlan
from local.simulator.user_kinds import Mailbox, MailboxPolicy, Page, Plan, Record
from local.simulator.users import Population, SimulatedUser


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to one user since the start; None: unchanged."""

    plan: Plan | None = None
    page: Page | None = None
    page_appears_at: float = 0
    """Epoch seconds from which the new page works; before, the old one does."""
    mailbox: Mailbox | None = None
    mailbox_generation: int = 0
    policy: MailboxPolicy | None = None
    record: Record | None = None
    is_deleted: bool = False


class Tenant:
    """The users, the order in which they are listed, and how they are found."""

    def __init__(self, plan: TenantPlan) -> None:
        self.plan = plan
        self.tenant_id = ids.guid_of(ids.key_of(plan.seed, "tenant"), 0)
        self.home_tenant_id = plan.home_tenant_id or self.tenant_id
        self.initial_domain = INITIAL_DOMAIN
        self.population = Population(plan)
        self.changes: dict[int, Change] = {}
        self._filter_order = ids.Shuffle(plan.seed, "filter", self.population.in_filter)
        self._graph_order = ids.Shuffle(plan.seed, "graph", self.population.in_graph)
        self._exchange_order = ids.Shuffle(plan.seed, "exchange", self.population.total)

    def user(self, index: int, now: float = float("inf")) -> SimulatedUser | None:
        """The user as they are now; None if there is no such user, or the user was deleted."""
        if not 0 <= index < self.population.total:
            return None
        user = self.population.user(index)
        change = self.changes.get(index)
        if change is None:
            return user
        return None if change.is_deleted else self._apply_change(user, change, now)

    def _apply_change(self, user: SimulatedUser, change: Change, now: float) -> SimulatedUser:
        return dataclasses.replace(
            user,
            plan=change.plan or user.plan,
            page=change.page if change.page and now >= change.page_appears_at else user.page,
            mailbox=change.mailbox or user.mailbox,
            mailbox_guid=self.population.mailbox_guid(user.index, change.mailbox_generation),
            policy=change.policy or user.policy,
            record=change.record or user.record,
        )

    def by_object_id(self, object_id: str) -> SimulatedUser | None:
        """The user with this Entra object id."""
        index = self.population.index_of_object(object_id)
        return None if index is None else self.user(index)

    def by_address(self, address: str) -> SimulatedUser | None:
        """The user with this UPN, or the mailbox with this primary SMTP address, ignoring case."""
        index = self.population.index_of_address(address)
        user = None if index is None else self.user(index)
        wanted = address.lower()
        return user if user and wanted in {user.upn.lower(), user.primary_smtp.lower()} else None

    def by_upn(self, upn: str) -> SimulatedUser | None:
        """The user with this UPN, ignoring case."""
        user = self.by_address(upn)
        return user if user and user.object_id and user.upn.lower() == upn.lower() else None

    def by_mailbox(self, guid: str, now: float = float("inf")) -> SimulatedUser | None:
        """The user who owns the mailbox with this ExchangeGuid now."""
        found = self.population.index_of_mailbox(guid)
        user = self.user(found[0], now) if found else None
        if user is None or not user.has_mailbox:
            return None
        return user if user.mailbox_guid.replace("-", "") == guid.replace("-", "").lower() else None

    def find(self, key: str) -> SimulatedUser | None:
        """A user by object id, UPN, mailbox GUID or index."""
        if key.isdecimal():
            return self.user(int(key))
        return self.by_object_id(key) or self.by_upn(key) or self.by_mailbox(key)

    def filter_places(self) -> int:
        """How many positions the listing by licence filter has; some may be empty."""
        return self.population.in_filter + len(self._licensed_since())

    def in_filter(self, start: int) -> Iterator[tuple[int, SimulatedUser]]:
        """Users whom the licence filter lists, from a position on, each with the position after it."""
        gained = self._licensed_since()
        within = self.population.in_filter
        for place in range(start, within + len(gained)):
            user = self.user(self._filter_order[place] if place < within else gained[place - within])
            if user is not None:
                yield place + 1, user

    def in_graph(self, start: int) -> Iterator[tuple[int, SimulatedUser]]:
        """All users, from a position on."""
        return self._each(self._graph_order, start)

    def in_exchange(self, start: int) -> Iterator[tuple[int, SimulatedUser]]:
        """All mailboxes of Exchange Online, from a position on."""
        return ((after, user) for after, user in self._each(self._exchange_order, start) if user.in_exchange)

    def count_in_filter(self) -> int:
        """How many users the licence filter lists."""
        within = self.population.in_filter
        return self.filter_places() - sum(c.is_deleted for i, c in self.changes.items() if i < within)

    def count_in_graph(self) -> int:
        """How many users there are."""
        within = self.population.in_graph
        return within - sum(c.is_deleted for i, c in self.changes.items() if i < within)

    def change(self, index: int, **changes: object) -> None:
        """Change facts of one user; the names are those of `Change`."""
        before = self.changes.get(index, Change())
        self.changes[index] = dataclasses.replace(before, **changes)  # type: ignore[arg-type]  # checked by Change

    def _each(self, order: ids.Shuffle, start: int) -> Iterator[tuple[int, SimulatedUser]]:
        for place in range(start, order.count):
            user = self.user(order[place])
            if user is not None:
                yield place + 1, user

    def _licensed_since(self) -> list[int]:
        """Users outside the plan's filter who were given the Bookings plan since, in a stable order."""
        within = range(self.population.in_filter, self.population.in_graph)
        changed = (index for index, change in self.changes.items() if change.plan and not change.is_deleted)
        return sorted(index for index in changed if index in within)
