"""The tenant as it is now: the population of the plan plus the few changes made while it runs."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from local.simulator import ids
from local.simulator.names import INITIAL_DOMAIN
from local.simulator.options import TenantPlan
from local.simulator.people import Person, Population
from local.simulator.stories import Mailbox, MailboxPolicy, Page, Plan


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to one user since the start; None leaves a fact as it was."""

    plan: Plan | None = None
    page: Page | None = None
    page_appears_at: float = 0
    """Epoch seconds from which the new page answers; before, the old one does."""
    mailbox: Mailbox | None = None
    mailbox_generation: int = 0
    policy: MailboxPolicy | None = None
    is_deleted: bool = False


class Tenant:
    """Who is there, in which order they are listed, and how they are found."""

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

    def person(self, index: int, now: float = float("inf")) -> Person | None:
        """The person as they are now, or None for nobody or somebody deleted."""
        if not 0 <= index < self.population.total:
            return None
        person = self.population.person(index)
        change = self.changes.get(index)
        if change is None:
            return person
        return None if change.is_deleted else self._changed(person, change, now)

    def _changed(self, person: Person, change: Change, now: float) -> Person:
        return dataclasses.replace(
            person,
            plan=change.plan or person.plan,
            page=change.page if change.page and now >= change.page_appears_at else person.page,
            mailbox=change.mailbox or person.mailbox,
            mailbox_guid=self.population.mailbox_guid(person.index, change.mailbox_generation),
            policy=change.policy or person.policy,
        )

    def by_object_id(self, object_id: str) -> Person | None:
        """The user with this Entra object id."""
        index = self.population.index_of_object(object_id)
        return None if index is None else self.person(index)

    def by_address(self, address: str) -> Person | None:
        """The user with this UPN, or the mailbox with this primary SMTP address, in any case."""
        index = self.population.index_of_address(address)
        person = None if index is None else self.person(index)
        wanted = address.lower()
        return person if person and wanted in {person.upn.lower(), person.primary_smtp.lower()} else None

    def by_upn(self, upn: str) -> Person | None:
        """The user with this UPN, in any case."""
        person = self.by_address(upn)
        return person if person and person.object_id and person.upn.lower() == upn.lower() else None

    def by_mailbox(self, guid: str, now: float = float("inf")) -> Person | None:
        """Whoever owns the mailbox with this ExchangeGuid now."""
        found = self.population.index_of_mailbox(guid)
        person = self.person(found[0], now) if found else None
        if person is None or not person.mailbox_answers:
            return None
        return person if person.mailbox_guid.replace("-", "") == guid.replace("-", "").lower() else None

    def find(self, key: str) -> Person | None:
        """A user by object id, UPN, mailbox GUID or index."""
        if key.isdecimal():
            return self.person(int(key))
        return self.by_object_id(key) or self.by_upn(key) or self.by_mailbox(key)

    def filter_places(self) -> int:
        """How many places the listing by licence filter has; some of them may be empty."""
        return self.population.in_filter + len(self._gained())

    def in_filter(self, start: int) -> Iterator[tuple[int, Person]]:
        """Users whom the licence filter lists, from a place on, each with the place after it."""
        gained = self._gained()
        within = self.population.in_filter
        for place in range(start, within + len(gained)):
            person = self.person(self._filter_order[place] if place < within else gained[place - within])
            if person is not None:
                yield place + 1, person

    def in_graph(self, start: int) -> Iterator[tuple[int, Person]]:
        """All users, from a place on."""
        return self._each(self._graph_order, start)

    def in_exchange(self, start: int) -> Iterator[tuple[int, Person]]:
        """All mailboxes of Exchange Online, from a place on."""
        return ((after, person) for after, person in self._each(self._exchange_order, start) if person.in_exchange)

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

    def _each(self, order: ids.Shuffle, start: int) -> Iterator[tuple[int, Person]]:
        for place in range(start, order.count):
            person = self.person(order[place])
            if person is not None:
                yield place + 1, person

    def _gained(self) -> list[int]:
        """Users outside the plan's filter who were given the Bookings plan since, in a stable order."""
        within = range(self.population.in_filter, self.population.in_graph)
        changed = (index for index, change in self.changes.items() if change.plan and not change.is_deleted)
        return sorted(index for index in changed if index in within)
